import { describe, expect, it } from "vitest";
import { actionOf, chordOf, isLeader, leaderName } from "./keys";

const press = (key: string, more: Partial<KeyboardEvent> = {}) => ({
  key,
  code: key.length === 1 ? `Key${key.toUpperCase()}` : key,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  shiftKey: false,
  ...more,
});

describe("actionOf", () => {
  it("steps by arrows, clicker, space and letters on the slide", () => {
    for (const key of ["ArrowRight", "PageDown", " ", "n", "N"])
      expect(actionOf(press(key), "slide")).toBe("next");
    for (const key of ["ArrowLeft", "PageUp", "p"]) expect(actionOf(press(key), "slide")).toBe("back");
    expect(actionOf(press("?", { shiftKey: true }), "slide")).toBe("keys");
    expect(actionOf(press("+", { shiftKey: true }), "slide")).toBe("bigger");
    expect(actionOf(press("x"), "slide")).toBeUndefined();
  });

  it("takes only what a clicker sends, and Esc, from a terminal", () => {
    expect(actionOf(press("PageDown"), "terminal")).toBe("next");
    expect(actionOf(press("PageUp"), "terminal")).toBe("back");
    expect(actionOf(press("Escape"), "terminal")).toBe("slide");
    expect(actionOf(press("Escape"), "terminal", true)).toBeUndefined();
    for (const key of ["n", " ", "ArrowRight", "ArrowLeft", "Home", "End", "Enter", "?", "r", "l"])
      expect(actionOf(press(key), "terminal")).toBeUndefined();
    expect(actionOf(press("PageUp", { shiftKey: true }), "terminal")).toBeUndefined();
  });

  it("leaves the browser's chords, a button's Space and a field's keys alone", () => {
    expect(actionOf(press("r", { ctrlKey: true }), "slide")).toBeUndefined();
    expect(actionOf(press("ArrowLeft", { altKey: true }), "slide")).toBeUndefined();
    expect(actionOf(press("d", { metaKey: true }), "slide")).toBeUndefined();
    expect(actionOf(press(" "), "control")).toBeUndefined();
    expect(actionOf(press("n"), "control")).toBe("next");
    expect(actionOf(press("PageDown"), "field")).toBeUndefined();
  });
});

describe("the leader", () => {
  it("is a function key or a chord of two modifiers, never a key that programs need", () => {
    for (const good of ["F9", "Shift+F5", "Ctrl+Shift+Space", "Ctrl+Alt+KeyS", "Alt+Shift+Digit1"])
      expect(isLeader(good), good).toBe(true);
    for (const bad of [
      "KeyA",
      "Ctrl+KeyC",
      "Alt+KeyB",
      "Shift+KeyA",
      "Escape",
      "F25",
      "",
      "Ctrl+Shift+",
      "<b>",
    ])
      expect(isLeader(bad), bad).toBe(false);
  });

  it("is written by code, so that the layout of the keyboard does not matter", () => {
    expect(chordOf(press("F9"))).toBe("F9");
    expect(chordOf(press("S", { ctrlKey: true, shiftKey: true, code: "KeyS" }))).toBe("Ctrl+Shift+KeyS");
    expect(chordOf(press("Shift", { shiftKey: true, code: "ShiftLeft" }))).toBeUndefined();
    expect(chordOf(press("F9", { metaKey: true }))).toBeUndefined();
    expect(leaderName("Ctrl+Alt+KeyS")).toBe("Ctrl+Alt+S");
    expect(leaderName("F9")).toBe("F9");
  });
});
