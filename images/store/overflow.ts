import type { MemoryStore } from "./memory";
import {
  StoreFull,
  type Contents,
  type LayerWriter,
  type Store,
  type StoredImage,
  type StoredLayer,
} from "./types";

const MOST_PENDING = 4;

/**
 * A store that goes on in memory where the first has no room: a layer that does not fit moves over as a whole,
 * images already stored stay where they are.
 */
export class OverflowStore implements Store {
  #full: string | undefined;

  constructor(
    private readonly first: Store,
    private readonly memory: MemoryStore,
  ) {}

  get storage(): Store["storage"] {
    return this.#full === undefined ? this.first.storage : { kind: "memory", reason: this.#full };
  }

  async contents(): Promise<Contents> {
    const [stored, kept] = await Promise.all([this.first.contents(), this.memory.contents()]);
    const images = new Map([...stored.images, ...kept.images].map((image) => [image.id, image]));
    return {
      images: [...images.values()],
      refs: new Map([...stored.refs, ...kept.refs]),
      layers: new Map([...stored.layers, ...kept.layers]),
    };
  }

  async createLayer(): Promise<LayerWriter> {
    try {
      return new OverflowWriter(await this.first.createLayer(), () => this.#overflow());
    } catch (error) {
      if (!(error instanceof StoreFull)) throw error;
      return this.#overflow();
    }
  }

  async open(diffId: string) {
    return (await this.memory.open(diffId)) ?? this.first.open(diffId);
  }

  async save(image: StoredImage, ref: string): Promise<boolean> {
    const kept = await this.memory.contents();
    if (!image.layers.some((diffId) => kept.layers.has(diffId))) {
      try {
        const saved = await this.first.save(image, ref);
        // The name now means the stored image.
        if (saved) await this.memory.remove([ref], undefined, new Set());
        return saved;
      } catch (error) {
        if (!(error instanceof StoreFull)) throw error;
        await this.#overflow();
      }
    }
    const { layers } = await this.contents();
    if (!image.layers.every((diffId) => layers.has(diffId))) return false;
    this.memory.put(image, ref);
    return true;
  }

  async remove(refs: string[], id: string | undefined, keep: ReadonlySet<string>): Promise<string[]> {
    const used = async (store: Store) => {
      const { images } = await store.contents();
      return new Set([
        ...keep,
        ...images.filter((image) => image.id !== id).flatMap((image) => image.layers),
      ]);
    };
    const deleted = await this.memory.remove(refs, id, await used(this.first));
    return [...deleted, ...(await this.first.remove(refs, id, await used(this.memory)))];
  }

  close(): void {
    this.first.close();
    this.memory.close();
  }

  async #overflow(): Promise<LayerWriter> {
    this.#full ??= `${await fullness()}, so new images are kept in memory and will not outlive the page; remove images to make room`;
    return this.memory.createLayer();
  }
}

/** Writes a few chunks at once; when the first store is full, what it has of the layer moves to the other. */
class OverflowWriter implements LayerWriter {
  #target: LayerWriter;
  #stored = new Set<number>();
  #writes = new Set<Promise<void>>();
  #pending = new Set<Promise<void>>();
  #moving: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(
    private readonly first: LayerWriter,
    private readonly overflow: () => Promise<LayerWriter>,
  ) {
    this.#target = first;
  }

  async write(index: number, bytes: Uint8Array): Promise<void> {
    while (this.#pending.size >= MOST_PENDING) await Promise.race(this.#pending);
    if (this.#failure) throw this.#failure.error;
    const task: Promise<void> = this.#store(index, bytes)
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#pending.delete(task));
    this.#pending.add(task);
  }

  async commit(layer: StoredLayer): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#failure) throw this.#failure.error;
    await this.#target.commit(layer);
  }

  async discard(): Promise<void> {
    await Promise.all(this.#pending);
    await this.#target.discard();
  }

  read(index: number): Promise<Uint8Array> {
    return this.#target.read(index);
  }

  async #store(index: number, bytes: Uint8Array): Promise<void> {
    if (!this.#moving) {
      const write = this.first.write(index, bytes);
      this.#writes.add(write);
      try {
        await write;
        this.#stored.add(index);
        return;
      } catch (error) {
        if (!(error instanceof StoreFull)) throw error;
        this.#moving ??= this.#move();
      }
    }
    await this.#moving;
    await this.#target.write(index, bytes);
  }

  async #move(): Promise<void> {
    const target = await this.overflow();
    await Promise.allSettled(this.#writes);
    // Writers that succeeded still have to note so.
    await Promise.resolve();
    this.#target = target;
    for (const index of this.#stored) await target.write(index, await this.first.read(index));
    await this.first.discard();
  }
}

async function fullness(): Promise<string> {
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as
    Partial<StorageManager> | undefined;
  const estimate = await storage?.estimate?.().catch(() => undefined);
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  if (!estimate?.quota) return "the browser's storage is full";
  return `the browser's storage is full (${mib(estimate.usage ?? 0)} of ${mib(estimate.quota)} MiB used)`;
}
