import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { humanPace, Typist } from "./typist";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("Typist", () => {
  it("writes one character at a time, whole ones", async () => {
    const written: string[] = [];
    const end = new Typist(() => 40).type("a\u{1F433}é", (text) => written.push(text));
    expect(written).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(40);
    expect(written).toEqual(["a", "\u{1F433}"]);
    await vi.advanceTimersByTimeAsync(40);
    expect(written).toEqual(["a", "\u{1F433}", "é"]);
    expect(await end).toBe("done");
  });

  it("writes the rest at once when hurried, also before it has begun", async () => {
    const written: string[] = [];
    const typist = new Typist(() => 40);
    const end = typist.type("docker ps", (text) => written.push(text));
    await vi.advanceTimersByTimeAsync(40);
    typist.finish();
    expect(await end).toBe("done");
    expect(written).toEqual(["d", "o", "cker ps"]);

    const early = new Typist(() => 40);
    early.finish();
    const all: string[] = [];
    await early.type("ls", (text) => all.push(text));
    expect(all).toEqual(["ls"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("writes nothing more once called off", async () => {
    const written: string[] = [];
    const typist = new Typist(() => 40);
    const end = typist.type("rm -r /", (text) => written.push(text));
    typist.cancel();
    expect(await end).toBe("cancelled");
    await vi.runAllTimersAsync();
    expect(written).toEqual(["r"]);
  });

  it("writes all at once without a pace, and nothing of an empty line", async () => {
    const written: string[] = [];
    expect(await new Typist(undefined).type("ls", (text) => written.push(text))).toBe("done");
    expect(await new Typist(() => 40).type("", (text) => written.push(text))).toBe("done");
    expect(written).toEqual(["ls"]);
  });
});

describe("humanPace", () => {
  it("stays within human speed, varies, and repeats with its seed", () => {
    const take = (seed: number): number[] => Array.from({ length: 200 }, humanPace(seed));
    const pauses = take(7);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(30);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(60);
    expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(15);
    expect(take(7)).toEqual(pauses);
    expect(take(8)).not.toEqual(pauses);
  });
});
