import { compress, init } from "@bokuweb/zstd-wasm";
import { randomBytes } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { loadWasm } from "../node";
import { unpackSnapshot, type PackedSnapshot } from "./unpack";

const raw = Buffer.concat([new Uint8Array(300_000), randomBytes(200_000), new Uint8Array(100_000).fill(7)]);
let wasm: WebAssembly.Module;
let bytes: Buffer;
let packed: PackedSnapshot;

beforeAll(async () => {
  await init();
  wasm = await loadWasm();
  const parts = [raw.subarray(0, 250_000), raw.subarray(250_000)];
  const frames = parts.map((part) => compress(part, 3));
  bytes = Buffer.concat(frames);
  packed = {
    rawBytes: raw.length,
    frames: frames.map((frame, i) => [frame.length, parts[i]!.length]),
    companion: { a: 1 },
  };
});

/** In chunks that do not respect the frames. */
function stream(data: Uint8Array, chunk = 70_001): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= data.length) {
        controller.close();
        return;
      }
      controller.enqueue(data.slice(at, (at += chunk)));
    },
  });
}

test("unpacks frame by frame whatever the chunks, and counts bytes", async () => {
  const seen: number[] = [];
  const snapshot = await unpackSnapshot(Promise.resolve(wasm), stream(bytes), packed, (n) => seen.push(n));
  expect(Buffer.compare(snapshot.state, raw)).toBe(0);
  expect(snapshot.companion).toEqual({ a: 1 });
  expect(seen.at(-1)).toBe(bytes.length);
});

test("a download cut short says so, with both numbers", async () => {
  const cut = unpackSnapshot(wasm, stream(bytes.subarray(0, 150_000)), packed);
  await expect(cut).rejects.toThrow(`150000 of ${bytes.length} bytes`);
});

test("bytes after the last frame are refused", async () => {
  const longer = Buffer.concat([bytes, Uint8Array.of(0)]);
  await expect(unpackSnapshot(wasm, stream(longer), packed)).rejects.toThrow(/longer than/);
  await expect(unpackSnapshot(wasm, stream(longer, bytes.length), packed)).rejects.toThrow(/longer than/);
});

test("damaged bytes are refused", async () => {
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, 0, 64);
  await expect(unpackSnapshot(wasm, stream(damaged), packed)).rejects.toThrow(/damaged/);
});

test("a description that does not add up is refused", async () => {
  const wrong = { ...packed, rawBytes: raw.length + 1 };
  await expect(unpackSnapshot(wasm, stream(bytes), wrong)).rejects.toThrow(/do not add up/);
});
