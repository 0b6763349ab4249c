import { describe, expect, it } from "vitest";
import { formatClock } from "./clock";
import { sessionOf } from "./session";

function memory(value: string | null = null) {
  return {
    value,
    getItem() {
      return this.value;
    },
    setItem(_key: string, text: string) {
      this.value = text;
    },
  };
}

describe("sessionOf", () => {
  it("is found again after a reload, for the same talk only", () => {
    const storage = memory();
    const first = sessionOf("a", storage);
    expect(first.id).toMatch(/^[0-9a-f]{24}$/);
    first.keep(1234);
    expect(sessionOf("a", storage)).toMatchObject({ id: first.id, startedAt: 1234 });
    expect(sessionOf("b", storage).id).not.toBe(first.id);
  });

  it("does without storage, and with what is stored wrong", () => {
    sessionOf("a", undefined).keep(1);
    for (const value of ["{", "1", '{"talk":"a","id":"<b>"}']) {
      const session = sessionOf("a", memory(value));
      expect(session.id).toMatch(/^[0-9a-f]{24}$/);
      expect(session.startedAt).toBeNull();
    }
    expect(sessionOf("a", memory('{"talk":"a","id":"x","startedAt":"now"}'))).toMatchObject({
      id: "x",
      startedAt: null,
    });
  });
});

describe("formatClock", () => {
  it("shows minutes, and hours once there are some", () => {
    expect([0, -5, 59_999, 425_000, 3_609_000].map(formatClock)).toEqual([
      "0:00",
      "0:00",
      "0:59",
      "7:05",
      "1:00:09",
    ]);
  });
});
