import { createSHA256 } from "hash-wasm";
import { breath } from "../breath";
import { ImageError } from "../types";
import type { Descriptor } from "./manifest";

const LARGEST_PIECE = 256 * 1024;

/** Takes a compressed blob in while it arrives, gives it uncompressed, and settles whether it was the right one. */
export class BlobUnpacker {
  readonly #transform: ReadableWritablePair<Uint8Array, Uint8Array>;
  #last = new Uint8Array(0);
  /** Resolves when every byte has come and the digest is right; rejects with what was wrong. */
  readonly verified: Promise<void>;
  /** Uncompressed bytes modulo 2³², as gzip's trailer says; known once all has arrived. */
  unpackedSize: number | undefined;

  /** `onReceived` hears the compressed bytes so far. */
  constructor(
    source: AsyncIterable<Uint8Array>,
    private readonly descriptor: Descriptor & { compression: "gzip" | "none" },
    private readonly onReceived: (bytes: number) => void,
  ) {
    this.#transform =
      descriptor.compression === "gzip"
        ? (new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>)
        : new TransformStream<Uint8Array, Uint8Array>();
    this.verified = this.#pump(source);
    // Whoever awaits it hears of it; until then it is no unhandled rejection.
    this.verified.catch(() => undefined);
  }

  /** The uncompressed bytes. When the source fails, so does this; `verified` then tells the true reason. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    const reader = this.#transform.readable.getReader();
    const next = () =>
      reader.read().catch((cause: unknown) => {
        throw new ImageError("bad-image", "its gzip data is damaged, or not one whole gzip stream", {
          cause,
        });
      });
    try {
      for (let step = await next(); !step.done; step = await next()) yield step.value;
    } finally {
      reader.cancel().catch(() => undefined);
    }
  }

  async #pump(source: AsyncIterable<Uint8Array>): Promise<void> {
    const writer = this.#transform.writable.getWriter();
    // Failures of the writing side reach the reading side, where they are told.
    writer.closed.catch(() => undefined);
    const { digest, size } = this.descriptor;
    try {
      const hash = await createSHA256();
      let received = 0;
      // When nobody reads any more, the rest is still hashed: it tells a damaged download from a damaged image.
      let read = true;
      for await (const piece of cut(source)) {
        received += piece.length;
        if (received > size) {
          throw new ImageError(
            "bad-digest",
            `the server sent more than the ${size} bytes the manifest names; the registry's copy is damaged`,
          );
        }
        hash.update(piece);
        this.#remember(piece);
        this.onReceived(received);
        if (read) read = await this.#pass(writer, piece);
      }
      if (received < size) {
        throw new ImageError("network", `the download ended after ${received} of ${size} bytes; try again`);
      }
      const actual = `sha256:${hash.digest("hex")}`;
      if (actual !== digest) {
        throw new ImageError(
          "bad-digest",
          `what arrived is ${actual.slice(0, 19)}…, not ${digest.slice(0, 19)}… as the manifest names; the download or the registry's copy is damaged, nothing of it was kept`,
        );
      }
      if (this.descriptor.compression === "gzip" && this.#last.length === 4) {
        this.unpackedSize = new DataView(this.#last.buffer).getUint32(0, true);
      }
      writer.close().catch(() => undefined);
    } catch (error) {
      writer.abort(error).catch(() => undefined);
      throw error;
    }
  }

  async #pass(writer: WritableStreamDefaultWriter<Uint8Array>, piece: Uint8Array): Promise<boolean> {
    try {
      await writer.ready;
      writer.write(piece).catch(() => undefined);
      return true;
    } catch {
      return false;
    }
  }

  #remember(piece: Uint8Array): void {
    const joined = piece.length >= 4 ? piece : Uint8Array.of(...this.#last, ...piece);
    this.#last = joined.slice(-4);
  }
}

/** Servers and stand-ins may give megabytes at once; hashing them in one go would hold the thread too long. */
async function* cut(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += LARGEST_PIECE) {
      const pause = breath();
      if (pause) await pause;
      yield chunk.subarray(at, at + LARGEST_PIECE);
    }
  }
}
