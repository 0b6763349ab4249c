/**
 * A writable tree in memory with a fixed allowance, for `share/` and `outbox/`. The guest and the page both write it,
 * so every size and count is bounded: beyond them ENOSPC, as on a full disk.
 */
import { fromBase64, toBase64 } from "./base64";
import { E, P9Error, nameLength } from "./message";
import type {
  AnyNode,
  Attributes,
  Changes,
  DirectoryEntry,
  DirectoryNode,
  FileNode,
  Qid,
  Usage,
} from "./tree";

export interface MemoryTreeOptions {
  /** Sum of all file sizes, in bytes. */
  maxBytes: number;
  /** Files and directories together. */
  maxNodes: number;
  /** First qid id of this tree; trees must not overlap. */
  firstId: bigint;
}

/** A saved tree, JSON-serialisable; file bytes in base64. */
export interface SavedDirectory {
  id: string;
  mode: number;
  modified: number;
  entries: Record<string, SavedDirectory | SavedFile>;
}

export interface SavedFile {
  id: string;
  mode: number;
  modified: number;
  data: string;
}

const MAX_NAME = 255;
const MAX_DEPTH = 64;

export class MemoryTree {
  root: MemoryDirectory;
  bytes = 0;
  nodes = 0;
  private nextId: bigint;

  constructor(readonly options: MemoryTreeOptions) {
    this.nextId = options.firstId;
    this.root = new MemoryDirectory(this, this.newId(), 0o755, undefined);
  }

  newId(): bigint {
    return this.nextId++;
  }

  usage(): Usage {
    const { maxBytes, maxNodes } = this.options;
    return {
      total: maxBytes,
      free: maxBytes - this.bytes,
      files: maxNodes,
      freeFiles: maxNodes - this.nodes,
    };
  }

  /** Takes `bytes` of the allowance (negative: gives back); ENOSPC when there is not so much. */
  charge(bytes: number): void {
    if (this.bytes + bytes > this.options.maxBytes) throw new P9Error(E.NOSPC);
    this.bytes += bytes;
  }

  chargeNode(): void {
    if (this.nodes >= this.options.maxNodes) throw new P9Error(E.NOSPC);
    this.nodes++;
  }

  save(): SavedDirectory {
    return this.root.save();
  }

  /** Replaces everything by what `save` gave; throws on anything that is not of its making. */
  restore(saved: SavedDirectory): void {
    this.bytes = 0;
    this.nodes = 0;
    this.root = new MemoryDirectory(this, BigInt(saved.id), saved.mode, undefined);
    this.root.restore(saved);
  }

  /** Keeps fresh ids above every restored one. */
  seenId(id: bigint): void {
    if (id >= this.nextId) this.nextId = id + 1n;
  }
}

abstract class MemoryNode {
  modified = Date.now();
  accessed = this.modified;
  protected version = 0;

  constructor(
    readonly tree: MemoryTree,
    readonly id: bigint,
    protected mode: number,
  ) {
    tree.seenId(id);
  }

  usage(): Usage {
    return this.tree.usage();
  }

  protected touch(): void {
    this.modified = Date.now();
    this.version = (this.version + 1) >>> 0;
  }

  protected changeCommon(changes: Changes): void {
    if (changes.mode !== undefined) this.mode = changes.mode & 0o7777;
    if (changes.modified !== undefined) this.modified = changes.modified;
    if (changes.accessed !== undefined) this.accessed = changes.accessed;
  }
}

export class MemoryFile extends MemoryNode implements FileNode {
  private buffer: Uint8Array = new Uint8Array(0);
  private length = 0;
  private unlinked = false;

  qid(): Qid {
    return { kind: "file", version: this.version, id: this.id };
  }

  get size(): number {
    return this.length;
  }

  attributes(): Attributes {
    return {
      mode: this.mode,
      links: this.unlinked ? 0 : 1,
      size: this.length,
      modified: this.modified,
      accessed: this.accessed,
    };
  }

  open(): void {
    // Nothing to prepare.
  }

  read(offset: number, length: number): Uint8Array {
    return this.buffer.subarray(offset, Math.max(offset, Math.min(offset + length, this.length)));
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = offset + bytes.length;
    if (end > this.length) this.resize(end);
    this.buffer.set(bytes, offset);
    this.touch();
  }

  change(changes: Changes): void {
    if (changes.size !== undefined && changes.size !== this.length) this.resize(changes.size);
    this.changeCommon(changes);
  }

  /** Its name is gone; the space counts until then, and the bytes stay for whoever has it open. */
  unlink(): void {
    this.tree.charge(-this.length);
    this.tree.nodes--;
    this.unlinked = true;
  }

  save(): SavedFile {
    const data = toBase64(this.read(0, this.length));
    return { id: this.id.toString(), mode: this.mode, modified: this.modified, data };
  }

  restore(saved: SavedFile): void {
    this.write(0, fromBase64(saved.data));
    this.modified = saved.modified;
  }

  private resize(size: number): void {
    // An unlinked file gives its space back at once, so it may no longer grow: nothing would bound it.
    if (this.unlinked && size > this.length) throw new P9Error(E.NOSPC);
    if (!this.unlinked) this.tree.charge(size - this.length);
    if (size > this.buffer.length) {
      const larger = new Uint8Array(
        Math.min(Math.max(size, this.buffer.length * 1.5, 256), this.tree.options.maxBytes),
      );
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    } else if (size < this.length) {
      this.buffer.fill(0, size, this.length);
      if (size === 0) this.buffer = new Uint8Array(0);
    }
    this.length = size;
    this.touch();
  }
}

export class MemoryDirectory extends MemoryNode implements DirectoryNode {
  private readonly entries = new Map<string, MemoryFile | MemoryDirectory>();
  private removed = false;

  constructor(
    tree: MemoryTree,
    id: bigint,
    mode: number,
    private parent: MemoryDirectory | undefined,
  ) {
    super(tree, id, mode);
  }

  qid(): Qid {
    return { kind: "directory", version: this.version, id: this.id };
  }

  attributes(): Attributes {
    return {
      mode: this.mode,
      links: this.removed ? 0 : 2,
      size: 0,
      modified: this.modified,
      accessed: this.accessed,
    };
  }

  change(changes: Changes): void {
    if (changes.size !== undefined) throw new P9Error(E.ISDIR);
    this.changeCommon(changes);
  }

  lookup(name: string): MemoryFile | MemoryDirectory | undefined {
    return this.entries.get(name);
  }

  list(): DirectoryEntry[] {
    return [...this.entries].map(([name, node]) => ({ name, qid: node.qid() }));
  }

  children(): Iterable<[string, MemoryFile | MemoryDirectory]> {
    return this.entries;
  }

  createFile(name: string, mode: number): MemoryFile {
    this.admit(name);
    this.tree.chargeNode();
    const file = new MemoryFile(this.tree, this.tree.newId(), mode & 0o7777);
    this.put(name, file);
    return file;
  }

  createDirectory(name: string, mode: number): MemoryDirectory {
    this.admit(name);
    if (this.depth() >= MAX_DEPTH) throw new P9Error(E.NAMETOOLONG);
    this.tree.chargeNode();
    const directory = new MemoryDirectory(this.tree, this.tree.newId(), mode & 0o7777, this);
    this.put(name, directory);
    return directory;
  }

  remove(name: string, directory: boolean): void {
    const node = this.entries.get(name);
    if (!node) throw new P9Error(E.NOENT);
    if (directory && node instanceof MemoryFile) throw new P9Error(E.NOTDIR);
    if (!directory && node instanceof MemoryDirectory) throw new P9Error(E.ISDIR);
    this.drop(name, node);
  }

  rename(name: string, to: DirectoryNode, newName: string): void {
    if (!(to instanceof MemoryDirectory) || to.tree !== this.tree) throw new P9Error(E.XDEV);
    const node = this.entries.get(name);
    if (!node) throw new P9Error(E.NOENT);
    const old = to.entries.get(newName);
    if (old === node) return;
    if (node instanceof MemoryDirectory) {
      if (old && !(old instanceof MemoryDirectory)) throw new P9Error(E.NOTDIR);
      for (let up: MemoryDirectory | undefined = to; up; up = up.parent)
        if (up === node) throw new P9Error(E.INVAL);
      if (to.depth() + node.height() > MAX_DEPTH) throw new P9Error(E.NAMETOOLONG);
    } else if (old instanceof MemoryDirectory) {
      throw new P9Error(E.ISDIR);
    }
    if (old) to.drop(newName, old);
    to.admit(newName);
    this.entries.delete(name);
    this.touch();
    to.put(newName, node);
    if (node instanceof MemoryDirectory) node.parent = to;
  }

  save(): SavedDirectory {
    const entries: SavedDirectory["entries"] = Object.create(null) as SavedDirectory["entries"];
    for (const [name, node] of this.entries) entries[name] = node.save();
    return { id: this.id.toString(), mode: this.mode, modified: this.modified, entries };
  }

  restore(saved: SavedDirectory): void {
    for (const [name, entry] of Object.entries(saved.entries)) {
      this.admit(name);
      this.tree.chargeNode();
      const id = BigInt(entry.id);
      if ("entries" in entry) {
        const directory = new MemoryDirectory(this.tree, id, entry.mode, this);
        this.put(name, directory);
        directory.restore(entry);
      } else {
        const file = new MemoryFile(this.tree, id, entry.mode);
        this.put(name, file);
        file.restore(entry);
      }
    }
    this.modified = saved.modified;
  }

  private put(name: string, node: MemoryFile | MemoryDirectory): void {
    this.entries.set(name, node);
    this.touch();
  }

  private drop(name: string, node: AnyNode): void {
    if (node instanceof MemoryFile) {
      node.unlink();
    } else if (node instanceof MemoryDirectory) {
      if (node.entries.size > 0) throw new P9Error(E.NOTEMPTY);
      node.removed = true;
      this.tree.nodes--;
    }
    this.entries.delete(name);
    this.touch();
  }

  private admit(name: string): void {
    if (this.removed) throw new P9Error(E.NOENT);
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) throw new P9Error(E.INVAL);
    if (nameLength(name) > MAX_NAME) throw new P9Error(E.NAMETOOLONG);
    if (this.entries.has(name)) throw new P9Error(E.EXIST);
  }

  private depth(): number {
    let depth = 0;
    for (let up: MemoryDirectory | undefined = this.parent; up; up = up.parent) depth++;
    return depth;
  }

  /** Directories from this one down to its deepest. */
  private height(): number {
    let deepest = 0;
    for (const node of this.entries.values())
      if (node instanceof MemoryDirectory) deepest = Math.max(deepest, node.height());
    return deepest + 1;
  }
}
