import { describe, expect, it } from "vitest";
import { MemoryStore } from "./memory";
import { OverflowStore } from "./overflow";
import type { StoredImage } from "./types";

// A memory store with a limit stands for a browser's store with a quota: both throw StoreFull.
const stores = (firstBytes: number, secondBytes = 1000) => {
  const first = new MemoryStore("first", firstBytes);
  const second = new MemoryStore("second", secondBytes);
  return { first, second, store: new OverflowStore(first, second) };
};

const image = (id: string, ...layers: string[]): StoredImage => ({
  id,
  digest: "d",
  created: "c",
  config: {},
  layers,
});

async function put(store: OverflowStore, diffId: string, chunks: number, size = 10): Promise<void> {
  const writer = await store.createLayer();
  try {
    for (let index = 0; index < chunks; index++) await writer.write(index, new Uint8Array(size).fill(index));
    await writer.commit({ diffId, size: chunks * size, tarSize: 1 });
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

describe("OverflowStore", () => {
  it("stays in the first store while there is room", async () => {
    const { first, second, store } = stores(100);
    await put(store, "a", 10);
    expect(await store.save(image("i", "a"), "x:1")).toBe(true);
    expect(store.storage).toEqual(first.storage);
    expect((await first.contents()).images).toHaveLength(1);
    expect((await second.contents()).layers.size).toBe(0);
  });

  it("moves a layer that does not fit to memory as a whole, and says so", async () => {
    const { first, second, store } = stores(100);
    await put(store, "a", 5);
    await put(store, "b", 12);
    expect([...(await first.contents()).layers.keys()]).toEqual(["a"]);
    expect([...(await second.contents()).layers.keys()]).toEqual(["b"]);
    const open = await store.open("b");
    for (let index = 0; index < 12; index++)
      expect(await open!.chunk(index)).toEqual(new Uint8Array(10).fill(index));
    expect(store.storage.kind).toBe("memory");
    expect(store.storage.reason).toMatch(/storage is full.*will not outlive the page.*remove images/);
    // What was moved freed its room in the first store.
    await put(store, "c", 5);
    expect([...(await first.contents()).layers.keys()]).toEqual(["a", "c"]);
  });

  it("keeps an image with a layer in memory there, over layers of both stores", async () => {
    const { first, store } = stores(100);
    await put(store, "a", 10);
    await store.save(image("i", "a"), "x:1");
    await put(store, "b", 3);
    expect(await store.save(image("j", "a", "b"), "x:1")).toBe(true);
    const { images, refs, layers } = await store.contents();
    expect(images.map(({ id }) => id).sort()).toEqual(["i", "j"]);
    expect(refs.get("x:1")).toBe("j");
    expect([...layers.keys()].sort()).toEqual(["a", "b"]);
    // The stored image goes; the layer the other one shares stays.
    expect(await store.remove([], "i", new Set())).toEqual([]);
    expect((await first.contents()).layers.has("a")).toBe(true);
    expect((await store.remove(["x:1"], "j", new Set())).sort()).toEqual(["b"]);
  });

  it("fails with both full and leaves nothing", async () => {
    const { first, second, store } = stores(100, 110);
    await expect(put(store, "b", 12)).rejects.toThrow("images in memory may take");
    expect((await store.contents()).layers.size).toBe(0);
    // All room is there again.
    await put(store, "c", 10);
    expect((await first.contents()).layers.size + (await second.contents()).layers.size).toBe(1);
  });

  it("does not save an image whose layer is gone", async () => {
    const { store } = stores(100);
    expect(await store.save(image("i", "a"), "x:1")).toBe(false);
    expect((await store.contents()).refs.size).toBe(0);
  });
});
