import { describe, expect, it } from "vitest";
import { entryBytes, inPieces, joinBytes, tarOf, type TestEntry } from "../testing/tar";
import { ImageError } from "../types";
import { ByteReader } from "./bytes";
import { TarReader, type TarEntry } from "./tar";

async function read(tar: Uint8Array, pieceSize = 700): Promise<(TarEntry & { text: string })[]> {
  const reader = new TarReader(new ByteReader(inPieces(tar, pieceSize)));
  const entries = [];
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    const pieces: Uint8Array[] = [];
    for (let left = entry.size; left > 0;) {
      const piece = new Uint8Array(await reader.data(left));
      pieces.push(piece);
      left -= piece.length;
    }
    entries.push({ ...entry, text: new TextDecoder().decode(joinBytes(pieces)) });
  }
  return entries;
}

const one = async (entry: TestEntry) => (await read(tarOf([entry])))[0]!;

const refused = async (tar: Uint8Array, code: string, message: string | RegExp) => {
  const failure = read(tar);
  await expect(failure).rejects.toThrow(ImageError);
  await expect(failure).rejects.toMatchObject({ code });
  await expect(failure).rejects.toThrow(message);
};

describe("TarReader", () => {
  it("reads every kind of entry, whatever the pieces' size", async () => {
    const tar = tarOf([
      { name: "./", type: "5", mode: 0o755 },
      { name: "a/file", data: "hello", mode: 0o4755, uid: 1, gid: 2, mtime: 3 },
      { name: "/abs//./x/../dir/", type: "5" },
      { name: "link", type: "2", link: "../../anywhere" },
      { name: "hard", type: "1", link: "./a/file", size: 5, patch: (header) => header.set([0x30, 0], 135) },
      { name: "null", type: "3", major: 1, minor: 3 },
      { name: "disk", type: "6" },
      { name: "old", type: "\0", magic: "v7", data: "x" },
      { name: "olddir/", type: "\0", magic: "v7" },
      { name: "contiguous", type: "7", data: "y" },
    ]);
    for (const pieceSize of [1, 511, 512, 513, 1 << 20]) {
      const entries = await read(tar, pieceSize);
      expect(entries.map(({ kind, path, link, text }) => [kind, path.join("/"), link, text])).toEqual([
        ["directory", "", "", ""],
        ["file", "a/file", "", "hello"],
        ["directory", "abs/dir", "", ""],
        ["symlink", "link", "../../anywhere", ""],
        ["hardlink", "hard", "a/file", ""],
        ["char", "null", "", ""],
        ["fifo", "disk", "", ""],
        ["file", "old", "", "x"],
        ["directory", "olddir", "", ""],
        ["file", "contiguous", "", "y"],
      ]);
      expect(entries[1]).toMatchObject({ mode: 0o4755, uid: 1, gid: 2, mtime: 3 });
      expect(entries[5]).toMatchObject({ major: 1, minor: 3 });
    }
  });

  it("joins ustar prefixes and GNU long names", async () => {
    expect((await one({ name: "name", prefix: "some/prefix" })).path.join("/")).toBe("some/prefix/name");
    expect(
      (await one({ name: "name", magic: "gnu", patch: (header) => header.fill(0x78, 345, 400) })).path,
    ).toEqual(["name"]);
    const long = `d/${"n".repeat(200)}`;
    const link = "t".repeat(300);
    const entries = await read(
      tarOf([
        { name: "././@LongLink", type: "L", data: `${long}\0` },
        { name: "././@LongLink", type: "K", data: `${link}\0` },
        { name: "cut", type: "2", link: "cut" },
        { name: "after", data: "z" },
      ]),
    );
    expect(entries.map(({ path, link: target }) => [path.join("/"), target])).toEqual([
      [long, link],
      ["after", ""],
    ]);
  });

  it("reads PAX records, for the next entry only", async () => {
    const entries = await read(
      tarOf([
        {
          name: "short",
          type: "0",
          data: "12345",
          size: 0,
          pax: {
            path: "long/ünïcode",
            size: "5",
            uid: "4000000000",
            gid: "70000",
            mtime: "-1.25",
            "SCHILY.xattr.user.a": new Uint8Array([0, 255, 10]),
            comment: "ignored",
          },
        },
        { name: "next", type: "g", data: "" },
        { name: "next", mtime: 9 },
      ]),
    );
    expect(
      new TextDecoder().decode(Uint8Array.from(entries[0]!.path.join("/"), (c) => c.charCodeAt(0))),
    ).toBe("long/ünïcode");
    expect(entries[0]).toMatchObject({
      text: "12345",
      uid: 4000000000,
      gid: 70000,
      mtime: -2,
      mtimeNanoseconds: 750_000_000,
    });
    expect([...entries[0]!.xattrs]).toEqual([["user.a", new Uint8Array([0, 255, 10])]]);
    expect(entries[1]).toMatchObject({ mtime: 9, uid: 0 });
    expect(entries[1]!.xattrs.size).toBe(0);
  });

  it("reads base-256 numbers", async () => {
    const entry = await one({
      name: "big",
      patch: (header) => {
        header.set([0x80, 0, 0, 0, 0xee, 0x6b, 0x28, 0x00], 108);
        header.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], 136);
      },
    });
    expect(entry).toMatchObject({ uid: 4000000000, mtime: -2 });
  });

  it("keeps names that are no UTF-8", async () => {
    const entry = await one({ name: "x", patch: (header) => header.set([0xff, 0x80, 0x9f], 0) });
    expect(entry.path).toEqual(["\xff\x80\x9f"]);
  });

  it("takes an archive without its end, but not one cut within an entry", async () => {
    expect(await read(entryBytes({ name: "a", data: "b" }))).toHaveLength(1);
    expect(await read(new Uint8Array(0))).toEqual([]);
    await refused(entryBytes({ name: "a", data: "b" }).subarray(0, 600), "bad-image", 'in the data of "a"');
    await refused(entryBytes({ name: "a" }).subarray(0, 300), "bad-image", "in a header");
    await refused(
      entryBytes({ name: "a", pax: { path: "b" } }).subarray(0, 1024),
      "bad-image",
      "in a header",
    );
  });

  it.each<[string, TestEntry, string, string | RegExp]>([
    [
      "names that leave the root",
      { name: "a/../../etc/passwd" },
      "bad-image",
      "leads out of the image's root",
    ],
    ["absolute names that leave the root", { name: "/../x" }, "bad-image", "leads out"],
    [
      "hard links that leave the root",
      { name: "a", type: "1", link: "../x" },
      "bad-image",
      'hard link "a" to "../x" leads out',
    ],
    ["PAX names that leave the root", { name: "a", pax: { path: "../x" } }, "bad-image", "leads out"],
    ["empty names", { name: "" }, "bad-image", "empty"],
    ["long components", { name: "x", pax: { path: "y".repeat(256) } }, "bad-image", "longer than 255"],
    ["long paths", { name: "x", pax: { path: "y/".repeat(2049) } }, "bad-image", "4096"],
    ["NULs in PAX names", { name: "x", pax: { path: "a\0b" } }, "bad-image", "NUL"],
    ["empty symlinks", { name: "x", type: "2" }, "bad-image", "target"],
    ["old sparse files", { name: "x", type: "S", magic: "gnu" }, "unsupported", "sparse"],
    ["PAX sparse files", { name: "x", pax: { "GNU.sparse.major": "1" } }, "unsupported", "sparse"],
    ["unknown types", { name: "x", type: "V" }, "unsupported", 'type "V"'],
    ["huge devices", { name: "x", type: "3", major: 0o10000 }, "bad-image", "device number"],
    [
      "wrong checksums",
      { name: "x", keepChecksum: true, patch: (h) => void (h[0] = 0x79) },
      "bad-image",
      "checksum",
    ],
    [
      "numbers that are none",
      { name: "x", patch: (h) => void (h[101] = 0x39) },
      "bad-image",
      "mode is no number",
    ],
    ["negative sizes", { name: "x", patch: (h) => h.fill(0xff, 124, 136) }, "bad-image", "negative size"],
    [
      "sizes out of range",
      { name: "x", patch: (h) => h.set([0x80, 0, 0xff], 124) },
      "bad-image",
      "out of range",
    ],
    [
      "extended headers of megabytes",
      { name: "x", type: "x", size: 1 << 21 },
      "bad-image",
      "extended header of",
    ],
    ["broken PAX lengths", { name: "x", type: "x", data: "99 path=x\n" }, "bad-image", "length"],
    ["PAX records without =", { name: "x", type: "x", data: "7 path\n" }, "bad-image", "="],
    ["PAX sizes that are none", { name: "x", pax: { size: "-5" } }, "bad-image", "size is no number"],
  ])("refuses %s", async (_what, entry, code, message) => {
    await refused(tarOf([entry]), code, message);
  });

  it("refuses a lone block of zeros", async () => {
    await refused(
      joinBytes([new Uint8Array(512), entryBytes({ name: "a" })]),
      "bad-image",
      "lone block of zeros",
    );
  });
});
