import { describe, expect, it } from "vitest";
import { Look } from "./look.svelte";

function memory(stored?: string): Pick<Storage, "getItem" | "setItem"> & { stored: string | null } {
  return {
    stored: stored ?? null,
    getItem() {
      return this.stored;
    },
    setItem(_key: string, value: string) {
      this.stored = value;
    },
  };
}

describe("Look", () => {
  it("scales between 150 and 250 % and remembers", () => {
    const storage = memory();
    const look = new Look(storage);
    expect([look.scale, look.terminalType]).toEqual([150, 23]);
    look.smaller();
    expect(look.scale).toBe(150);
    for (let at = 0; at < 20; at++) look.bigger();
    expect([look.scale, look.terminalType]).toEqual([250, 38]);
    look.smaller();
    expect(new Look(storage).scale).toBe(240);
  });

  it("goes round the layouts and shows the terminal when a command comes", () => {
    const look = new Look(undefined);
    const seen = [0, 1, 2].map(() => (look.nextLayout(), look.layout));
    expect(seen).toEqual(["terminal", "slide", "split"]);
    look.nextLayout();
    look.showTerminal();
    expect(look.layout).toBe("terminal");
    look.nextLayout();
    look.showTerminal();
    expect(look.layout).toBe("split");
  });

  it("keeps its defaults for what is stored wrong, and refuses a leader that programs need", () => {
    for (const stored of ["{", "[]", "null", '{"scale":"big","layout":"x","leader":"KeyA"}']) {
      const look = new Look(memory(stored));
      expect([look.scale, look.layout, look.leader]).toEqual([150, "split", "F9"]);
    }
    expect(new Look(memory('{"scale":9000}')).scale).toBe(250);
    const look = new Look(undefined);
    expect(look.setLeader("Ctrl+KeyC")).toBe(false);
    expect(look.setLeader("Ctrl+Shift+KeyS")).toBe(true);
    expect(look.leader).toBe("Ctrl+Shift+KeyS");
  });
});
