import { describe, expect, it } from "vitest";
import { ChunkCache } from "./cache";

describe("ChunkCache", () => {
  it("keeps what was used last within its bound", async () => {
    const cache = new ChunkCache(30);
    const loads: string[] = [];
    const get = (key: string) =>
      cache.get(key, async () => {
        loads.push(key);
        return new Uint8Array(10);
      });
    for (const key of ["a", "b", "c", "a", "d", "a", "b"]) await get(key);
    expect(loads).toEqual(["a", "b", "c", "d", "b"]);
  });

  it("shares one loading among readers, and forgets failures", async () => {
    const cache = new ChunkCache(30);
    let loads = 0;
    const failing = async (): Promise<Uint8Array> => {
      loads++;
      await Promise.resolve();
      throw new Error("gone");
    };
    const both = await Promise.allSettled([cache.get("a", failing), cache.get("a", failing)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(loads).toBe(1);
    expect(await cache.get("a", async () => Uint8Array.of(1))).toEqual(Uint8Array.of(1));
  });
});
