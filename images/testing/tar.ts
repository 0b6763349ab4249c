/** Builds small tars in tests, also broken ones. */

export interface TestEntry {
  name: string;
  /** Tar type flag; "0" by default. */
  type?: string;
  data?: string | Uint8Array;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  major?: number;
  minor?: number;
  /** Said instead of the data's length. */
  size?: number;
  /** Written as a PAX header before the entry; values may be bytes. */
  pax?: Record<string, string | Uint8Array>;
  magic?: "ustar" | "gnu" | "v7";
  prefix?: string;
  /** Changes the finished header; its checksum is made again unless `keepChecksum`. */
  patch?: (header: Uint8Array) => void;
  keepChecksum?: boolean;
}

const encoder = new TextEncoder();
const bytesOf = (value: string | Uint8Array) => (typeof value === "string" ? encoder.encode(value) : value);

export function joinBytes(pieces: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A whole archive with its two blocks of zeros. */
export function tarOf(entries: TestEntry[]): Uint8Array<ArrayBuffer> {
  return joinBytes([...entries.map(entryBytes), new Uint8Array(1024)]);
}

export function entryBytes(entry: TestEntry): Uint8Array {
  const data = bytesOf(entry.data ?? "");
  const parts: Uint8Array[] = [];
  if (entry.pax) {
    const records = joinBytes(
      Object.entries(entry.pax).map(([key, value]) => paxRecord(key, bytesOf(value))),
    );
    parts.push(header({ name: "PaxHeaders/x", type: "x" }, records.length), padded(records));
  }
  parts.push(header(entry, entry.size ?? data.length), padded(data));
  return joinBytes(parts);
}

export function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = joinBytes([encoder.encode(` ${key}=`), value, encoder.encode("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return joinBytes([encoder.encode(String(length)), rest]);
}

function header(entry: TestEntry, size: number): Uint8Array {
  const block = new Uint8Array(512);
  const text = (at: number, value: string) => block.set(encoder.encode(value), at);
  const octal = (at: number, length: number, value: number) =>
    text(at, value.toString(8).padStart(length - 1, "0"));
  text(0, entry.name);
  octal(100, 8, entry.mode ?? 0o644);
  octal(108, 8, entry.uid ?? 0);
  octal(116, 8, entry.gid ?? 0);
  octal(124, 12, size);
  octal(136, 12, entry.mtime ?? 0);
  text(156, entry.type ?? "0");
  text(157, entry.link ?? "");
  if (entry.magic !== "v7") {
    text(257, entry.magic === "gnu" ? "ustar  \0" : "ustar\x0000");
    octal(329, 8, entry.major ?? 0);
    octal(337, 8, entry.minor ?? 0);
    text(345, entry.prefix ?? "");
  }
  if (!entry.keepChecksum) entry.patch?.(block);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  if (entry.keepChecksum) entry.patch?.(block);
  return block;
}

function padded(data: Uint8Array): Uint8Array {
  return joinBytes([data, new Uint8Array(-data.length & 511)]);
}

/** Bytes as a stream in pieces of a size. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
