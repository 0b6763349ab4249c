import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TestOrigin } from "../testing/locks";
import { openStore } from "./open";

afterEach(() => {
  vi.unstubAllGlobals();
});

const open = (deadlineMs = 1000) =>
  openStore("indexeddb", { name: "open-test", locks: new TestOrigin().tab(), deadlineMs });

describe("openStore", () => {
  it("takes IndexedDB where there is one", async () => {
    const store = await open();
    expect(store.storage).toEqual({ kind: "indexeddb" });
    store.close();
  });

  it("falls back to memory without IndexedDB and says so", async () => {
    vi.stubGlobal("indexedDB", undefined);
    const store = await open();
    expect(store.storage.kind).toBe("memory");
    expect(store.storage.reason).toMatch(/no IndexedDB here.*will not outlive the page/);
  });

  it("falls back when opening is refused, as in private windows", async () => {
    vi.stubGlobal("indexedDB", {
      open() {
        throw new DOMException(
          "A mutation operation was attempted on a database that did not allow mutations.",
          "InvalidStateError",
        );
      },
    });
    const { storage } = await open();
    expect(storage.kind).toBe("memory");
    expect(storage.reason).toContain("did not allow mutations");
  });

  it("falls back when another tab blocks the database", async () => {
    const factory = new IDBFactory();
    vi.stubGlobal("indexedDB", factory);
    // A tab that does not let go, and a deletion that waits for it: every opening waits behind them.
    const held = await new Promise<IDBDatabase>((resolve) => {
      const request = factory.open("open-test", 1);
      request.onsuccess = () => resolve(request.result);
    });
    factory.deleteDatabase("open-test");
    const started = performance.now();
    const { storage } = await open(60);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(storage).toMatchObject({
      kind: "memory",
      reason: expect.stringContaining("did not open within 0.06 s (another tab may block it)") as string,
    });
    held.close();
  });

  it("falls back when a newer version of the page has changed the database", async () => {
    const factory = new IDBFactory();
    vi.stubGlobal("indexedDB", factory);
    await new Promise<void>((resolve) => {
      const request = factory.open("open-test", 99);
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
    });
    expect((await open()).storage).toMatchObject({
      kind: "memory",
      reason: expect.stringContaining("version") as string,
    });
  });
});
