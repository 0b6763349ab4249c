import { describe, expect, test } from "vitest";
import { fakeContainer } from "../fakeNestbox.test-helper";
import { buildTree, KERNEL_KEY, labelOf, pathTo, rowsOf, stateOf } from "./tree";

const inner = fakeContainer(["web", "inner"], { created: 30 });
const web = fakeContainer(["web"], { created: 20, children: [inner] });
const db = fakeContainer(["db"], { created: 10 });

describe("tree", () => {
  test("stacks tab, worker, computer and kernel over the containers, in start order", () => {
    const rows = rowsOf(buildTree([web, db]));
    expect(rows.map(({ node }) => [node.level, node.name])).toEqual([
      [0, "browser tab"],
      [1, "web worker"],
      [2, "emulated computer"],
      [3, "Linux 6.12"],
      [4, "db"],
      [4, "web"],
      [5, "inner"],
    ]);
    expect(rows.map(({ position, siblings }) => `${position}/${siblings}`).slice(4)).toEqual([
      "1/2",
      "2/2",
      "1/1",
    ]);
  });

  test("the same instant is ordered by id, so that boxes never swap", () => {
    const same = [fakeContainer(["b"]), fakeContainer(["a"]), fakeContainer(["c"])];
    const names = (list: typeof same): string[] =>
      rowsOf(buildTree(list)).flatMap(({ node }) => (node.container ? [node.name] : []));
    expect(names(same)).toEqual(["a", "b", "c"]);
    expect(names([...same].reverse())).toEqual(["a", "b", "c"]);
  });

  test("what is inside a collapsed node is left out", () => {
    expect(rowsOf(buildTree([web, db]), new Set(["web"])).map(({ node }) => node.name)).not.toContain(
      "inner",
    );
    expect(rowsOf(buildTree([web, db]), new Set([KERNEL_KEY]))).toHaveLength(4);
  });

  test("the same id in two places has two keys", () => {
    const twin = fakeContainer(["db", "inner"]);
    const rows = rowsOf(buildTree([web, { ...db, children: [twin] }]));
    expect(new Set(rows.map(({ node }) => node.key)).size).toBe(rows.length);
  });

  test("labels read from the outermost container inwards", () => {
    const tree = buildTree([web]);
    const label = (key: string): string => {
      const node = pathTo(tree, key).at(-1);
      return node ? labelOf(tree, node) : "gone";
    };
    expect(label("web/inner")).toBe("web › inner");
    expect(label(KERNEL_KEY)).toBe("host");
    expect(label("nowhere")).toBe("gone");
  });

  test("an exit code is part of the state", () => {
    expect(stateOf(fakeContainer(["x"], { state: "exited", exitCode: 137 }))).toBe("exited 137");
    expect(stateOf(fakeContainer(["x"], { state: "exited" }))).toBe("exited");
    expect(stateOf(fakeContainer(["x"]))).toBe("running");
  });
});
