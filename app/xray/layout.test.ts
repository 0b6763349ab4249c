import { describe, expect, test } from "vitest";
import { CELL, GRID_ABOVE, MIN_WIDTH, layout, type Box, type LayoutNode } from "./layout";

const SIZE = { width: 360, height: 480 };

function node(key: string, children: LayoutNode[] = [], text = 90): LayoutNode {
  return { key, head: 48, text, fills: false, children };
}

function many(count: number, prefix = "c"): LayoutNode[] {
  return Array.from({ length: count }, (_, index) => node(`${prefix}${index}`));
}

function boxesOf(root: LayoutNode, size = SIZE): Map<string, Box> {
  return new Map(layout(root, size).boxes.map((box) => [box.key, box]));
}

function box(boxes: Map<string, Box>, key: string): Box {
  const found = boxes.get(key);
  if (!found) throw new Error(`no box ${key}`);
  return found;
}

function contains(outer: Box, inner: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Every child lies in its parent below the parent's text, and siblings do not overlap. */
function check(root: LayoutNode, boxes: Map<string, Box>): void {
  const own = box(boxes, root.key);
  root.children.forEach((child, index) => {
    const inside = box(boxes, child.key);
    expect(contains(own, inside), `${child.key} in ${root.key}`).toBe(true);
    expect(inside.y, `${child.key} below the text of ${root.key}`).toBeGreaterThanOrEqual(own.y + root.head);
    for (const other of root.children.slice(index + 1)) {
      expect(overlap(inside, box(boxes, other.key)), `${child.key} and ${other.key}`).toBe(false);
    }
    if (!inside.cell) check(child, boxes);
  });
}

describe("layout", () => {
  test.each([1, 2, 3, 7, 30, 31, 500])("%i siblings lie in their parent and apart", (count) => {
    const root = node("root", many(count));
    check(root, boxesOf(root));
  });

  test("nested boxes of mixed sizes lie in their parents and apart", () => {
    const root = node("root", [
      node("a", [node("a1", many(4, "deep")), node("a2", [], 230)]),
      node("b"),
      node("c", many(40, "grid")),
      node("d", [node("d1", [node("d2", [node("d3")])])]),
    ]);
    for (const width of [120, 300, 360, 700, 1600]) check(root, boxesOf(root, { width, height: 400 }));
  });

  test("fills the width it is given, and no box is narrower than the least", () => {
    const { width, boxes } = layout(node("root", many(9)), SIZE);
    expect(width).toBe(SIZE.width);
    for (const one of boxes) expect(one.width).toBeGreaterThanOrEqual(MIN_WIDTH);
  });

  test("becomes wider than the room when 32 levels need it", () => {
    let root = node("innermost");
    for (let level = 0; level < 32; level++) root = node(`l${level}`, [root]);
    const boxes = boxesOf(root, { width: 300, height: 400 });
    check(root, boxes);
    expect(box(boxes, "innermost").width).toBe(MIN_WIDTH);
  });

  test("children stand in rows in their order", () => {
    const boxes = [...boxesOf(node("root", many(8))).values()].slice(1);
    for (const [index, one] of boxes.entries()) {
      const next = boxes[index + 1];
      if (!next) continue;
      expect(next.y > one.y || (next.y === one.y && next.x > one.x), `${next.key} after ${one.key}`).toBe(
        true,
      );
    }
    expect(new Set(boxes.map(({ y }) => y)).size).toBeLessThan(boxes.length);
  });

  test("a box that comes or goes does not move those before it", () => {
    const [a, b, c, d, e] = many(5) as [LayoutNode, LayoutNode, LayoutNode, LayoutNode, LayoutNode];
    const grown = node("c1-parent", [node("inside", many(3, "x"))]);
    const before = boxesOf(node("root", [a, b, c]));
    for (const children of [
      [a, b, c, d],
      [a, b, c, d, e],
      [a, b, c, grown],
      [a, b, c, node("wide", [], 400)],
    ]) {
      const after = boxesOf(node("root", children));
      for (const key of ["c0", "c1", "c2"]) expect(box(after, key)).toEqual(box(before, key));
    }
  });

  test("text that fits in a wider box gets one, up to twice the least", () => {
    const boxes = boxesOf(
      node("root", [node("short", [], 100), node("long", [], 240), node("endless", [], 9000)]),
    );
    expect(box(boxes, "short").width).toBeLessThan(200);
    expect(box(boxes, "long").width).toBeGreaterThanOrEqual(240);
    expect(box(boxes, "endless").width).toBe(box(boxes, "long").width);
  });

  test("over the limit siblings become a counted grid of cells", () => {
    const few = boxesOf(node("root", many(GRID_ABOVE)));
    expect(box(few, "root").grid).toBe(0);
    const lot = boxesOf(node("root", many(GRID_ABOVE + 1)));
    expect(box(lot, "root").grid).toBe(GRID_ABOVE + 1);
    expect(box(lot, "c0")).toMatchObject({ cell: true, width: CELL, height: CELL });
  });

  test("spare height goes to the levels that fill, not to the containers in them", () => {
    const leaf = node("leaf");
    const inner: LayoutNode = { ...node("inner", [leaf]), fills: true };
    const boxes = boxesOf(node("root", [inner]));
    expect(box(boxes, "root").height).toBe(SIZE.height);
    expect(box(boxes, "inner").y + box(boxes, "inner").height).toBe(SIZE.height - 8);
    expect(box(boxes, "inner").width).toBe(SIZE.width - 16);
    expect(box(boxes, "leaf").height).toBe(48);
  });

  test("1024 containers, 32 deep, take little time", () => {
    let root = node("innermost", many(30, "i"));
    for (let level = 0; level < 31; level++) root = node(`l${level}`, [root, ...many(29, `l${level}-`)]);
    const start = performance.now();
    const { boxes } = layout(root, SIZE);
    expect(boxes.length).toBeGreaterThan(900);
    expect(performance.now() - start).toBeLessThan(200);
  });
});
