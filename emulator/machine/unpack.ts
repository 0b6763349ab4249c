import type { Snapshot } from "./types";

/** A packed snapshot: zstd frames one after the other, with the compressed and raw length of each. */
export interface PackedSnapshot {
  rawBytes: number;
  frames: readonly (readonly [bytes: number, rawBytes: number])[];
  companion: unknown;
}

/** Most a snapshot may unpack to: the memory of the biggest machine. */
const MAX_RAW = 2 ** 31;
/** Size of v86's table of compiled code; the decompressor never calls into it, but the module insists. */
const TABLE_SIZE = 1024;

interface ZstdExports {
  memory: WebAssembly.Memory;
  zstd_create_ctx(sourceLength: number): number;
  zstd_get_src_ptr(context: number): number;
  zstd_read(context: number, length: number): number;
  zstd_read_free(pointer: number, length: number): void;
  zstd_free_ctx(context: number): void;
}

/**
 * Unpacks a snapshot while it arrives, frame by frame, with the decompressor inside v86's wasm.
 * `onBytes` hears how many packed bytes have come so far. Rejects when the stream ends early or a frame is damaged.
 */
export async function unpackSnapshot(
  wasm: WebAssembly.Module | PromiseLike<WebAssembly.Module>,
  stream: ReadableStream<Uint8Array>,
  packed: PackedSnapshot,
  onBytes?: (bytes: number) => void,
): Promise<Snapshot> {
  if (packed.rawBytes > MAX_RAW) throw new Error("The snapshot's description is damaged: it is too large.");
  const state = new Uint8Array(packed.rawBytes);
  let zstd: ZstdExports | undefined;
  let at = 0;
  let frame = 0;
  for await (const bytes of frames(stream, packed.frames, onBytes)) {
    zstd ??= await instantiate(await wasm);
    const rawBytes = packed.frames[frame++]?.[1] ?? 0;
    state.set(unpackFrame(zstd, bytes, rawBytes), at);
    at += rawBytes;
  }
  if (at !== packed.rawBytes)
    throw new Error("The snapshot's description is damaged: its frames do not add up.");
  return { state, companion: packed.companion };
}

async function* frames(
  stream: ReadableStream<Uint8Array>,
  lengths: PackedSnapshot["frames"],
  onBytes?: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const total = lengths.reduce((sum, [bytes]) => sum + bytes, 0);
  let received = 0;
  let chunk = new Uint8Array(0);
  try {
    for (const [length] of lengths) {
      const frame = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        if (chunk.length === 0) {
          const { done, value } = await reader.read();
          if (done) {
            throw new Error(
              `The snapshot is cut short: ${received} of ${total} bytes arrived. Reload the page to try again.`,
            );
          }
          chunk = new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
          received += chunk.length;
          onBytes?.(received);
        }
        const part = chunk.subarray(0, length - filled);
        frame.set(part, filled);
        filled += part.length;
        chunk = chunk.subarray(part.length);
      }
      yield frame;
    }
    // Read to the end: a response cancelled before its end may not enter the browser's cache.
    if (chunk.length > 0 || !(await reader.read()).done) {
      throw new Error("The snapshot is longer than its description says. Reload the page without cache.");
    }
  } finally {
    await reader.cancel();
  }
}

function unpackFrame(zstd: ZstdExports, frame: Uint8Array, rawBytes: number): Uint8Array {
  try {
    const context = zstd.zstd_create_ctx(frame.length);
    new Uint8Array(zstd.memory.buffer, zstd.zstd_get_src_ptr(context) >>> 0, frame.length).set(frame);
    const pointer = zstd.zstd_read(context, rawBytes) >>> 0;
    const raw = new Uint8Array(zstd.memory.buffer, pointer, rawBytes).slice();
    zstd.zstd_read_free(pointer, rawBytes);
    zstd.zstd_free_ctx(context);
    return raw;
  } catch (error) {
    throw new Error("The snapshot is damaged: a part of it does not unpack. Reload the page without cache.", {
      cause: error,
    });
  }
}

/** A second instance of v86's module, of which only the decompressor is used. */
async function instantiate(module: WebAssembly.Module): Promise<ZstdExports> {
  const env: WebAssembly.ModuleImports = {};
  for (const { name, kind } of WebAssembly.Module.imports(module)) {
    env[name] =
      kind === "table"
        ? new WebAssembly.Table({ element: "anyfunc", initial: TABLE_SIZE })
        : () => {
            throw new Error(`The decompressor unexpectedly called ${name}.`);
          };
  }
  const { exports } = await WebAssembly.instantiate(module, { env });
  return exports as unknown as ZstdExports;
}
