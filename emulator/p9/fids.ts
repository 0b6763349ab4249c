/** The guest's handles (fids) on nodes of the tree, and how they are saved with a snapshot. */
import { E, P9Error } from "./message";
import { isDirectory, type AnyNode, type DirectoryEntry, type DirectoryNode } from "./tree";

export interface OpenState {
  read: boolean;
  write: boolean;
  append: boolean;
}

export interface Fid {
  node: AnyNode;
  /** From the root down to the directory the node was found in; empty for the root. */
  parents: readonly DirectoryNode[];
  /** The name it was found under. */
  name: string;
  open?: OpenState;
  /** Directory entries as they were when reading began at offset 0. */
  listing?: DirectoryEntry[];
}

/** JSON-serialisable; nodes are named by their qid id, and by name where they may have to be made up again. */
export interface SavedFid {
  fid: number;
  id: string;
  name: string;
  open?: OpenState;
}

/** Handles one guest may hold. */
const MAX_FIDS = 65536;

export class FidTable {
  private readonly fids = new Map<number, Fid>();

  clear(): void {
    this.fids.clear();
  }

  /** EBADF for a handle that is not there. */
  get(number: number): Fid {
    const fid = this.fids.get(number);
    if (!fid) throw new P9Error(E.BADF);
    return fid;
  }

  directory(number: number): Fid & { node: DirectoryNode } {
    const fid = this.get(number);
    if (!isDirectory(fid.node)) throw new P9Error(E.NOTDIR);
    return fid as Fid & { node: DirectoryNode };
  }

  /** Refuses a number in use, unless it is `self`, and more than `MAX_FIDS`. */
  check(number: number, self?: number): void {
    if (number !== self && this.fids.has(number)) throw new P9Error(E.INVAL);
    if (this.fids.size >= MAX_FIDS && !this.fids.has(number)) throw new P9Error(E.MFILE);
  }

  set(number: number, fid: Fid): void {
    this.fids.set(number, fid);
  }

  delete(number: number): void {
    if (!this.fids.delete(number)) throw new P9Error(E.BADF);
  }

  save(): SavedFid[] {
    return [...this.fids].map(([fid, { node, name, open }]) => ({
      fid,
      id: node.qid().id.toString(),
      name,
      ...(open ? { open } : {}),
    }));
  }
}

/** What a restored fid stands for when its node is gone: every use gives ESTALE. */
export class StaleNode {
  constructor(private readonly id: bigint) {}

  qid() {
    return { kind: "file" as const, version: 0, id: this.id };
  }

  attributes = stale;
  usage = stale;
  change = stale;
  open = stale;
  read = stale;
  write = stale;
}

function stale(): never {
  throw new P9Error(E.STALE);
}
