import "fake-indexeddb/auto";
import { openDB } from "idb";
import { describe, expect, it } from "vitest";
import { TestOrigin } from "../testing/locks";
import { IndexedDbStore } from "./indexeddb";
import { pageLocks } from "./locks";
import type { StoredImage, StoredLayer } from "./types";

const layer = (name: string): StoredLayer => ({ diffId: `sha256:${name}`, size: 8192, tarSize: 10240 });
const image = (id: string, ...layers: string[]): StoredImage => ({
  id,
  digest: "sha256:m",
  created: "2026-01-01T00:00:00Z",
  config: {},
  layers: layers.map((name) => `sha256:${name}`),
});
const bytes = (...values: number[]) => Uint8Array.from(values);

let databases = 0;
const freshName = () => `test-${++databases}`;

async function put(store: IndexedDbStore, name: string, ...chunks: Uint8Array[]): Promise<void> {
  const writer = await store.createLayer();
  for (const [index, chunk] of chunks.entries()) await writer.write(index, chunk);
  await writer.commit(layer(name));
}

/** How many records each object store of a database has. */
async function counts(name: string): Promise<Record<string, number>> {
  const db = await openDB(name);
  const entries = await Promise.all(
    [...db.objectStoreNames].map(async (store) => [store, await db.count(store)] as const),
  );
  db.close();
  return Object.fromEntries(entries);
}

describe("IndexedDbStore", () => {
  it("keeps layers and images beyond its life", async () => {
    const name = freshName();
    const origin = new TestOrigin();
    const first = await IndexedDbStore.open(name, origin.tab(), 1000);
    await put(first, "a", bytes(1, 2), bytes(3));
    expect(await first.save(image("sha256:i", "a"), "x:1")).toBe(true);
    first.close();

    const second = await IndexedDbStore.open(name, origin.tab(), 1000);
    const { images, refs, layers } = await second.contents();
    expect(images).toEqual([image("sha256:i", "a")]);
    expect([...refs]).toEqual([["x:1", "sha256:i"]]);
    expect([...layers.values()]).toEqual([layer("a")]);
    const opened = await second.open("sha256:a");
    expect(await opened!.chunk(1)).toEqual(bytes(3));
    expect(await opened!.chunk(0)).toEqual(bytes(1, 2));
    expect(await second.open("sha256:b")).toBeUndefined();
    second.close();
  });

  it("shows nothing of a layer before its end, nor of one that was discarded", async () => {
    const name = freshName();
    const store = await IndexedDbStore.open(name, new TestOrigin().tab(), 1000);
    const writer = await store.createLayer();
    await writer.write(0, bytes(1));
    expect((await store.contents()).layers.size).toBe(0);
    expect(await store.open("sha256:a")).toBeUndefined();
    expect(await store.save(image("sha256:i", "a"), "x:1")).toBe(false);
    expect((await store.contents()).images).toEqual([]);
    await writer.discard();
    store.close();
    expect(await counts(name)).toMatchObject({ chunks: 0, layers: 0, writing: 0, images: 0, refs: 0 });
  });

  it("sweeps what a crashed tab left half done, and leaves a living tab's work alone", async () => {
    const name = freshName();
    const origin = new TestOrigin();
    const crashedTab = origin.tab();
    const crashed = await IndexedDbStore.open(name, crashedTab, 1000);
    await (await crashed.createLayer()).write(0, bytes(1));
    await put(crashed, "orphan", bytes(9));
    const living = await IndexedDbStore.open(name, origin.tab(), 1000);
    const writer = await living.createLayer();
    await writer.write(0, bytes(2));
    await put(living, "other", bytes(8));
    // The tab dies: its locks go, nothing else happens.
    crashedTab.release();

    const third = await IndexedDbStore.open(name, origin.tab(), 1000);
    expect([...(await third.contents()).layers.keys()]).toEqual(["sha256:other"]);
    await writer.commit(layer("mine"));
    expect(await (await third.open("sha256:mine"))!.chunk(0)).toEqual(bytes(2));
    for (const store of [living, third, crashed]) store.close();
    expect(await counts(name)).toMatchObject({ chunks: 2, layers: 2, writing: 0 });
  });

  it("without locks sweeps only what is a day old", async () => {
    const name = freshName();
    const first = await IndexedDbStore.open(name, pageLocks(undefined), 1000);
    await (await first.createLayer()).write(0, bytes(1));
    const second = await IndexedDbStore.open(name, pageLocks(undefined), 1000);
    second.close();
    expect(await counts(name)).toMatchObject({ chunks: 1, writing: 1 });
    const db = await openDB(name);
    for (const record of await db.getAll("writing"))
      await db.put("writing", { ...record, started: Date.now() - 25 * 3600 * 1000 });
    db.close();
    const third = await IndexedDbStore.open(name, pageLocks(undefined), 1000);
    third.close();
    first.close();
    expect(await counts(name)).toMatchObject({ chunks: 0, writing: 0 });
  });

  it("lets two tabs store the same layer: the first stands, the second's chunks go", async () => {
    const name = freshName();
    const origin = new TestOrigin();
    const [one, two] = [
      await IndexedDbStore.open(name, origin.tab(), 1000),
      await IndexedDbStore.open(name, origin.tab(), 1000),
    ];
    const writers = [await one.createLayer(), await two.createLayer()];
    await Promise.all(writers.map((writer) => writer.write(0, bytes(5))));
    await Promise.all(writers.map((writer) => writer.commit(layer("a"))));
    expect(await one.save(image("sha256:i", "a"), "x:1")).toBe(true);
    expect(await two.save(image("sha256:i", "a"), "x:1")).toBe(true);
    expect(await (await two.open("sha256:a"))!.chunk(0)).toEqual(bytes(5));
    one.close();
    two.close();
    expect(await counts(name)).toMatchObject({ chunks: 1, layers: 1, writing: 0, images: 1, refs: 1 });
  });

  it("removes an image with the layers nobody else needs or reads", async () => {
    const name = freshName();
    const origin = new TestOrigin();
    const store = await IndexedDbStore.open(name, origin.tab(), 1000);
    for (const part of ["base", "own", "read", "kept"]) await put(store, part, bytes(1));
    await store.save(image("sha256:i", "base", "own", "read", "kept"), "x:1");
    await store.save(image("sha256:j", "base"), "y:1");
    const reader = await IndexedDbStore.open(name, origin.tab(), 1000);
    const open = await reader.open("sha256:read");
    const deleted = await store.remove(["x:1"], "sha256:i", new Set(["sha256:kept"]));
    expect(deleted).toEqual(["sha256:own"]);
    const contents = await store.contents();
    expect(contents.images.map(({ id }) => id)).toEqual(["sha256:j"]);
    expect([...contents.refs.keys()]).toEqual(["y:1"]);
    expect(await open!.chunk(0)).toEqual(bytes(1));
    reader.close();
    store.close();
    // Nobody reads it any more: the next start takes it away.
    (await IndexedDbStore.open(name, origin.tab(), 1000)).close();
    expect(await counts(name)).toMatchObject({ layers: 1, chunks: 1 });
  });

  it("says which part is missing when chunks were lost", async () => {
    const name = freshName();
    const store = await IndexedDbStore.open(name, new TestOrigin().tab(), 1000);
    await put(store, "a", bytes(1));
    const open = await store.open("sha256:a");
    await expect(open!.chunk(1)).rejects.toMatchObject({
      code: "storage",
      message: expect.stringContaining("part 1 is missing") as string,
    });
    store.close();
    await expect(store.contents()).rejects.toMatchObject({
      code: "storage",
      message: expect.stringContaining("reload") as string,
    });
  });

  it("makes way when another tab deletes or upgrades the database", async () => {
    const name = freshName();
    await IndexedDbStore.open(name, new TestOrigin().tab(), 1000);
    const upgraded = await openDB(name, 2);
    expect(upgraded.version).toBe(2);
    upgraded.close();
  });
});
