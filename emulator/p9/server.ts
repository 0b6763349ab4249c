/**
 * A 9P2000.L server for the guest's /run/nest/9p. It follows the Linux client (fs/9p, net/9p) and answers every request
 * exactly once: what it does not know with EOPNOTSUPP, what it cannot read with EINVAL.
 */
import type { P9Server } from "../machine/types";
import { FidTable, StaleNode, type Fid, type SavedFid } from "./fids";
import { LayersDirectory, type LayerSource } from "./layers";
import { MemoryDirectory, MemoryTree, type SavedDirectory } from "./memory";
import { E, HEADER, NO_FID, NO_TAG, P9Error, Reader, T, Writer } from "./message";
import { RootDirectory } from "./root";
import { isDirectory, type AnyNode, type Changes, type DirectoryNode, type Qid } from "./tree";

export interface FileServerOptions {
  layers: LayerSource;
  /** The guest reads a layer that the store no longer has, or cannot read. */
  onLostLayer?: (diffId: string) => void;
  /** Allowances in bytes; default 256 MiB each. */
  shareBytes?: number;
  outboxBytes?: number;
}

/** Largest message. More would need order-7 allocations in the guest (FACTS.md). */
const MAX_MSIZE = 131072;
const MIN_MSIZE = 4096;
const MAX_WALK = 16;
const IO_HEADER = 11;
const MIB = 1 << 20;
const MAX_NODES = 16384;

const LAYERS_ID = 2n;
const SHARE_FIRST_ID = 1n << 32n;
const OUTBOX_FIRST_ID = 1n << 40n;

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const DT_DIR = 4;
const DT_REG = 8;
const QTDIR = 0x80;
const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const AT_REMOVEDIR = 0x200;
const GETATTR_BASIC = 0x7ffn;
const V9FS_MAGIC = 0x01021997;
const BLOCK = 4096;
const LOCK_SUCCESS = 0;
const F_UNLCK = 2;
const SET = { mode: 1, uid: 2, gid: 4, size: 8, atime: 0x10, mtime: 0x20, atimeSet: 0x80, mtimeSet: 0x100 };

/** A reply, and what becomes true only if the guest still waits for it. */
type Answer = Writer | { writer: Writer; commit: () => void };
type Handler = (r: Reader, tag: number) => Answer | Promise<Answer>;

interface Pending {
  reply: (response: Uint8Array) => void;
}

/** Of `SavedState`. */
const FORMAT = 1;

interface SavedState {
  version: number;
  msize: number;
  fids: SavedFid[];
  share: SavedDirectory;
  outbox: SavedDirectory;
}

export class FileServer implements P9Server {
  /** What the page hands in; the guest may write it too. */
  readonly share: MemoryTree;
  /** What the guest hands out. */
  readonly outbox: MemoryTree;
  private readonly layers: LayersDirectory;
  private readonly root: RootDirectory;
  private readonly fids = new FidTable();
  private readonly pending = new Map<number, Pending>();
  private msize = MAX_MSIZE;

  constructor(options: FileServerOptions) {
    const tree = (maxBytes: number, firstId: bigint) =>
      new MemoryTree({ maxBytes, maxNodes: MAX_NODES, firstId });
    this.share = tree(options.shareBytes ?? 256 * MIB, SHARE_FIRST_ID);
    this.outbox = tree(options.outboxBytes ?? 256 * MIB, OUTBOX_FIRST_ID);
    this.layers = new LayersDirectory(options.layers, LAYERS_ID, options.onLostLayer ?? (() => undefined));
    this.root = new RootDirectory(
      new Map<string, () => DirectoryNode>([
        ["layers", () => this.layers],
        ["share", () => this.share.root],
        ["outbox", () => this.outbox.root],
      ]),
    );
  }

  handle(request: Uint8Array, reply: (response: Uint8Array) => void): void {
    if (request.length < HEADER) return reply(errorReply(NO_TAG, E.INVAL));
    const header = new Reader(request, 0);
    const size = header.u32();
    const type = header.u8();
    const tag = header.u16();
    if (size < HEADER || size > request.length || size > this.msize || this.pending.has(tag)) {
      return reply(errorReply(tag, E.INVAL));
    }
    const handler = this.handlers[type];
    if (!handler) return reply(errorReply(tag, E.OPNOTSUPP));
    const pending: Pending = { reply };
    this.pending.set(tag, pending);
    try {
      const answer = handler(new Reader(request.subarray(0, size)), tag);
      if (!(answer instanceof Promise)) return this.finish(tag, pending, answer);
      answer.then(
        (settled) => this.finish(tag, pending, settled),
        (error: unknown) => this.refuse(tag, pending, error),
      );
    } catch (error) {
      this.refuse(tag, pending, error);
    }
  }

  save(): SavedState {
    return {
      version: FORMAT,
      msize: this.msize,
      fids: this.fids.save(),
      share: this.share.save(),
      outbox: this.outbox.save(),
    };
  }

  async restore(state: unknown): Promise<void> {
    const saved = state as SavedState;
    if ((state as Partial<SavedState> | null)?.version !== FORMAT)
      throw new Error("The snapshot's file server state has another version; build it again.");
    this.msize = saved.msize;
    this.pending.clear();
    this.fids.clear();
    this.share.restore(saved.share);
    this.outbox.restore(saved.outbox);
    const known = this.index();
    for (const { fid, id, name, open } of saved.fids) {
      const layer = this.layers.recall(name);
      const parents = [this.root, this.layers];
      const found: Fid = known.get(id) ??
        (layer?.qid().id.toString() === id ? { node: layer, parents, name } : undefined) ?? {
          node: new StaleNode(BigInt(id)),
          parents: [this.root],
          name,
        };
      this.fids.set(fid, { ...found, ...(open ? { open } : {}) });
    }
  }

  /** Every node that exists without the image store, by qid id. */
  private index(): Map<string, Fid> {
    const known = new Map<string, Fid>();
    const add = (node: AnyNode, parents: DirectoryNode[], name: string): void => {
      known.set(node.qid().id.toString(), { node, parents, name });
      if (!(node instanceof MemoryDirectory)) return;
      for (const [childName, child] of node.children()) add(child, [...parents, node], childName);
    };
    add(this.root, [], "");
    add(this.layers, [this.root], "layers");
    add(this.share.root, [this.root], "share");
    add(this.outbox.root, [this.root], "outbox");
    return known;
  }

  private finish(tag: number, pending: Pending, answer: Answer): void {
    if (this.pending.get(tag) !== pending) return;
    this.pending.delete(tag);
    if (!(answer instanceof Writer)) answer.commit();
    pending.reply((answer instanceof Writer ? answer : answer.writer).finish());
  }

  private refuse(tag: number, pending: Pending, error: unknown): void {
    if (this.pending.get(tag) !== pending) return;
    this.pending.delete(tag);
    pending.reply(errorReply(tag, error instanceof P9Error ? error.errno : E.IO));
  }

  /** Answers a waiting request with EINTR; whatever it still does goes unheard. */
  private interrupt(tag: number): void {
    const pending = this.pending.get(tag);
    if (!pending) return;
    this.pending.delete(tag);
    pending.reply(errorReply(tag, E.INTR));
  }

  private readonly handlers: Readonly<Record<number, Handler>> = {
    [T.version]: (r, tag) => {
      const msize = r.u32();
      const version = r.string();
      if (msize < MIN_MSIZE) throw new P9Error(E.INVAL);
      for (const other of [...this.pending.keys()]) if (other !== tag) this.interrupt(other);
      this.fids.clear();
      this.msize = Math.min(msize, MAX_MSIZE);
      const known = version === "9P2000.L";
      return new Writer(T.version + 1, tag).u32(this.msize).string(known ? version : "unknown");
    },

    [T.attach]: (r, tag) => {
      const number = r.u32();
      if (r.u32() !== NO_FID) throw new P9Error(E.INVAL);
      this.fids.check(number);
      this.fids.set(number, { node: this.root, parents: [], name: "" });
      return qid(new Writer(T.attach + 1, tag), this.root.qid());
    },

    [T.flush]: (r, tag) => {
      const old = r.u16();
      if (old !== tag) this.interrupt(old);
      return new Writer(T.flush + 1, tag);
    },

    [T.walk]: (r, tag) => {
      const number = r.u32();
      const target = r.u32();
      const count = r.u16();
      if (count > MAX_WALK) throw new P9Error(E.INVAL);
      const names = Array.from({ length: count }, () => r.string());
      const from = this.fids.get(number);
      this.fids.check(target, number);
      return this.walk(from, names, target, number, tag);
    },

    [T.getattr]: async (r, tag) => {
      const { node } = this.fids.get(r.u32());
      const id = node.qid();
      const attributes = await node.attributes();
      const w = qid(new Writer(T.getattr + 1, tag, 160).u64(GETATTR_BASIC), id);
      w.u32(attributes.mode | (id.kind === "directory" ? S_IFDIR : S_IFREG));
      w.u32(0).u32(0).u64(attributes.links).u64(0).u64(attributes.size).u64(BLOCK);
      w.u64(Math.ceil(attributes.size / 512));
      time(w, attributes.accessed);
      time(w, attributes.modified);
      time(w, attributes.modified);
      time(w, 0);
      return w.u64(0).u64(id.version);
    },

    [T.setattr]: async (r, tag) => {
      const { node } = this.fids.get(r.u32());
      const valid = r.u32();
      const [mode, uid, gid, size] = [r.u32(), r.u32(), r.u32(), r.big()];
      const [accessed, modified] = [readTime(r), readTime(r)];
      // Everything here belongs to root and stays so.
      if ((valid & SET.uid && uid !== 0) || (valid & SET.gid && gid !== 0)) throw new P9Error(E.PERM);
      const changes: Changes = {};
      if (valid & SET.mode) changes.mode = mode & 0o7777;
      if (valid & SET.size) {
        if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new P9Error(E.FBIG);
        changes.size = Number(size);
      }
      if (valid & SET.atime) changes.accessed = valid & SET.atimeSet ? accessed : Date.now();
      if (valid & SET.mtime) changes.modified = valid & SET.mtimeSet ? modified : Date.now();
      if (Object.keys(changes).length > 0) await node.change(changes);
      return new Writer(T.setattr + 1, tag);
    },

    [T.lopen]: async (r, tag) => {
      const fid = this.fids.get(r.u32());
      const flags = r.u32();
      if (fid.open) throw new P9Error(E.INVAL);
      const { node } = fid;
      const open = openState(flags);
      if (isDirectory(node)) {
        if (open.write) throw new P9Error(E.ISDIR);
      } else {
        await node.open(open.write);
        if (open.write && flags & O_TRUNC) await node.change({ size: 0 });
      }
      const writer = qid(new Writer(T.lopen + 1, tag), node.qid()).u32(0);
      return { writer, commit: () => (fid.open = open) };
    },

    [T.lcreate]: (r, tag) => {
      const number = r.u32();
      const name = r.string();
      const flags = r.u32();
      const mode = r.u32();
      const fid = this.fids.directory(number);
      if (fid.open) throw new P9Error(E.INVAL);
      const old = fid.node instanceof MemoryDirectory ? fid.node.lookup(name) : undefined;
      if (old && (flags & O_EXCL || isDirectory(old))) throw new P9Error(E.EXIST);
      const node = old ?? fid.node.createFile(name, mode);
      if (old && flags & O_TRUNC) void old.change({ size: 0 });
      this.fids.set(number, { node, parents: [...fid.parents, fid.node], name, open: openState(flags) });
      return qid(new Writer(T.lcreate + 1, tag), node.qid()).u32(0);
    },

    [T.read]: (r, tag) => {
      const { node, open } = this.fids.get(r.u32());
      const offset = r.u64();
      const count = Math.min(r.u32(), this.msize - IO_HEADER);
      if (isDirectory(node)) throw new P9Error(E.ISDIR);
      if (!open?.read) throw new P9Error(E.BADF);
      const bytes = node.read(offset, count);
      const answer = (data: Uint8Array) =>
        new Writer(T.read + 1, tag, 4 + data.length).u32(data.length).data(data);
      return bytes instanceof Promise ? bytes.then(answer) : answer(bytes);
    },

    [T.write]: async (r, tag) => {
      const { node, open } = this.fids.get(r.u32());
      const offset = r.u64();
      const data = r.data(r.u32());
      if (isDirectory(node) || !open?.write) throw new P9Error(E.BADF);
      await node.write(open.append ? (await node.attributes()).size : offset, data);
      return new Writer(T.write + 1, tag).u32(data.length);
    },

    [T.readdir]: (r, tag) => {
      const fid = this.fids.get(r.u32());
      const offset = r.u64();
      const count = Math.min(r.u32(), this.msize - IO_HEADER);
      if (!isDirectory(fid.node)) throw new P9Error(E.NOTDIR);
      if (!fid.open) throw new P9Error(E.BADF);
      return this.readdir(fid, fid.node, offset, count, tag);
    },

    [T.statfs]: (r, tag) => {
      const usage = this.fids.get(r.u32()).node.usage();
      const w = new Writer(T.statfs + 1, tag, 64).u32(V9FS_MAGIC).u32(BLOCK);
      w.u64(Math.floor(usage.total / BLOCK))
        .u64(Math.floor(usage.free / BLOCK))
        .u64(Math.floor(usage.free / BLOCK));
      return w.u64(usage.files).u64(usage.freeFiles).u64(0).u32(255);
    },

    [T.mkdir]: (r, tag) => {
      const { node } = this.fids.directory(r.u32());
      const made = node.createDirectory(r.string(), r.u32());
      return qid(new Writer(T.mkdir + 1, tag), made.qid());
    },

    [T.unlinkat]: (r, tag) => {
      const { node } = this.fids.directory(r.u32());
      const name = r.string();
      node.remove(name, (r.u32() & AT_REMOVEDIR) !== 0);
      return new Writer(T.unlinkat + 1, tag);
    },

    [T.remove]: (r, tag) => {
      const number = r.u32();
      const fid = this.fids.get(number);
      // The fid is gone whether or not the removal works.
      this.fids.delete(number);
      const { directory, name } = this.place(fid);
      directory.remove(name, isDirectory(fid.node));
      return new Writer(T.remove + 1, tag);
    },

    [T.renameat]: (r, tag) => {
      const from = this.fids.directory(r.u32()).node;
      const name = r.string();
      const to = this.fids.directory(r.u32()).node;
      from.rename(name, to, r.string());
      return new Writer(T.renameat + 1, tag);
    },

    [T.rename]: (r, tag) => {
      const fid = this.fids.get(r.u32());
      const to = this.fids.directory(r.u32());
      const newName = r.string();
      const { directory, name } = this.place(fid);
      directory.rename(name, to.node, newName);
      fid.parents = [...to.parents, to.node];
      fid.name = newName;
      return new Writer(T.rename + 1, tag);
    },

    [T.clunk]: (r, tag) => {
      this.fids.delete(r.u32());
      return new Writer(T.clunk + 1, tag);
    },

    [T.fsync]: (r, tag) => {
      this.fids.get(r.u32());
      return new Writer(T.fsync + 1, tag);
    },

    [T.lock]: (r, tag) => {
      // One guest kernel is the only client and keeps its own lock table.
      this.fids.get(r.u32());
      return new Writer(T.lock + 1, tag).u8(LOCK_SUCCESS);
    },

    [T.getlock]: (r, tag) => {
      this.fids.get(r.u32());
      r.u8();
      const [start, length, process] = [r.big(), r.big(), r.u32()];
      return new Writer(T.getlock + 1, tag)
        .u8(F_UNLCK)
        .u64(start)
        .u64(length)
        .u32(process)
        .string(r.string());
    },

    [T.readlink]: (r) => {
      this.fids.get(r.u32());
      throw new P9Error(E.INVAL); // nothing here is a symlink
    },

    [T.xattrwalk]: (r) => {
      this.fids.get(r.u32());
      r.u32();
      throw new P9Error(r.string() === "" ? E.OPNOTSUPP : E.NODATA);
    },

    [T.symlink]: refuseLinks,
    [T.link]: refuseLinks,
    [T.mknod]: refuseLinks,
  };

  private async walk(from: Fid, names: string[], target: number, self: number, tag: number): Promise<Answer> {
    let { node, name } = from;
    let parents = from.parents;
    const qids: Qid[] = [];
    for (const next of names) {
      if (!isDirectory(node)) {
        if (qids.length === 0) throw new P9Error(E.NOTDIR);
        break;
      }
      if (next === "..") {
        node = parents.at(-1) ?? node;
        parents = parents.slice(0, -1);
        name = "";
      } else {
        const child: AnyNode | undefined = await node.lookup(next);
        if (!child) {
          if (qids.length === 0) throw new P9Error(E.NOENT);
          break;
        }
        parents = [...parents, node];
        node = child;
        name = next;
      }
      qids.push(node.qid());
    }
    const writer = new Writer(T.walk + 1, tag, 2 + 13 * qids.length).u16(qids.length);
    for (const id of qids) qid(writer, id);
    if (qids.length < names.length) return writer;
    const commit = () => {
      this.fids.check(target, self);
      this.fids.set(target, { node, parents, name });
    };
    return { writer, commit };
  }

  private async readdir(
    fid: Fid,
    node: DirectoryNode,
    offset: number,
    count: number,
    tag: number,
  ): Promise<Writer> {
    if (offset === 0 || !fid.listing) fid.listing = await node.list();
    const special: [string, Qid][] = [
      [".", node.qid()],
      ["..", (fid.parents.at(-1) ?? node).qid()],
    ];
    const w = new Writer(T.readdir + 1, tag, 4 + count).u32(0);
    const start = w.length;
    for (let at = offset; at < fid.listing.length + special.length; at++) {
      const entry = fid.listing[at - special.length];
      const [name, id] = special[at] ?? [entry!.name, entry!.qid];
      const bytes = new TextEncoder().encode(name);
      if (w.length - start + 24 + bytes.length > count) break;
      qid(w, id)
        .u64(at + 1)
        .u8(id.kind === "directory" ? DT_DIR : DT_REG)
        .u16(bytes.length)
        .data(bytes);
    }
    const filled = w.length - start;
    const reply = w.finish();
    return new Writer(T.readdir + 1, tag, 4 + filled).u32(filled).data(reply.subarray(start));
  }

  /** Where a fid's node stands now; ESTALE when it was renamed or removed behind the fid. */
  private place(fid: Fid): { directory: DirectoryNode; name: string } {
    const directory = fid.parents.at(-1);
    if (!directory) throw new P9Error(E.ROFS);
    if (directory instanceof MemoryDirectory && directory.lookup(fid.name) !== fid.node)
      throw new P9Error(E.STALE);
    return { directory, name: fid.name };
  }
}

function refuseLinks(): never {
  throw new P9Error(E.PERM);
}

function errorReply(tag: number, errno: number): Uint8Array {
  return new Writer(T.lerror + 1, tag, 4).u32(errno).finish();
}

function qid(w: Writer, id: Qid): Writer {
  return w
    .u8(id.kind === "directory" ? QTDIR : 0)
    .u32(id.version)
    .u64(id.id);
}

function openState(flags: number): { read: boolean; write: boolean; append: boolean } {
  const access = flags & O_ACCMODE;
  return { read: access !== O_WRONLY, write: access !== 0, append: (flags & O_APPEND) !== 0 };
}

/** Seconds and nanoseconds of Unix milliseconds. */
function time(w: Writer, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  w.u64(BigInt.asUintN(64, BigInt(seconds))).u64(Math.floor((ms - seconds * 1000) * 1e6));
}

/** Unix milliseconds; times beyond ±285,000 years are refused. */
function readTime(r: Reader): number {
  const seconds = Number(BigInt.asIntN(64, r.big()));
  const ms = seconds * 1000 + Number(r.big()) / 1e6;
  if (Math.abs(ms) > Number.MAX_SAFE_INTEGER) throw new P9Error(E.INVAL);
  return ms;
}
