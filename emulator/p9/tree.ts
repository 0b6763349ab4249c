/** What a file tree must offer to be served; no 9P in here. Refusals are `P9Error`s with a Linux error number. */

/** Identity of a node: `id` must not change while the guest may hold it, snapshots included. */
export interface Qid {
  kind: "file" | "directory";
  version: number;
  id: bigint;
}

export interface Attributes {
  /** Permission bits only; the kind comes from the qid. */
  mode: number;
  links: number;
  /** Bytes. */
  size: number;
  /** Unix milliseconds. */
  modified: number;
  accessed: number;
}

export interface Changes {
  mode?: number;
  size?: number;
  modified?: number;
  accessed?: number;
}

export interface DirectoryEntry {
  name: string;
  qid: Qid;
}

export interface Usage {
  /** Bytes. */
  total: number;
  free: number;
  files: number;
  freeFiles: number;
}

export interface Node {
  qid(): Qid;
  attributes(): Attributes | Promise<Attributes>;
  usage(): Usage;
  /** EROFS on read-only trees. */
  change(changes: Changes): void | Promise<void>;
}

export interface FileNode extends Node {
  /** Called when the guest opens it, before the first read or write. */
  open(write: boolean): void | Promise<void>;
  /** Bytes of [offset, offset + length), shorter only at the end; may share memory with the node. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** Takes a copy. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
}

export interface DirectoryNode extends Node {
  /** undefined when there is no such name. */
  lookup(name: string): AnyNode | undefined | Promise<AnyNode | undefined>;
  list(): DirectoryEntry[] | Promise<DirectoryEntry[]>;
  createFile(name: string, mode: number): FileNode;
  createDirectory(name: string, mode: number): DirectoryNode;
  remove(name: string, directory: boolean): void;
  /** Moves an entry to another directory of the same tree; EXDEV when it belongs to another. */
  rename(name: string, to: DirectoryNode, newName: string): void;
}

export type AnyNode = FileNode | DirectoryNode;

export function isDirectory(node: AnyNode): node is DirectoryNode {
  return node.qid().kind === "directory";
}
