import { ImageError } from "../types";
import { binaryString } from "./text";

/** What a PAX extended header (POSIX pax, "pax Extended Header") says of the next entry; absent means unsaid. */
export interface PaxRecords {
  path?: string;
  linkpath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: { seconds: number; nanoseconds: number };
  xattrs: Map<string, Uint8Array>;
  sparse: boolean;
}

const XATTR = "SCHILY.xattr.";

/** Reads `LENGTH KEY=VALUE\n` records. `at` is the header's place in the archive, for messages. */
export function parsePax(data: Uint8Array, at: number): PaxRecords {
  const damaged = (what: string) => new ImageError("bad-image", `damaged PAX header at byte ${at}: ${what}`);
  const records: PaxRecords = { xattrs: new Map(), sparse: false };
  const whole = (key: string, value: string): number => {
    const parsed = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
    if (!Number.isSafeInteger(parsed)) throw damaged(`${key} is no number`);
    return parsed;
  };

  for (let start = 0; start < data.length;) {
    const space = data.indexOf(0x20, start);
    const lengthText = space < 0 || space - start > 8 ? "" : binaryString(data.subarray(start, space));
    const end = /^[1-9]\d*$/.test(lengthText) ? start + Number(lengthText) : NaN;
    if (!(end <= data.length) || end <= space + 1 || data[end - 1] !== 0x0a)
      throw damaged("a record's length is wrong");
    const equals = data.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end - 1) throw damaged("a record without =");
    const key = binaryString(data.subarray(space + 1, equals));
    const valueBytes = data.slice(equals + 1, end - 1);
    start = end;

    if (key.startsWith(XATTR)) {
      records.xattrs.set(key.slice(XATTR.length), valueBytes);
      continue;
    }
    if (key.startsWith("GNU.sparse.")) records.sparse = true;
    // An empty value takes the key's record back.
    if (valueBytes.length === 0) {
      if (key === "path") delete records.path;
      else if (key === "linkpath") delete records.linkpath;
      else if (key === "size") delete records.size;
      else if (key === "uid") delete records.uid;
      else if (key === "gid") delete records.gid;
      else if (key === "mtime") delete records.mtime;
      continue;
    }
    const value = binaryString(valueBytes);
    if (key === "path" || key === "linkpath") {
      if (value.includes("\0")) throw damaged(`${key} holds a NUL`);
      records[key] = value;
    } else if (key === "size" || key === "uid" || key === "gid") {
      records[key] = whole(key, value);
    } else if (key === "mtime") {
      const parts = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value);
      if (!parts) throw damaged("mtime is no time");
      records.mtime = time(
        parts[1] === "-",
        Number(parts[2]),
        Number((parts[3] ?? "").slice(0, 9).padEnd(9, "0")),
      );
    }
  }
  return records;
}

/** Nanoseconds count upward, also before 1970. */
function time(
  negative: boolean,
  seconds: number,
  nanoseconds: number,
): { seconds: number; nanoseconds: number } {
  if (!negative) return { seconds, nanoseconds };
  if (nanoseconds === 0) return { seconds: 0 - seconds, nanoseconds };
  return { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}
