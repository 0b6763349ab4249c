/** The nesting as one tree, from the browser tab down to the innermost container. */
import type { Container } from "../../emulator/control/api";
import { HOST_LEVEL, levelOf } from "../ui/depth";

export interface MapNode {
  /** Unique in the tree: `kernel`, or container ids joined by "/". */
  readonly key: string;
  readonly level: number;
  readonly name: string;
  /** What it is: the image of a container, a few words for the levels above. */
  readonly detail: string;
  /** Absent for the four levels above the containers. */
  readonly container?: Container;
  readonly children: readonly MapNode[];
}

export const KERNEL_KEY = "kernel";

/** Containers in start order, so that a box never changes places with its siblings. */
function containerNodes(containers: readonly Container[], parentKey: string): MapNode[] {
  return [...containers]
    .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    .map((container) => {
      const key = parentKey === "" ? container.id : `${parentKey}/${container.id}`;
      return {
        key,
        level: levelOf(container.path),
        name: container.name || container.id.slice(0, 12),
        detail: container.image,
        container,
        children: containerNodes(container.children, key),
      };
    });
}

export function buildTree(containers: readonly Container[]): MapNode {
  const kernel: MapNode = {
    key: KERNEL_KEY,
    level: HOST_LEVEL,
    name: "Linux 6.12",
    detail: "kernel and host shell",
    children: containerNodes(containers, ""),
  };
  const cpu: MapNode = {
    key: "cpu",
    level: 2,
    name: "emulated computer",
    detail: "v86, i686",
    children: [kernel],
  };
  const worker: MapNode = {
    key: "worker",
    level: 1,
    name: "web worker",
    detail: "off the main thread",
    children: [cpu],
  };
  return { key: "tab", level: 0, name: "browser tab", detail: "this page", children: [worker] };
}

export interface Row {
  readonly node: MapNode;
  readonly parent: MapNode | undefined;
  /** Place among its siblings, from 1. */
  readonly position: number;
  readonly siblings: number;
}

/** The tree in reading order; what is inside a collapsed node is left out. */
export function rowsOf(root: MapNode, collapsed: ReadonlySet<string> = new Set()): Row[] {
  const rows: Row[] = [];
  const walk = (node: MapNode, parent: MapNode | undefined, position: number, siblings: number): void => {
    rows.push({ node, parent, position, siblings });
    if (collapsed.has(node.key)) return;
    node.children.forEach((child, index) => walk(child, node, index + 1, node.children.length));
  };
  walk(root, undefined, 1, 1);
  return rows;
}

/** Nodes from the root down to `key`, both included; empty when it is not in the tree. */
export function pathTo(root: MapNode, key: string): MapNode[] {
  if (root.key === key) return [root];
  for (const child of root.children) {
    const rest = pathTo(child, key);
    if (rest.length > 0) return [root, ...rest];
  }
  return [];
}

/** `web › inner`; of a container that has gone, as much as is known. */
export function labelOf(root: MapNode, node: MapNode): string {
  const names = pathTo(root, node.key)
    .filter((part) => part.container)
    .map((part) => part.name);
  return names.length > 0 ? names.join(" › ") : "host";
}

/** `running`, `exited 137`: the word that stands beside the shape. */
export function stateOf(container: Container): string {
  if (container.state !== "exited" || container.exitCode === undefined) return container.state;
  return `exited ${container.exitCode}`;
}

export function pidsOf(container: Container): string {
  return `${container.pids} ${container.pids === 1 ? "pid" : "pids"}`;
}
