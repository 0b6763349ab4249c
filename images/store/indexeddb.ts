import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "idb";
import { ChunkCache } from "./cache";
import type { Locks } from "./locks";
import {
  ownLayers,
  storageError,
  StoreFull,
  type Contents,
  type LayerWriter,
  type Store,
  type StoredImage,
  type StoredLayer,
} from "./types";

/**
 * Layers and images in IndexedDB. A layer's chunks lie under a key of their own from the start; the layer is there
 * once its record in `layers` is, which is written last. `writing` names what is half done and by whom.
 */
interface Schema extends DBSchema {
  chunks: { key: [layerKey: string, index: number]; value: Uint8Array<ArrayBuffer> };
  layers: { key: string; value: LayerRecord };
  writing: { key: string; value: WritingRecord };
  images: { key: string; value: StoredImage };
  refs: { key: string; value: { ref: string; id: string } };
}

interface LayerRecord extends StoredLayer {
  key: string;
  owner: string;
  /** Unix milliseconds. */
  stored: number;
}

interface WritingRecord {
  key: string;
  owner: string;
  started: number;
}

type StoreName = "chunks" | "layers" | "writing" | "images" | "refs";
type Transaction = IDBPTransaction<Schema, StoreName[], "readwrite">;

const VERSION = 1;
const CACHE_BYTES = 48 * 2 ** 20;
/** Where no locks tell what lives, leftovers this old are taken for dead. */
const ABANDONED_MS = 24 * 3600 * 1000;
const STORES: StoreName[] = ["chunks", "layers", "writing", "images", "refs"];

const ownerLock = (owner: string) => `nestbox-images-owner-${owner}`;
const layerLock = (diffId: string) => `nestbox-images-layer-${diffId}`;

export class IndexedDbStore implements Store {
  readonly storage = { kind: "indexeddb" } as const;
  #cache = new ChunkCache(CACHE_BYTES);
  #owner = randomName();

  private constructor(
    private readonly db: IDBPDatabase<Schema>,
    private readonly locks: Locks,
  ) {}

  /** Opens the database and sweeps what dead tabs left. Rejects with a plain sentence when it cannot within `deadlineMs`. */
  static async open(name: string, locks: Locks, deadlineMs: number): Promise<IndexedDbStore> {
    const factory = globalThis.indexedDB as IDBFactory | undefined;
    if (!factory) throw new Error("this browser offers no IndexedDB here");
    let givenUp = false;
    const opening = openDB<Schema>(name, VERSION, {
      upgrade(db) {
        db.createObjectStore("chunks");
        db.createObjectStore("layers", { keyPath: "diffId" });
        db.createObjectStore("writing", { keyPath: "key" });
        db.createObjectStore("images", { keyPath: "id" });
        db.createObjectStore("refs", { keyPath: "ref" });
      },
      // Another tab wants to change or delete the database: do not stand in its way.
      blocking(_current, _blocked, event) {
        (event.target as IDBDatabase).close();
      },
    }).then(async (db) => {
      if (givenUp) {
        db.close();
        throw new Error("too late");
      }
      const store = new IndexedDbStore(db, locks);
      await locks.hold(ownerLock(store.#owner));
      await store.#sweep();
      return store;
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        givenUp = true;
        reject(new Error(`IndexedDB did not open within ${deadlineMs / 1000} s (another tab may block it)`));
      }, deadlineMs);
    });
    try {
      return await Promise.race([opening, deadline]);
    } catch (error) {
      opening.then((store) => store.close()).catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async contents(): Promise<Contents> {
    return this.#guard("read the list of images", async () => {
      const tx = this.db.transaction(["images", "refs", "layers"]);
      const [images, refs, layers] = await Promise.all([
        tx.objectStore("images").getAll(),
        tx.objectStore("refs").getAll(),
        tx.objectStore("layers").getAll(),
        tx.done,
      ]);
      return {
        images,
        refs: new Map(refs.map(({ ref, id }) => [ref, id])),
        layers: new Map(layers.map(({ diffId, size, tarSize }) => [diffId, { diffId, size, tarSize }])),
      };
    });
  }

  async createLayer(): Promise<LayerWriter> {
    const key = randomName();
    const owner = this.#owner;
    await this.#guard("begin a layer", () => this.db.put("writing", { key, owner, started: Date.now() }));
    return {
      write: (index, bytes) =>
        this.#guard("store a part of a layer", async () => {
          // Not flushed to disk one by one; a later commit makes the earlier ones lasting too.
          const tx = this.db.transaction("chunks", "readwrite", { durability: "relaxed" });
          await Promise.all([tx.store.put(bytes as Uint8Array<ArrayBuffer>, [key, index]), tx.done]);
        }),
      read: (index) => this.#chunk(key, index),
      commit: (layer) =>
        this.#write("finish a layer", async (tx) => {
          const other = await tx.objectStore("layers").get(layer.diffId);
          if (other) await deleteChunks(tx, key);
          else await tx.objectStore("layers").put({ ...layer, key, owner, stored: Date.now() });
          await tx.objectStore("writing").delete(key);
        }),
      discard: () =>
        this.#write("take back a layer", async (tx) => {
          await deleteChunks(tx, key);
          await tx.objectStore("writing").delete(key);
          // What cannot be taken back now is swept at the next start.
        }).catch(() => undefined),
    };
  }

  async open(diffId: string) {
    await this.locks.hold(layerLock(diffId));
    const record = await this.#guard("read a layer", () => this.db.get("layers", diffId));
    if (!record) return undefined;
    const { key, size, tarSize } = record;
    return {
      layer: { diffId, size, tarSize },
      chunk: (index: number) => this.#cache.get(`${key}/${index}`, () => this.#chunk(key, index)),
    };
  }

  #chunk(key: string, index: number): Promise<Uint8Array> {
    return this.#guard("read a layer", async () => {
      const chunk = await this.db.get("chunks", [key, index]);
      if (!chunk) throw new Error(`part ${index} is missing`);
      return chunk;
    });
  }

  async save(image: StoredImage, ref: string): Promise<boolean> {
    return this.#write("store an image", async (tx) => {
      const layers = await Promise.all(image.layers.map((diffId) => tx.objectStore("layers").getKey(diffId)));
      if (layers.includes(undefined)) return false;
      await tx.objectStore("images").put(image);
      await tx.objectStore("refs").put({ ref, id: image.id });
      return true;
    });
  }

  async remove(refs: string[], id: string | undefined, keep: ReadonlySet<string>): Promise<string[]> {
    const held = await this.locks.held();
    return this.#write("remove an image", async (tx) => {
      for (const ref of refs) await tx.objectStore("refs").delete(ref);
      const image = id === undefined ? undefined : await tx.objectStore("images").get(id);
      if (!image) return [];
      await tx.objectStore("images").delete(image.id);
      // A layer that some machine has mounted stays; a later start sweeps it.
      const doomed = ownLayers(image, await tx.objectStore("images").getAll(), keep).filter(
        (diffId) => !held?.has(layerLock(diffId)),
      );
      for (const diffId of doomed) await deleteLayer(tx, diffId);
      return doomed;
    });
  }

  close(): void {
    this.#cache.clear();
    this.db.close();
    this.locks.release();
  }

  /**
   * Takes away what no living tab works on and no image needs. Names are read before asking who lives: a tab holds
   * its lock before it writes its name, so what is read here and not held is dead.
   */
  async #sweep(): Promise<void> {
    const writing = await this.db.getAll("writing");
    const layers = await this.db.getAll("layers");
    const held = await this.locks.held();
    const dead = (owner: string, since: number) =>
      held ? !held.has(ownerLock(owner)) : Date.now() - since > ABANDONED_MS;
    const deadWriting = writing.filter((record) => dead(record.owner, record.started));
    const deadLayers = layers.filter(
      (record) => dead(record.owner, record.stored) && !held?.has(layerLock(record.diffId)),
    );
    if (deadWriting.length === 0 && deadLayers.length === 0) return;
    await this.#write("sweep leftovers", async (tx) => {
      const used = new Set((await tx.objectStore("images").getAll()).flatMap((image) => image.layers));
      for (const { diffId } of deadLayers) if (!used.has(diffId)) await deleteLayer(tx, diffId);
      for (const { key } of deadWriting) {
        await deleteChunks(tx, key);
        await tx.objectStore("writing").delete(key);
      }
    });
  }

  /** One transaction over everything: all of it happens or nothing. */
  #write<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#guard(what, async () => {
      const tx = this.db.transaction(STORES, "readwrite", { durability: "strict" });
      const [result] = await Promise.all([work(tx), tx.done]);
      return result;
    });
  }

  async #guard<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if ((cause as Error | null)?.name === "QuotaExceededError")
        throw new StoreFull("the browser's storage is full", { cause });
      throw storageError(
        `cannot ${what}: the browser's storage failed (${String(cause)}); reload the page`,
        cause,
      );
    }
  }
}

async function deleteChunks(tx: Transaction, key: string): Promise<void> {
  await tx.objectStore("chunks").delete(IDBKeyRange.bound([key, 0], [key, Infinity]));
}

async function deleteLayer(tx: Transaction, diffId: string): Promise<void> {
  const record = await tx.objectStore("layers").get(diffId);
  if (!record) return;
  await deleteChunks(tx, record.key);
  await tx.objectStore("layers").delete(diffId);
}

function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
