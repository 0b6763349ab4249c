/**
 * Where the boxes of the nesting map go: a pure function from a tree and a width to rectangles.
 *
 * Children are packed in rows in their given order. A box's own size follows from the width it is offered and from its
 * contents, never from the siblings after it, so those come and go without moving the ones before. More than
 * `GRID_ABOVE` children become a grid of small cells under a line that counts them.
 */

export interface LayoutNode {
  readonly key: string;
  /** Height of the box's own text at its top. */
  readonly head: number;
  /** Width at which its text fits on one line. */
  readonly text: number;
  /** Takes a whole row and spare height: the levels that have exactly one thing in them by nature. */
  readonly fills: boolean;
  readonly children: readonly LayoutNode[];
}

/** In px, from the map's top left corner. */
export interface Box {
  readonly key: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** A cell is too small for text. */
  readonly cell: boolean;
  /** How many children are shown as a grid in it; 0 for none. */
  readonly grid: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Parents before their children, siblings in order. */
  readonly boxes: readonly Box[];
}

export const PAD = 8;
export const GAP = 8;
/** A box is never narrower, and text that needs more is cut with an ellipsis at twice this. */
export const MIN_WIDTH = 128;
export const CELL = 20;
export const CELL_GAP = 4;
export const GRID_ABOVE = 30;
/** Height of the line that counts a grid's cells. */
export const COUNT_LINE = 24;
const MAX_TEXT_WIDTH = 2 * MIN_WIDTH + GAP;

interface Placed {
  node: LayoutNode;
  /** Relative to the parent. */
  x: number;
  y: number;
  width: number;
  height: number;
  cell: boolean;
  grid: number;
  inside: Placed[];
}

interface Wish {
  /** Nothing inside is cut at this width. */
  least: number;
  /** Text fits and up to three children stand side by side. */
  best: number;
}

/** `size` is the room there is: the map fills its width and, with the outer boxes, its height; contents may need more. */
export function layout(root: LayoutNode, size: { width: number; height: number }): Layout {
  const wishes = new Map<LayoutNode, Wish>();
  wish(root, wishes);
  const width = Math.max(Math.floor(size.width), wishes.get(root)?.least ?? MIN_WIDTH);
  const placed = place(root, width, wishes);
  stretch(placed, Math.floor(size.height));
  const boxes: Box[] = [];
  flatten(placed, 0, 0, boxes);
  return { width: placed.width, height: placed.height, boxes };
}

function isGrid(node: LayoutNode): boolean {
  return node.children.length > GRID_ABOVE;
}

function wish(node: LayoutNode, wishes: Map<LayoutNode, Wish>): Wish {
  let least = MIN_WIDTH;
  let best = Math.max(MIN_WIDTH, Math.min(node.text, MAX_TEXT_WIDTH));
  if (isGrid(node)) {
    best = Math.max(best, 3 * MIN_WIDTH);
  } else if (node.children.length > 0) {
    const inner = node.children.map((child) => wish(child, wishes));
    least = Math.max(least, 2 * PAD + Math.max(...inner.map((child) => child.least)));
    const across = Math.min(node.children.length, 3);
    const widest = Math.max(...inner.map((child) => child.best));
    best = Math.max(best, 2 * PAD + Math.max(widest, across * MIN_WIDTH + (across - 1) * GAP));
  }
  const result = { least, best: Math.max(least, best) };
  wishes.set(node, result);
  return result;
}

function place(node: LayoutNode, width: number, wishes: Map<LayoutNode, Wish>): Placed {
  const placed: Placed = { node, x: 0, y: 0, width, height: node.head, cell: false, grid: 0, inside: [] };
  const inner = width - 2 * PAD;
  if (isGrid(node)) {
    placed.grid = node.children.length;
    placed.height = placeGrid(placed, inner);
  } else if (node.children.length > 0) {
    placed.height = placeRows(placed, inner, wishes);
  }
  return placed;
}

/** Returns the height of the whole box. */
function placeRows(parent: Placed, inner: number, wishes: Map<LayoutNode, Wish>): number {
  const columns = Math.max(1, Math.floor((inner + GAP) / (MIN_WIDTH + GAP)));
  const column = (inner - (columns - 1) * GAP) / columns;
  let at = 0;
  let top = parent.node.head;
  let rowHeight = 0;
  for (const child of parent.node.children) {
    const best = wishes.get(child)?.best ?? MIN_WIDTH;
    const span = child.fills ? columns : Math.min(columns, Math.ceil((best + GAP) / (column + GAP) - 0.001));
    if (at > 0 && at + span > columns) {
      top += rowHeight + GAP;
      at = rowHeight = 0;
    }
    const left = Math.round(at * (column + GAP));
    const right = Math.round((at + span) * (column + GAP) - GAP);
    const placed = place(child, right - left, wishes);
    placed.x = PAD + left;
    placed.y = top;
    parent.inside.push(placed);
    rowHeight = Math.max(rowHeight, placed.height);
    at += span;
  }
  return top + rowHeight + PAD;
}

/** Returns the height of the whole box. */
function placeGrid(parent: Placed, inner: number): number {
  const columns = Math.max(1, Math.floor((inner + CELL_GAP) / (CELL + CELL_GAP)));
  const top = parent.node.head + COUNT_LINE;
  parent.node.children.forEach((node, index) => {
    parent.inside.push({
      node,
      x: PAD + (index % columns) * (CELL + CELL_GAP),
      y: top + Math.floor(index / columns) * (CELL + CELL_GAP),
      width: CELL,
      height: CELL,
      cell: true,
      grid: 0,
      inside: [],
    });
  });
  const rows = Math.ceil(parent.node.children.length / columns);
  return top + rows * (CELL + CELL_GAP) - CELL_GAP + PAD;
}

/** Gives spare height to the outermost box and, through it, to the child that fills it. */
function stretch(placed: Placed, height: number): void {
  const spare = height - placed.height;
  if (spare <= 0) return;
  placed.height = height;
  const [child] = placed.inside;
  if (child?.node.fills) stretch(child, child.height + spare);
}

function flatten(placed: Placed, x: number, y: number, boxes: Box[]): void {
  const { node, width, height, cell, grid } = placed;
  boxes.push({ key: node.key, x, y, width, height, cell, grid });
  for (const child of placed.inside) flatten(child, x + child.x, y + child.y, boxes);
}
