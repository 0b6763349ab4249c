import { describe, expect, it } from "vitest";
import { Progress, PROGRESS_KEY } from "./progress.svelte";
import { formatRoute, parseRoute } from "./route";

function storage(text?: string) {
  const values = new Map(text === undefined ? [] : [[PROGRESS_KEY, text]]);
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
}

describe("progress", () => {
  it("is there after a reload", () => {
    const kept = storage();
    const progress = new Progress(kept);
    progress.stepDone("c/01-l/01-s");
    progress.taskDone("c/01-l/01-s#made");
    progress.answered("c/01-l/01-s#quiz-3", { chosen: [1], right: false });
    progress.at("c/01-l", "01-s");
    const again = new Progress(kept);
    expect(again.hasStep("c/01-l/01-s")).toBe(true);
    expect(again.hasTask("c/01-l/01-s#made")).toBe(true);
    expect(again.answer("c/01-l/01-s#quiz-3")).toEqual({ chosen: [1], right: false });
    expect(again.last).toEqual({ lesson: "c/01-l", step: "01-s" });
    expect([again.stepsOf("c/01-l"), again.stepsOf("c/02-m")]).toEqual([1, 0]);
    again.forget();
    expect(new Progress(kept).hasStep("c/01-l/01-s")).toBe(false);
  });

  it("of two tabs adds up", () => {
    const kept = storage();
    const [one, two] = [new Progress(kept), new Progress(kept)];
    one.stepDone("c/01-l/01-s");
    two.stepDone("c/01-l/02-t");
    expect(new Progress(kept).stepsOf("c/01-l")).toBe(2);
  });

  it.each([
    "no JSON",
    "null",
    "[]",
    '{"steps":5,"tasks":{},"quizzes":[],"last":7}',
    '{"steps":["<img>",1],"tasks":["x"],"quizzes":{"y":1,"c/01-l/01-s#q":{"chosen":"1"}},"last":{"lesson":"../x","step":"s"}}',
  ])("takes nothing from damaged storage: %s", (text) => {
    const progress = new Progress(storage(text));
    expect(progress.stepsOf("c/01-l")).toBe(0);
    expect(progress.last).toBeUndefined();
    expect(progress.answer("y")).toBeUndefined();
    expect(progress.answer("c/01-l/01-s#q")).toBeUndefined();
    progress.stepDone("c/01-l/01-s");
    expect(progress.hasStep("c/01-l/01-s")).toBe(true);
  });

  it("goes on when the browser keeps nothing, and says so", () => {
    const none = new Progress(undefined);
    none.stepDone("c/01-l/01-s");
    expect([none.hasStep("c/01-l/01-s"), none.kept]).toEqual([true, false]);
    const full = new Progress({
      getItem: () => null,
      setItem: () => {
        throw new Error("full");
      },
    });
    full.stepDone("c/01-l/01-s");
    full.stepDone("c/01-l/02-t");
    expect([full.stepsOf("c/01-l"), full.kept]).toEqual([2, false]);
  });
});

describe("the address", () => {
  it.each([
    ["#/learn", {}],
    ["#/learn/c/01-l", { lesson: "c/01-l" }],
    ["#/learn/c/01-l/02-s", { lesson: "c/01-l", step: "02-s" }],
  ])("%s", (hash, route) => {
    expect(parseRoute(hash)).toEqual(route);
    expect(formatRoute(route)).toBe(hash);
  });

  it("leads to the list when malformed, and nowhere when it is about something else", () => {
    for (const hash of ["#/learn/c", "#/learn/C/../x", "#/learn/a/b/c/d", "#/learn/%2e/x"])
      expect(parseRoute(hash)).toEqual({});
    for (const hash of ["", "#/play", "#/learning"]) expect(parseRoute(hash)).toBeUndefined();
  });
});
