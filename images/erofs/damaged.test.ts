import { describe, expect, it } from "vitest";
import { convert, readErofs } from "../testing/erofs";
import { tarOf } from "../testing/tar";
import { ImageError } from "../types";

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

const sound = tarOf([
  { name: "./", type: "5", mode: 0o755 },
  { name: "dir/", type: "5" },
  { name: "dir/file", data: "data".repeat(300) },
  { name: "dir/link", type: "2", link: "../x" },
  { name: "hard", type: "1", link: "dir/file" },
  { name: "null", type: "3", major: 1, minor: 3 },
  { name: "dir/.wh.gone" },
  { name: "dir/.wh..wh..opq" },
  { name: "short", data: "x", pax: { path: "a/long/name", "SCHILY.xattr.user.k": "v", mtime: "12.5" } },
  { name: "././@LongLink", type: "L", magic: "gnu", data: `${"n".repeat(150)}\0` },
  { name: "cut", magic: "gnu", data: "y" },
]);

/** Makes the checksum of every header right again, so that damage reaches the fields behind it. */
function mendChecksums(tar: Uint8Array): void {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    const block = tar.subarray(at, at + 512);
    if (block[257] !== 0x75 || block[258] !== 0x73) continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  }
}

describe("damaged tars", () => {
  it("end in an image that reads back, or in an ImageError", { timeout: 60_000 }, async () => {
    const outcomes = { converted: 0, refused: 0 };
    for (let seed = 1; seed <= 600; seed++) {
      const next = random(seed);
      const tar = sound.slice(0, next() < 0.2 ? Math.floor(next() * sound.length) : sound.length);
      for (let hits = 1 + Math.floor(next() * 6); hits > 0 && tar.length > 0; hits--) {
        const at = Math.floor(next() * tar.length);
        tar[at] =
          next() < 0.3
            ? [0, 0x2f, 0x2e, 0x37, 0x80, 0xff][Math.floor(next() * 6)]!
            : Math.floor(next() * 256);
      }
      if (next() < 0.8) mendChecksums(tar);
      try {
        readErofs(await convert(tar, 1 + Math.floor(next() * 3000)));
        outcomes.converted++;
      } catch (error) {
        if (!(error instanceof ImageError))
          throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
        expect(["bad-image", "unsupported"]).toContain(error.code);
        outcomes.refused++;
      }
    }
    // Both ways were really walked.
    expect(outcomes.converted).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
  });
});
