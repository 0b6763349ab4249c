import { expect, test } from "vitest";
import { Preferences } from "./preferences.svelte";

function storage(initial?: string): Storage & { text: string | null } {
  return {
    text: initial ?? null,
    length: 0,
    clear: () => undefined,
    key: () => null,
    removeItem: () => undefined,
    getItem() {
      return this.text;
    },
    setItem(_key, value) {
      this.text = value;
    },
  };
}

test("what is set is there for the next page", () => {
  const kept = storage();
  new Preferences(kept).set("theme", "dark");
  expect(new Preferences(kept).get("theme")).toBe("dark");
});

test.each(["{", "null", "7", '{"theme":"pink","fontSize":"huge","leftWidth":null,"leftOpen":1}'])(
  "damaged storage %j gives the defaults",
  (text) => {
    const preferences = new Preferences(storage(text));
    expect(preferences.get("theme")).toBe("system");
    expect(preferences.get("fontSize")).toBe(15);
    expect(preferences.get("leftWidth")).toBe(248);
    expect(preferences.get("leftOpen")).toBe(true);
  },
);

test("numbers stay in their range", () => {
  const preferences = new Preferences(storage('{"fontSize":4000}'));
  expect(preferences.get("fontSize")).toBe(32);
  preferences.set("rightWidth", -5);
  expect(preferences.get("rightWidth")).toBe(240);
});

test("storage that is full or refuses does not stop the page", () => {
  const full = storage();
  full.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const preferences = new Preferences(full);
  preferences.set("fontSize", 20);
  expect(preferences.get("fontSize")).toBe(20);
});
