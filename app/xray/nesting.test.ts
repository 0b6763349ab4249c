import { describe, expect, test } from "vitest";
import { fakeContainer } from "../fakeNestbox.test-helper";
import type { Container } from "../../emulator/control/api";
import { Nesting } from "./nesting.svelte";
import { KERNEL_KEY } from "./tree";

function forest(): Container[] {
  return [
    fakeContainer(["web"], { created: 1, children: [fakeContainer(["web", "inner"])] }),
    fakeContainer(["db"], { created: 2 }),
  ];
}

function open(containers: Container[] = forest()): Nesting {
  return new Nesting(() => containers);
}

describe("Nesting", () => {
  test("the focus starts at the kernel and walks the tree with the arrows", () => {
    const nesting = open();
    expect(nesting.focused.key).toBe(KERNEL_KEY);
    const walk = (key: string): string => {
      expect(nesting.move(key)).toBe(true);
      return nesting.focused.key;
    };
    expect(walk("ArrowRight")).toBe("web");
    expect(walk("ArrowRight")).toBe("web/inner");
    expect(walk("ArrowDown")).toBe("db");
    expect(walk("ArrowDown")).toBe("db");
    expect(walk("ArrowUp")).toBe("web/inner");
    expect(walk("ArrowLeft")).toBe("web");
    expect(walk("ArrowLeft")).toBe(KERNEL_KEY);
    expect(walk("Home")).toBe("tab");
    expect(walk("ArrowLeft")).toBe("tab");
    expect(walk("End")).toBe("db");
    expect(nesting.move("q")).toBe(false);
  });

  test("zooms to a level and out again, one at a time", () => {
    const nesting = open();
    nesting.zoom("web");
    expect(nesting.root.key).toBe("web");
    expect(nesting.layout.boxes.map(({ key }) => key)).toEqual(["web", "web/inner"]);
    expect(nesting.zoomOut()).toBe(true);
    expect(nesting.root.key).toBe(KERNEL_KEY);
    while (nesting.zoomOut());
    expect(nesting.root.key).toBe("tab");
    nesting.zoom("nowhere");
    expect(nesting.root.key).toBe("tab");
  });

  test("when what has the focus or fills the map goes away, what is left takes over", () => {
    const after = open([]);
    after.focus("web/inner");
    expect(after.root.key).toBe("tab");
    expect(after.focused.key).toBe("tab");
  });

  test("a collapsed node hides what is inside, in the picture and for the keys", () => {
    const nesting = open();
    nesting.toggle("web");
    expect(nesting.layout.boxes.map(({ key }) => key)).not.toContain("web/inner");
    nesting.focus("web");
    nesting.move("ArrowDown");
    expect(nesting.focused.key).toBe("db");
    nesting.focus("web");
    nesting.move("ArrowRight");
    expect(nesting.focused.key).toBe("web/inner");
  });

  test("500 containers are laid out quickly", () => {
    const crowd = Array.from({ length: 500 }, (_, index) => fakeContainer([`c${index}`], { created: index }));
    const start = performance.now();
    expect(open(crowd).layout.boxes).toHaveLength(504);
    expect(performance.now() - start).toBeLessThan(200);
  });
});
