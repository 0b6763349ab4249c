import { ImageError } from "../types";
import type { TarEntry } from "./tar";
import { showName } from "./text";

/** A layer's files as they will stand in the filesystem: what the tar's entries, one after another, come to. */

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

const TYPES = { file: S_IFREG, symlink: S_IFLNK, char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO } as const;
const MOST_NODES = 1_000_000;
const MOST_LINKS_FOLLOWED = 40;
const WHITEOUT = ".wh.";
const WHITEOUT_META = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";
// Both, because the guest host mounts overlays with trusted and containers with user attributes.
const OPAQUE_XATTRS = ["trusted.overlay.opaque", "user.overlay.opaque"];

export interface Node {
  /** Type and permission bits. */
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  mtimeNanoseconds: number;
  /** Linux's 32-bit new_encode_dev form. */
  rdev: number;
  /** Names that lead here (directories are counted by the writer). */
  links: number;
  xattrs: Map<string, Uint8Array>;
  children: Map<string, Node> | undefined;
  /** Symlinks only. */
  target: string;
  /** Bytes of a file's data or of a symlink's target. */
  size: number;
  /** First block of the data, when it lies in blocks of its own. */
  block: number;
  /** The data, when it goes behind the inode. */
  inline: Uint8Array | undefined;
  /** Stands for a `.wh.` entry. */
  whiteout: boolean;
}

const isDirectory = (node: Node): node is Node & { children: Map<string, Node> } =>
  node.children !== undefined;

export class LayerTree {
  readonly root = directory(0o755);
  #count = 1;

  /** Takes an entry in; gives the new node of a file or a symlink, whose data is to be stored. */
  add(entry: TarEntry): Node | undefined {
    const name = entry.path.at(-1);
    if (entry.path.slice(0, -1).some((component) => component.startsWith(WHITEOUT))) {
      if (entry.path.some((component) => component.startsWith(WHITEOUT_META))) return undefined;
      throw bad(`${shown(entry)} lies within a whiteout, which has no content`);
    }
    if (name === undefined) {
      if (entry.kind !== "directory") throw bad("the tar's entry for the root is no directory");
      describe(this.root, entry);
      return undefined;
    }
    const parent = this.#directory(entry.path.slice(0, -1), entry);
    if (name.startsWith(WHITEOUT)) {
      this.#whiteout(parent, name, entry);
      return undefined;
    }
    const before = parent.children.get(name);
    if (entry.kind === "directory") {
      this.#addDirectory(parent, name, before, entry);
      return undefined;
    }
    if (entry.kind === "hardlink") {
      this.#addLink(parent, name, before, entry);
      return undefined;
    }
    const node = newNode(TYPES[entry.kind]);
    describe(node, entry);
    if (entry.kind === "symlink") {
      node.mode = S_IFLNK | 0o777;
      node.target = entry.link;
      node.size = entry.link.length;
    }
    node.rdev = (entry.minor & 0xff) | (entry.major << 8) | ((entry.minor & ~0xff) << 12);
    this.#put(parent, name, node);
    return entry.kind === "file" || entry.kind === "symlink" ? node : undefined;
  }

  #addDirectory(
    parent: Node & { children: Map<string, Node> },
    name: string,
    before: Node | undefined,
    entry: TarEntry,
  ) {
    if (before && isDirectory(before)) {
      const opaque = OPAQUE_XATTRS.some((xattr) => before.xattrs.has(xattr));
      describe(before, entry);
      if (opaque) makeOpaque(before);
      return;
    }
    const node = directory(0);
    describe(node, entry);
    // A whiteout hides only what lower layers have there.
    if (before?.whiteout) makeOpaque(node);
    this.#put(parent, name, node);
  }

  #addLink(
    parent: Node & { children: Map<string, Node> },
    name: string,
    before: Node | undefined,
    entry: TarEntry,
  ) {
    const target = this.#find(entry.link.split("/"), entry);
    if (!target) {
      throw bad(
        `${shown(entry)} is a hard link to ${showName(entry.link)}, which this layer does not hold before it`,
      );
    }
    if (isDirectory(target)) throw bad(`${shown(entry)} is a hard link to a directory`);
    if (target === before) return;
    this.#put(parent, name, target);
  }

  #whiteout(parent: Node & { children: Map<string, Node> }, name: string, entry: TarEntry) {
    if (name === OPAQUE) {
      makeOpaque(parent);
      return;
    }
    // The other `.wh..wh.` names were aufs's own bookkeeping.
    if (name.startsWith(WHITEOUT_META)) return;
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === "" || hidden === "." || hidden === "..")
      throw bad(`${shown(entry)} is a whiteout of nothing`);
    const before = parent.children.get(hidden);
    if (before) {
      // What the layer itself holds stays; only a directory would let the lower one's content through.
      if (isDirectory(before)) makeOpaque(before);
      return;
    }
    const node = newNode(S_IFCHR);
    node.whiteout = true;
    node.mtime = entry.mtime;
    this.#put(parent, hidden, node);
  }

  #put(parent: Node & { children: Map<string, Node> }, name: string, node: Node): void {
    const before = parent.children.get(name);
    if (before) unlink(before);
    node.links++;
    parent.children.set(name, node);
    if (++this.#count > MOST_NODES) {
      throw new ImageError(
        "unsupported",
        `the layer has more than ${MOST_NODES} entries, more than can be converted`,
      );
    }
  }

  /** The directory of a path, its missing parents made. */
  #directory(path: string[], entry: TarEntry): Node & { children: Map<string, Node> } {
    const node = this.#walk(path, entry, true);
    if (!node || !isDirectory(node)) throw bad(`${shown(entry)}: its parent is no directory in this layer`);
    return node;
  }

  #find(path: string[], entry: TarEntry): Node | undefined {
    const parent = this.#walk(path.slice(0, -1), entry, false);
    const node = parent && isDirectory(parent) ? parent.children.get(path.at(-1)!) : undefined;
    return node?.whiteout ? undefined : node;
  }

  /** Walks as a process whose root is the layer: symlinks on the way are followed and cannot leave. */
  #walk(path: string[], entry: TarEntry, make: boolean): Node | undefined {
    const stack: (Node & { children: Map<string, Node> })[] = [this.root];
    const rest = path.toReversed();
    let followed = 0;
    for (;;) {
      const name = rest.pop();
      if (name === undefined) return stack.at(-1);
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (stack.length > 1) stack.pop();
        continue;
      }
      const parent = stack.at(-1)!;
      let node = parent.children.get(name);
      if (node && (node.mode & S_IFMT) === S_IFLNK) {
        if (++followed > MOST_LINKS_FOLLOWED)
          throw bad(`${shown(entry)}: too many symbolic links on the way`);
        if (node.target.startsWith("/")) stack.length = 1;
        rest.push(...node.target.split("/").reverse());
        continue;
      }
      if (make && (!node || node.whiteout)) {
        const made = directory(impliedMode(stack.length, name));
        if (node) makeOpaque(made);
        this.#put(parent, name, made);
        node = made;
      }
      if (!node || !isDirectory(node)) {
        if (!make) return undefined;
        throw bad(`${shown(entry)} lies below ${showName(name)}, which is no directory in this layer`);
      }
      stack.push(node);
    }
  }
}

/**
 * A parent the tar does not name. It stands before the lower layers' directory of that name, whose mode cannot be
 * known here, so the well-known exceptions get theirs.
 */
function impliedMode(depth: number, name: string): number {
  if (name === "tmp" && depth <= 2) return 0o1777;
  return name === "root" && depth === 1 ? 0o700 : 0o755;
}

function directory(mode: number): Node & { children: Map<string, Node> } {
  return Object.assign(newNode(S_IFDIR | mode), { children: new Map<string, Node>() });
}

function newNode(mode: number): Node {
  return {
    mode,
    uid: 0,
    gid: 0,
    mtime: 0,
    mtimeNanoseconds: 0,
    rdev: 0,
    links: 0,
    xattrs: new Map(),
    children: undefined,
    target: "",
    size: 0,
    block: 0,
    inline: undefined,
    whiteout: false,
  };
}

function describe(node: Node, entry: TarEntry): void {
  node.mode = (node.mode & S_IFMT) | entry.mode;
  node.uid = entry.uid;
  node.gid = entry.gid;
  node.mtime = entry.mtime;
  node.mtimeNanoseconds = entry.mtimeNanoseconds;
  node.size = entry.size;
  node.xattrs = new Map();
  for (const [name, value] of entry.xattrs) {
    // An image must not steer the overlay it becomes part of (redirects, opacity, metacopy).
    if (!name.startsWith("trusted.overlay.") && !name.startsWith("user.overlay."))
      node.xattrs.set(name, value);
  }
}

function makeOpaque(node: Node): void {
  for (const name of OPAQUE_XATTRS) node.xattrs.set(name, Uint8Array.of(0x79));
}

/** Takes a name away from a node, and from everything below it. */
function unlink(node: Node): void {
  const doomed = [node];
  for (let next = doomed.pop(); next; next = doomed.pop()) {
    next.links--;
    if (next.children) for (const child of next.children.values()) doomed.push(child);
  }
}

function shown(entry: TarEntry): string {
  return showName(entry.path.join("/"));
}

function bad(message: string): ImageError {
  return new ImageError("bad-image", message);
}
