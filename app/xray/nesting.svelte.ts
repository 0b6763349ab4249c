/** What the nesting view shows and where its focus is; no DOM. */
import type { Container } from "../../emulator/control/api";
import { layout, type Layout, type LayoutNode } from "./layout";
import { buildTree, KERNEL_KEY, pathTo, rowsOf, type MapNode, type Row } from "./tree";

const HEAD = 32;
const CONTAINER_HEAD = 48;
/** Generous width of a character at the map's 13 px, and of what stands beside the name. */
const CHAR = 7.4;
const BESIDE = 32;

export class Nesting {
  /** The containers come from outside, as a function so that runes see through it. */
  constructor(private readonly containers: () => readonly Container[]) {}

  view: "map" | "table" = $state("map");
  /** Room for the map in px. */
  size = $state.raw({ width: 360, height: 480 });
  #focus = $state(KERNEL_KEY);
  #zoom: string | undefined = $state();
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced whole, never changed
  collapsed: ReadonlySet<string> = $state.raw(new Set<string>());

  readonly tree: MapNode = $derived.by(() => buildTree(this.containers()));
  /** Nodes from the tab to the level that fills the map; what was zoomed to and has gone zooms out by itself. */
  readonly zoomPath: readonly MapNode[] = $derived.by(() => {
    const path = this.#zoom === undefined ? [] : pathTo(this.tree, this.#zoom);
    return path.length > 0 ? path : [this.tree];
  });
  readonly root: MapNode = $derived.by(() => this.zoomPath.at(-1) ?? this.tree);
  readonly rows: readonly Row[] = $derived.by(() => rowsOf(this.root, this.collapsed));
  readonly layout: Layout = $derived.by(() => layout(this.#measured(this.root), this.size));
  /** The node with the focus; when it has gone, the root of what is shown. */
  readonly focused: MapNode = $derived.by(
    () => this.rows.find((row) => row.node.key === this.#focus)?.node ?? this.root,
  );
  readonly focusPath: readonly MapNode[] = $derived.by(() => pathTo(this.tree, this.focused.key));

  #measured(node: MapNode): LayoutNode {
    const longest = Math.max(node.name.length, node.container ? node.detail.length + 6 : 0);
    return {
      key: node.key,
      head: node.container ? CONTAINER_HEAD : HEAD,
      text: longest * CHAR + BESIDE,
      fills: node.container === undefined,
      children: this.collapsed.has(node.key) ? [] : node.children.map((child) => this.#measured(child)),
    };
  }

  focus(key: string): void {
    this.#focus = key;
  }

  zoom(key: string): void {
    if (pathTo(this.tree, key).length === 0) return;
    this.#zoom = key;
    this.#focus = key;
    if (this.collapsed.has(key)) this.toggle(key);
  }

  /** One level out; false when everything is shown already. */
  zoomOut(): boolean {
    const up = this.zoomPath.at(-2);
    if (!up) return false;
    this.#zoom = up.key;
    return true;
  }

  toggle(key: string): void {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- becomes state only when complete
    const next = new Set(this.collapsed);
    if (!next.delete(key)) next.add(key);
    this.collapsed = next;
  }

  /** Moves the focus for a key of the tree; false when the key means nothing here. */
  move(key: string): boolean {
    const at = this.rows.findIndex((row) => row.node.key === this.focused.key);
    const row = this.rows[at];
    if (!row) return false;
    const to = this.#target(key, at, row);
    if (to === undefined) return false;
    this.#focus = to.key;
    return true;
  }

  #target(key: string, at: number, row: Row): MapNode | undefined {
    switch (key) {
      case "ArrowDown":
        return this.rows[at + 1]?.node ?? row.node;
      case "ArrowUp":
        return this.rows[at - 1]?.node ?? row.node;
      case "ArrowLeft":
        return row.parent ?? row.node;
      case "ArrowRight":
        if (this.collapsed.has(row.node.key)) this.toggle(row.node.key);
        return row.node.children[0] ?? row.node;
      case "Home":
        return this.root;
      case "End":
        return this.rows.at(-1)?.node;
      default:
        return undefined;
    }
  }
}
