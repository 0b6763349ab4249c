import { BLOCK_SIZE } from "./format";

/** Takes the filesystem's bytes in chunks; each call hands over its array. Chunk 0 comes last: it holds the superblock. */
export type ChunkSink = (index: number, bytes: Uint8Array) => Promise<void> | void;

/** Appends bytes and cuts them into chunks of one size. The first chunk waits until the end. */
export class ChunkedOutput {
  #chunk: Uint8Array;
  #filled = 0;
  #index = 0;
  #first: Uint8Array | undefined;

  constructor(
    readonly chunkSize: number,
    private readonly sink: ChunkSink,
  ) {
    this.#chunk = new Uint8Array(chunkSize);
  }

  get position(): number {
    return this.#index * this.chunkSize + this.#filled;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + this.chunkSize - this.#filled);
      this.#chunk.set(piece, this.#filled);
      at += piece.length;
      await this.#advance(piece.length);
    }
  }

  async zeros(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      const step = Math.min(left, this.chunkSize - this.#filled);
      left -= step;
      await this.#advance(step);
    }
  }

  async padToBlock(): Promise<void> {
    await this.zeros(-this.position & (BLOCK_SIZE - 1));
  }

  /** Ends the output after `patch` has written into its first block. Gives the size in bytes. */
  async finish(patch: (block: Uint8Array) => void): Promise<number> {
    const size = this.position;
    if (this.#filled > 0) {
      const last = this.#chunk.slice(0, this.#filled);
      if (this.#index === 0) this.#first = last;
      else await this.sink(this.#index, last);
    }
    const first = this.#first!;
    patch(first.subarray(0, BLOCK_SIZE));
    await this.sink(0, first);
    return size;
  }

  async #advance(length: number): Promise<void> {
    this.#filled += length;
    if (this.#filled < this.chunkSize) return;
    const full = this.#chunk;
    this.#chunk = new Uint8Array(this.chunkSize);
    this.#filled = 0;
    if (this.#index++ === 0) this.#first = full;
    else await this.sink(this.#index - 1, full);
  }
}
