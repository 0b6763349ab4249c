/** 9P2000.L on the wire: message numbers, bounded reading and writing of fields (little-endian). */

/** Request types; each reply is its request + 1. */
export const T = {
  lerror: 6,
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  mknod: 18,
  rename: 20,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  xattrwalk: 30,
  xattrcreate: 32,
  readdir: 40,
  fsync: 50,
  lock: 52,
  getlock: 54,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  auth: 102,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
} as const;

/** Linux error numbers that we answer. */
export const E = {
  PERM: 1,
  NOENT: 2,
  INTR: 4,
  IO: 5,
  BADF: 9,
  EXIST: 17,
  XDEV: 18,
  NOTDIR: 20,
  ISDIR: 21,
  INVAL: 22,
  MFILE: 24,
  FBIG: 27,
  NOSPC: 28,
  ROFS: 30,
  NAMETOOLONG: 36,
  NOTEMPTY: 39,
  NODATA: 61,
  OPNOTSUPP: 95,
  STALE: 116,
} as const;

export const NO_TAG = 0xffff;
export const NO_FID = 0xffffffff;
/** size[4] type[1] tag[2] */
export const HEADER = 7;

/** A refusal with a Linux error number; becomes Rlerror. */
export class P9Error extends Error {
  constructor(readonly errno: number) {
    super(`9P error ${errno}`);
    this.name = "P9Error";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Reads fields one after the other; anything past the end is a malformed message (EINVAL). */
export class Reader {
  private readonly view: DataView;
  private at: number;

  constructor(
    private readonly bytes: Uint8Array,
    start = HEADER,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** A 64-bit number that must be exact as a JavaScript number; EINVAL above 2^53. */
  u64(): number {
    const value = this.view.getBigUint64(this.take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new P9Error(E.INVAL);
    return Number(value);
  }

  /** A 64-bit number that may be anything, as times and masks are. */
  big(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  string(): string {
    const bytes = this.data(this.u16());
    try {
      return utf8.decode(bytes);
    } catch {
      throw new P9Error(E.INVAL);
    }
  }

  /** A view of the next bytes; copy it to keep it. */
  data(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  private take(length: number): number {
    const at = this.at;
    if (at + length > this.bytes.length) throw new P9Error(E.INVAL);
    this.at = at + length;
    return at;
  }
}

/** Builds one reply; the size field is filled by `finish`. */
export class Writer {
  private bytes: Uint8Array;
  private view: DataView;
  private at = HEADER;

  /** `capacity`: payload bytes to make room for at first. */
  constructor(type: number, tag: number, capacity = 64) {
    this.bytes = new Uint8Array(HEADER + capacity);
    this.view = new DataView(this.bytes.buffer);
    this.bytes[4] = type;
    this.view.setUint16(5, tag, true);
  }

  /** Bytes so far, header included. */
  get length(): number {
    return this.at;
  }

  u8(value: number): this {
    const at = this.room(1);
    this.view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.room(2);
    this.view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.room(4);
    this.view.setUint32(at, value, true);
    return this;
  }

  u64(value: number | bigint): this {
    const at = this.room(8);
    this.view.setBigUint64(at, BigInt(value), true);
    return this;
  }

  string(text: string): this {
    const bytes = encoder.encode(text);
    return this.u16(bytes.length).data(bytes);
  }

  data(bytes: Uint8Array): this {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
    return this;
  }

  finish(): Uint8Array {
    this.view.setUint32(0, this.at, true);
    return this.bytes.subarray(0, this.at);
  }

  /** Where the next bytes go. It may replace `bytes` and `view`: call it before touching them. */
  private room(length: number): number {
    const at = this.at;
    this.at += length;
    if (this.at > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.at, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** The bytes a name takes on the wire. */
export function nameLength(name: string): number {
  return encoder.encode(name).length;
}
