import { describe, expect, it } from "vitest";
import { linesOf, startOf, step, type Effect, type Position, type StepEvent } from "./stepper";

/** Slides with 0, 2 and 1 commands. */
const COUNTS = [0, 2, 1];

/** Feeds events; effects in order, and where it ended. */
function walk(events: StepEvent[], from: Position = startOf(COUNTS.length)): [Position, Effect[]] {
  const effects: Effect[] = [];
  let position = from;
  for (const event of events) {
    const result = step(COUNTS, position, event);
    position = result.position;
    if (result.effect) effects.push(result.effect);
  }
  return [position, effects];
}

describe("step", () => {
  it("types, enters and moves on, one key each", () => {
    const [end, effects] = walk(["next", "next", "typed", "next", "next", "typed", "next", "next"]);
    expect(effects).toEqual(["type", "enter", "type", "enter"]);
    expect(end).toEqual({ slide: 2, done: [0, 2, 0], phase: "ready" });
  });

  it("finishes the typing at the next key and stays in it until all is typed", () => {
    const [end, effects] = walk(["next", "next", "next"]);
    expect(effects).toEqual(["type", "finish"]);
    expect(end.phase).toBe("typing");
    expect(walk(["typed"], end)[0].phase).toBe("typed");
  });

  it("counts the presenter's own Enter, also before the typing has ended", () => {
    expect(walk(["next", "next", "typed", "entered"])[0]).toMatchObject({ done: [0, 1, 0], phase: "ready" });
    expect(walk(["next", "next", "entered", "typed"])[0]).toMatchObject({ done: [0, 1, 0], phase: "ready" });
    // Commands of the presenter's own in between are none of the script's.
    expect(walk(["next", "entered"])[0]).toMatchObject({ done: [0, 0, 0] });
  });

  it("takes a typed line back before it goes back, and never un-runs", () => {
    const [typed] = walk(["next", "next", "typed"]);
    const [erased, effects] = walk(["back"], typed);
    expect(effects).toEqual(["erase"]);
    expect(erased).toEqual({ slide: 1, done: [0, 0, 0], phase: "ready" });
    const [back] = walk(["next", "typed", "next", "back", "next"], erased);
    expect(back).toEqual({ slide: 1, done: [0, 1, 0], phase: "ready" });
    // The command that ran is not typed again: the second one is next.
    expect(walk(["next"], back)[1]).toEqual(["type"]);
  });

  it("jumps, taking back what was not entered, and not beyond the talk", () => {
    expect(walk(["last"])[0].slide).toBe(2);
    expect(walk(["last", "next", "first"])).toEqual([
      { slide: 0, done: [0, 0, 0], phase: "ready" },
      ["type", "erase"],
    ]);
    expect(walk([{ goto: 1 }])[0].slide).toBe(1);
    for (const goto of [-1, 3, 0.5, NaN]) expect(walk([{ goto }])[0].slide).toBe(0);
    expect(walk(["back"])[0].slide).toBe(0);
  });

  it("passes over a line that could not be typed, and stays on the last slide", () => {
    const [end, effects] = walk(["last", "next", "failed", "next", "next"]);
    expect(effects).toEqual(["type"]);
    expect(end).toEqual({ slide: 2, done: [0, 0, 1], phase: "ready" });
  });
});

describe("startOf and linesOf", () => {
  it("starts on a slide that is there", () => {
    expect(startOf(3, 7).slide).toBe(2);
    expect(startOf(3, -2).slide).toBe(0);
    expect(startOf(3, NaN).slide).toBe(0);
  });

  it("makes one line of each line of a slide's commands", () => {
    const slide = {
      html: "",
      notes: "",
      commands: [
        { lines: ["a", "b"], terminal: "host" },
        { lines: ["c"], terminal: "inside", container: ["web", "inner"] },
      ],
    };
    expect(linesOf(slide)).toEqual([
      { text: "a", terminal: "host" },
      { text: "b", terminal: "host" },
      { text: "c", terminal: "inside", container: ["web", "inner"] },
    ]);
  });
});
