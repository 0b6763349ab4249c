import {
  ownLayers,
  StoreFull,
  type Contents,
  type LayerWriter,
  type Store,
  type StoredImage,
  type StoredLayer,
} from "./types";

const MIB = 2 ** 20;

/** Keeps everything in memory, up to a limit: under Node, and in pages that may not store. */
export class MemoryStore implements Store {
  readonly storage: { kind: "memory"; reason?: string };
  #layers = new Map<string, { layer: StoredLayer; chunks: Uint8Array[] }>();
  #images = new Map<string, StoredImage>();
  #refs = new Map<string, string>();
  #used = 0;

  constructor(
    reason?: string,
    readonly limit = 1024 * MIB,
  ) {
    this.storage = { kind: "memory", ...(reason !== undefined && { reason }) };
  }

  async contents(): Promise<Contents> {
    const layers = new Map([...this.#layers].map(([diffId, { layer }]) => [diffId, layer]));
    return { images: [...this.#images.values()], refs: new Map(this.#refs), layers };
  }

  async createLayer(): Promise<LayerWriter> {
    const chunks: Uint8Array[] = [];
    let used = 0;
    const discard = async () => {
      this.#used -= used;
      used = 0;
      chunks.length = 0;
    };
    return {
      write: async (index, bytes) => {
        if (this.#used + bytes.length > this.limit) {
          throw new StoreFull(
            `images in memory may take ${Math.floor(this.limit / MIB)} MiB, and ${Math.ceil(this.#used / MIB)} MiB are taken`,
          );
        }
        used += bytes.length;
        this.#used += bytes.length;
        chunks[index] = bytes;
      },
      read: async (index) => chunks[index]!,
      commit: async (layer) => {
        if (this.#layers.has(layer.diffId)) return discard();
        this.#layers.set(layer.diffId, { layer, chunks });
      },
      discard,
    };
  }

  async open(diffId: string) {
    const stored = this.#layers.get(diffId);
    return stored && { layer: stored.layer, chunk: async (index: number) => stored.chunks[index]! };
  }

  async save(image: StoredImage, ref: string): Promise<boolean> {
    if (!image.layers.every((diffId) => this.#layers.has(diffId))) return false;
    this.put(image, ref);
    return true;
  }

  /** Saves an image whose layers may lie elsewhere. */
  put(image: StoredImage, ref: string): void {
    this.#images.set(image.id, image);
    this.#refs.set(ref, image.id);
  }

  async remove(refs: string[], id: string | undefined, keep: ReadonlySet<string>): Promise<string[]> {
    for (const ref of refs) this.#refs.delete(ref);
    const image = id === undefined ? undefined : this.#images.get(id);
    if (!image) return [];
    this.#images.delete(image.id);
    return ownLayers(image, [...this.#images.values()], keep).filter((diffId) => {
      const stored = this.#layers.get(diffId);
      this.#used -= stored?.layer.size ?? 0;
      return this.#layers.delete(diffId);
    });
  }

  close(): void {
    this.#layers.clear();
    this.#images.clear();
    this.#refs.clear();
    this.#used = 0;
  }
}
