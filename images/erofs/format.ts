import { ImageError } from "../types";
import { crc32c } from "./crc32c";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, type Node } from "./tree";
import { binaryBytes, showName } from "./text";

/** The on-disk structures of erofs that we write (Linux Documentation/filesystems/erofs.rst). All little-endian. */

export const BLOCK_SIZE = 4096;
export const BLOCK_BITS = 12;
/** Inodes lie at multiples of this from the metadata's start; a node number counts them. */
export const SLOT_SIZE = 32;
export const INODE_SIZE = 64;
export const DIRENT_SIZE = 12;
/** Data behind an inode must not cross a block's end; up to this it always finds a place. */
export const LONGEST_INLINE = 3500;

const MAGIC = 0xe0f5e1e2;
const SUPERBLOCK_AT = 1024;
const COMPAT_SB_CHKSUM = 1;
const COMPAT_MTIME = 2;
const EXTENDED = 1;
const LAYOUT_PLAIN = 0;
const LAYOUT_INLINE = 2;

const FILE_TYPES: Record<number, number> = {
  [S_IFREG]: 1,
  [S_IFDIR]: 2,
  [S_IFCHR]: 3,
  [S_IFBLK]: 4,
  [S_IFIFO]: 5,
  [S_IFLNK]: 7,
};

/** Attribute names are stored as an index of a prefix and the rest. */
const XATTR_PREFIXES: [prefix: string, index: number, whole: boolean][] = [
  ["user.", 1, false],
  ["system.posix_acl_access", 2, true],
  ["system.posix_acl_default", 3, true],
  ["trusted.", 4, false],
  ["security.", 6, false],
];

export interface Superblock {
  rootNid: number;
  inodes: number;
  blocks: number;
  metaBlock: number;
  /** 16 bytes. Overlayfs wants lower filesystems told apart. */
  uuid: Uint8Array;
}

/** Fills the superblock, and its checksum, into the filesystem's first block. */
export function writeSuperblock(block: Uint8Array, superblock: Superblock): void {
  const view = new DataView(block.buffer, block.byteOffset + SUPERBLOCK_AT, BLOCK_SIZE - SUPERBLOCK_AT);
  view.setUint32(0, MAGIC, true);
  view.setUint32(8, COMPAT_SB_CHKSUM | COMPAT_MTIME, true);
  view.setUint8(12, BLOCK_BITS);
  view.setUint16(14, superblock.rootNid, true);
  view.setBigUint64(16, BigInt(superblock.inodes), true);
  view.setUint32(36, superblock.blocks, true);
  view.setUint32(40, superblock.metaBlock, true);
  block.set(superblock.uuid, SUPERBLOCK_AT + 48);
  view.setUint32(4, crc32c(block.subarray(SUPERBLOCK_AT, BLOCK_SIZE)), true);
}

export interface InodePlace {
  number: number;
  links: number;
  size: number;
  /** First block of the data outside the inode. */
  block: number;
  inline: boolean;
  xattrs: Uint8Array;
}

/** An extended inode: 32-bit owners, its own time. */
export function encodeInode(node: Node, place: InodePlace): Uint8Array {
  const bytes = new Uint8Array(INODE_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, EXTENDED | ((place.inline ? LAYOUT_INLINE : LAYOUT_PLAIN) << 1), true);
  // A count of 4-byte units after the first 12 bytes, plus one.
  view.setUint16(2, place.xattrs.length ? (place.xattrs.length - 12) / 4 + 1 : 0, true);
  view.setUint16(4, node.mode, true);
  view.setBigUint64(8, BigInt(place.size), true);
  const type = node.mode & S_IFMT;
  view.setUint32(16, type === S_IFCHR || type === S_IFBLK ? node.rdev : place.block, true);
  view.setUint32(20, place.number, true);
  view.setUint32(24, node.uid, true);
  view.setUint32(28, node.gid, true);
  view.setBigInt64(32, BigInt(node.mtime), true);
  view.setUint32(40, node.mtimeNanoseconds, true);
  view.setUint32(44, place.links, true);
  return bytes;
}

/** The inline attribute area, with its header; empty when the node has none that Linux could hold. */
export function encodeXattrs(xattrs: Map<string, Uint8Array>): Uint8Array {
  const entries: Uint8Array[] = [];
  let length = 12;
  for (const [name, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const prefix = XATTR_PREFIXES.find(([text, , whole]) => (whole ? name === text : name.startsWith(text)));
    // Namespaces Linux does not keep on such a filesystem, as docker passes them over.
    if (!prefix) continue;
    const rest = binaryBytes(name.slice(prefix[0].length));
    if (rest.length > 255 || value.length > 0xffff) {
      throw new ImageError(
        "bad-image",
        `the extended attribute ${showName(name)} is larger than Linux allows`,
      );
    }
    const entry = new Uint8Array((4 + rest.length + value.length + 3) & ~3);
    entry[0] = rest.length;
    entry[1] = prefix[1];
    entry[2] = value.length & 0xff;
    entry[3] = value.length >> 8;
    entry.set(rest, 4);
    entry.set(value, 4 + rest.length);
    entries.push(entry);
    length += entry.length;
  }
  if (entries.length === 0) return new Uint8Array(0);
  if ((length - 12) / 4 + 1 > 0xffff) {
    throw new ImageError("bad-image", "a file has more extended attributes than fit an inode (256 KiB)");
  }
  const area = new Uint8Array(length);
  let at = 12;
  for (const entry of entries) {
    area.set(entry, at);
    at += entry.length;
  }
  return area;
}

export interface Dirent {
  name: string;
  nid: number;
  mode: number;
}

/** How many of the sorted names each directory block takes, and the bytes the last block uses. */
export function planDirectory(names: string[]): { counts: number[]; lastBytes: number } {
  const counts: number[] = [];
  let count = 0;
  let used = 0;
  for (const name of names) {
    const need = DIRENT_SIZE + name.length;
    if (used + need > BLOCK_SIZE) {
      counts.push(count);
      count = used = 0;
    }
    count++;
    used += need;
  }
  counts.push(count);
  return { counts, lastBytes: used };
}

/** One directory block: the entries' heads, then their names. `length` is its size in bytes. */
export function encodeDirectoryBlock(dirents: Dirent[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let nameAt = dirents.length * DIRENT_SIZE;
  dirents.forEach((dirent, i) => {
    const at = i * DIRENT_SIZE;
    view.setBigUint64(at, BigInt(dirent.nid), true);
    view.setUint16(at + 8, nameAt, true);
    view.setUint8(at + 10, FILE_TYPES[dirent.mode & S_IFMT]!);
    bytes.set(binaryBytes(dirent.name), nameAt);
    nameAt += dirent.name.length;
  });
  return bytes;
}
