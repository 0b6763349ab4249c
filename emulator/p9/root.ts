/** The top of the served tree: a fixed directory of `layers/`, `share/` and `outbox/`. */
import { E, P9Error } from "./message";
import type { Attributes, DirectoryEntry, DirectoryNode, Qid, Usage } from "./tree";

const ROOT_ID = 1n;

export class RootDirectory implements DirectoryNode {
  constructor(private readonly entries: ReadonlyMap<string, () => DirectoryNode>) {}

  qid(): Qid {
    return { kind: "directory", version: 0, id: ROOT_ID };
  }

  attributes(): Attributes {
    return { mode: 0o555, links: 2 + this.entries.size, size: 0, modified: 0, accessed: 0 };
  }

  usage(): Usage {
    return { total: 0, free: 0, files: this.entries.size, freeFiles: 0 };
  }

  lookup(name: string): DirectoryNode | undefined {
    return this.entries.get(name)?.();
  }

  list(): DirectoryEntry[] {
    return [...this.entries].map(([name, node]) => ({ name, qid: node().qid() }));
  }

  change(): void {
    throw new P9Error(E.ROFS);
  }

  createFile(): never {
    throw new P9Error(E.ROFS);
  }

  createDirectory(): never {
    throw new P9Error(E.ROFS);
  }

  remove(): void {
    throw new P9Error(E.ROFS);
  }

  rename(): void {
    throw new P9Error(E.ROFS);
  }
}
