import { ImageError } from "../types";
import type { ByteReader } from "./bytes";
import { parsePax, type PaxRecords } from "./pax";
import { binaryString, showName } from "./text";

/**
 * A streaming reader of layer tars: ustar, PAX, GNU and old v7 headers (image-spec layer.md, POSIX pax, GNU tar manual).
 * Names are byte strings: one character for each byte, so that names which are no UTF-8 survive.
 */

export type TarKind = "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";

export interface TarEntry {
  kind: TarKind;
  /** Cleaned: no empty, `.` or `..` component; empty for the root itself. */
  path: string[];
  /** Symlinks: as written. Hard links: cleaned and joined with `/`. */
  link: string;
  /** Permission, setuid, setgid and sticky bits. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Seconds since 1970, whole, may be negative. */
  mtime: number;
  mtimeNanoseconds: number;
  major: number;
  minor: number;
  xattrs: Map<string, Uint8Array>;
}

const BLOCK = 512;
const LONGEST_EXTENSION = 1024 * 1024;
const LONGEST_PATH = 4096;
const LONGEST_NAME = 255;
const LONGEST_LINK = 4095;
const LARGEST_ID = 0xffffffff;

const KINDS: Record<string, TarKind> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

export class TarReader {
  #bytes: ByteReader;
  /** Bytes of the current entry's data and padding not yet read. */
  #left = 0;
  #padding = 0;
  #name = "";

  constructor(bytes: ByteReader) {
    this.#bytes = bytes;
  }

  /** The next entry, or undefined at the archive's end. What is left of the entry before is passed over. */
  async next(): Promise<TarEntry | undefined> {
    let pax: PaxRecords | undefined;
    let longName: string | undefined;
    let longLink: string | undefined;
    for (;;) {
      await this.#passData();
      const at = this.#bytes.position;
      const header = await this.#header(
        pax !== undefined || longName !== undefined || longLink !== undefined,
      );
      if (!header) return undefined;
      const type = String.fromCharCode(header[156]!);
      const size = number(header, 124, 12, at, "size");
      if (type === "x" || type === "L" || type === "K" || type === "g") {
        const data = await this.#extension(size, at);
        // Global records (`git archive` leaves a comment there) change nothing, as in docker.
        if (type === "x") pax = parsePax(data, at);
        else if (type === "L") longName = cString(data, 0, data.length);
        else if (type === "K") longLink = cString(data, 0, data.length);
        continue;
      }
      return this.#entry(header, type, size, at, pax, longName, longLink);
    }
  }

  /** The next bytes of the current entry's data, at most `limit`, as a view good until the next call; empty at its end. */
  async data(limit: number): Promise<Uint8Array> {
    if (this.#left === 0) return new Uint8Array(0);
    const piece = await this.#bytes.some(Math.min(limit, this.#left));
    if (piece.length === 0) throw cutShort(`in the data of ${this.#name}`);
    this.#left -= piece.length;
    return piece;
  }

  async #passData(): Promise<void> {
    if (!(await this.#bytes.skip(this.#left + this.#padding))) throw cutShort(`in the data of ${this.#name}`);
    this.#left = this.#padding = 0;
  }

  async #header(expected: boolean): Promise<Uint8Array | undefined> {
    const at = this.#bytes.position;
    const header = await this.#bytes.take(BLOCK);
    // As in docker: an archive may end without its two blocks of zeros, but not within an entry.
    if (header.length === 0 && !expected) return undefined;
    if (header.length < BLOCK) throw cutShort("in a header");
    if (header.every((byte) => byte === 0)) {
      if (expected) throw damaged(at, "an extended header with no entry after it");
      const second = await this.#bytes.take(BLOCK);
      if (second.some((byte) => byte !== 0)) throw damaged(at, "a lone block of zeros between entries");
      return undefined;
    }
    // Old tars summed signed characters.
    let sum = 0;
    let signedSum = 0;
    for (let i = 0; i < BLOCK; i++) {
      const byte = i >= 148 && i < 156 ? 0x20 : header[i]!;
      sum += byte;
      signedSum += (byte << 24) >> 24;
    }
    const stored = number(header, 148, 8, at, "checksum");
    if (stored !== sum && stored !== signedSum) throw damaged(at, "wrong checksum");
    return header;
  }

  async #extension(size: number, at: number): Promise<Uint8Array> {
    if (size > LONGEST_EXTENSION) throw damaged(at, `an extended header of ${size} bytes`);
    const data = new Uint8Array(await this.#bytes.take(size));
    if (data.length < size) throw cutShort("in an extended header");
    this.#name = "an extended header";
    this.#padding = -size & (BLOCK - 1);
    return data;
  }

  #entry(
    header: Uint8Array,
    type: string,
    headerSize: number,
    at: number,
    pax: PaxRecords | undefined,
    longName: string | undefined,
    longLink: string | undefined,
  ): TarEntry {
    const magic = binaryString(header.subarray(257, 265));
    const ustar = magic === "ustar\x0000";
    const posix = ustar || magic === "ustar  \0";
    let name = cString(header, 0, 100);
    const prefix = ustar ? cString(header, 345, 155) : "";
    if (prefix) name = `${prefix}/${name}`;
    name = pax?.path ?? longName ?? name;
    const link = pax?.linkpath ?? longLink ?? cString(header, 157, 100);
    const shown = showName(name);

    if (type === "S" || pax?.sparse) {
      throw new ImageError(
        "unsupported",
        `${shown} is stored as a sparse file, which is not supported; make the layer without tar's --sparse`,
      );
    }
    let kind = KINDS[type];
    if (!kind) {
      const what = /[!-~]/.test(type) ? `"${type}"` : `0x${type.charCodeAt(0).toString(16)}`;
      throw new ImageError("unsupported", `${shown} is of tar type ${what}, which no layer may hold`);
    }
    const size = pax?.size ?? headerSize;
    // Only files carry data, whatever the size field of the others says.
    this.#left = kind === "file" ? size : 0;
    this.#padding = -this.#left & (BLOCK - 1);
    this.#name = shown;
    if (kind === "file" && name.endsWith("/")) kind = "directory";

    const device = posix && (kind === "char" || kind === "block");
    const major = device ? number(header, 329, 8, at, "device number") : 0;
    const minor = device ? number(header, 337, 8, at, "device number") : 0;
    if (major > 0xfff || minor > 0xfffff)
      throw bad(`${shown}: device number ${major},${minor} is out of range`);
    const uid = pax?.uid ?? number(header, 108, 8, at, "owner");
    const gid = pax?.gid ?? number(header, 116, 8, at, "group");
    if (uid > LARGEST_ID || gid > LARGEST_ID) throw bad(`${shown}: owner ${uid}:${gid} is out of range`);
    if (kind === "symlink" && (link.length === 0 || link.length > LONGEST_LINK || link.includes("\0"))) {
      throw bad(`${shown}: a symbolic link needs a target of 1 to ${LONGEST_LINK} bytes without NUL`);
    }
    return {
      kind,
      path: cleanPath(name),
      link: kind === "hardlink" ? cleanPath(link, `the hard link ${shown}`).join("/") : link,
      mode: number(header, 100, 8, at, "mode") & 0o7777,
      uid,
      gid,
      size: kind === "file" ? size : 0,
      mtime: pax?.mtime?.seconds ?? signedNumber(header, 136, 12, at, "time"),
      mtimeNanoseconds: pax?.mtime?.nanoseconds ?? 0,
      major,
      minor,
      xattrs: pax?.xattrs ?? new Map<string, Uint8Array>(),
    };
  }
}

/** Components of a name in the archive, without `.`; refuses what leads out of the root. */
function cleanPath(name: string, owner?: string): string[] {
  const shown = owner ? `${owner} to ${showName(name)}` : showName(name);
  if (name.length > LONGEST_PATH || name.includes("\0")) {
    throw bad(`${shown}: a name may have ${LONGEST_PATH} bytes and no NUL`);
  }
  if (name.length === 0) throw bad(`${owner ?? "an entry"}: the name is empty`);
  const path: string[] = [];
  for (const component of name.split("/")) {
    if (component === "" || component === ".") continue;
    if (component === "..") {
      if (path.pop() === undefined) throw bad(`${shown} leads out of the image's root; the layer is refused`);
    } else if (component.length > LONGEST_NAME) {
      throw bad(`${shown}: a component is longer than ${LONGEST_NAME} bytes`);
    } else {
      path.push(component);
    }
  }
  return path;
}

function cString(bytes: Uint8Array, offset: number, length: number): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return binaryString(end < 0 ? field : field.subarray(0, end));
}

function number(header: Uint8Array, offset: number, length: number, at: number, what: string): number {
  const value = signedNumber(header, offset, length, at, what);
  if (value < 0) throw damaged(at, `negative ${what}`);
  return value;
}

/** Octal text between spaces and NULs, or GNU's base-256 when the first bit is set. */
function signedNumber(header: Uint8Array, offset: number, length: number, at: number, what: string): number {
  const first = header[offset]!;
  let value: number;
  if (first & 0x80) {
    value = first & 0x40 ? (first & 0x7f) - 0x80 : first & 0x7f;
    for (let i = offset + 1; i < offset + length; i++) value = value * 256 + header[i]!;
  } else {
    const text = binaryString(header.subarray(offset, offset + length)).replace(/^[ \0]+|[ \0]+$/g, "");
    if (!/^[0-7]*$/.test(text)) throw damaged(at, `${what} is no number`);
    value = text ? parseInt(text, 8) : 0;
  }
  if (!Number.isSafeInteger(value)) throw damaged(at, `${what} is out of range`);
  return value;
}

function bad(message: string): ImageError {
  return new ImageError("bad-image", message);
}

function damaged(at: number, what: string): ImageError {
  return bad(`damaged tar header at byte ${at}: ${what}`);
}

function cutShort(where: string): ImageError {
  return bad(`the tar ends too early, ${where}`);
}
