/** Keeps the chunks used last, up to a number of bytes; readers of one chunk at once share its loading. */
export class ChunkCache {
  #chunks = new Map<string, Uint8Array>();
  #loading = new Map<string, Promise<Uint8Array>>();
  #bytes = 0;

  constructor(private readonly limit: number) {}

  async get(key: string, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#chunks.get(key);
    if (known) {
      // A Map keeps the order of insertion: the first is the one longest unused.
      this.#chunks.delete(key);
      this.#chunks.set(key, known);
      return known;
    }
    let loading = this.#loading.get(key);
    if (!loading) {
      loading = load().then((chunk) => this.#keep(key, chunk));
      this.#loading.set(key, loading);
      const done = () => this.#loading.delete(key);
      loading.then(done, done);
    }
    return loading;
  }

  clear(): void {
    this.#chunks.clear();
    this.#bytes = 0;
  }

  #keep(key: string, chunk: Uint8Array): Uint8Array {
    this.#chunks.set(key, chunk);
    this.#bytes += chunk.length;
    for (const [oldest, old] of this.#chunks) {
      if (this.#bytes <= this.limit) break;
      this.#chunks.delete(oldest);
      this.#bytes -= old.length;
    }
    return chunk;
  }
}
