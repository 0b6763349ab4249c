import { breath } from "../breath";

const NOTHING = new Uint8Array(0);
const LARGEST_PIECE = 256 * 1024;

/** Reads a stream of chunks as a stream of bytes, resting the thread now and then. */
export class ByteReader {
  #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** Bytes handed out so far. */
  position = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next 1 … `limit` bytes, as a view good until the next call; empty only at the end of the stream. */
  async some(limit: number): Promise<Uint8Array> {
    const pause = breath();
    if (pause) await pause;
    while (this.#at === this.#chunk.length) {
      const next = await this.#source.next();
      if (next.done) return NOTHING;
      this.#chunk = next.value;
      this.#at = 0;
    }
    const end = Math.min(this.#chunk.length, this.#at + Math.min(limit, LARGEST_PIECE));
    const piece = this.#chunk.subarray(this.#at, end);
    this.#at = end;
    this.position += piece.length;
    return piece;
  }

  /** The next `length` bytes, fewer only at the end of the stream; a view good until the next call. */
  async take(length: number): Promise<Uint8Array> {
    const first = await this.some(length);
    if (first.length === length || first.length === 0) return first;
    const whole = new Uint8Array(length);
    whole.set(first);
    let have = first.length;
    while (have < length) {
      const piece = await this.some(length - have);
      if (piece.length === 0) return whole.subarray(0, have);
      whole.set(piece, have);
      have += piece.length;
    }
    return whole;
  }

  /** Passes over `length` bytes; false when the stream ended before. */
  async skip(length: number): Promise<boolean> {
    for (let left = length; left > 0;) {
      const piece = await this.some(left);
      if (piece.length === 0) return false;
      left -= piece.length;
    }
    return true;
  }
}
