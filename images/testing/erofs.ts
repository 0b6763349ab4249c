import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertLayer } from "../erofs/convert";
import { inPieces, joinBytes } from "./tar";

/** Converts a tar in memory. */
export async function convert(tar: Uint8Array, pieceSize = 1000, chunkSize = 8192): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const size = await convertLayer(inPieces(tar, pieceSize), (index, bytes) => void (chunks[index] = bytes), {
    chunkSize,
    uuid: new Uint8Array(16).fill(7),
  });
  const image = joinBytes(chunks);
  if (image.length !== size) throw new Error(`convertLayer said ${size} bytes and gave ${image.length}`);
  return image;
}

export interface ReadNode {
  nid: number;
  mode: number;
  uid: number;
  gid: number;
  links: number;
  mtime: number;
  mtimeNanoseconds: number;
  rdev: number;
  data: Uint8Array;
  xattrs: Record<string, string>;
}

const PREFIXES: Record<number, string> = {
  1: "user.",
  2: "system.posix_acl_access",
  3: "system.posix_acl_default",
  4: "trusted.",
  6: "security.",
};

/** Reads a whole filesystem back as Linux would, by path; the root is "". Names are decoded as UTF-8. */
export function readErofs(image: Uint8Array): Map<string, ReadNode> {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  if (view.getUint32(1024, true) !== 0xe0f5e1e2) throw new Error("no erofs magic");
  const meta = view.getUint32(1024 + 40, true) * 4096;
  const nodes = new Map<string, ReadNode>();
  const text = new TextDecoder();

  const inode = (nid: number): ReadNode => {
    const at = meta + nid * 32;
    const format = view.getUint16(at, true);
    if (!(format & 1)) throw new Error("not an extended inode");
    const size = Number(view.getBigUint64(at + 8, true));
    const count = view.getUint16(at + 2, true);
    const xattrSize = count ? 12 + (count - 1) * 4 : 0;
    const block = view.getUint32(at + 16, true);
    const inline = format >> 1 === 2;
    const outside = inline ? size - (size % 4096 || 4096) : size;
    const tailAt = at + 64 + xattrSize;
    if (inline && (tailAt % 4096) + size - outside > 4096) throw new Error("inline data crosses a block");
    const mode = view.getUint16(at + 4, true);
    const device = (mode & 0o170000) === 0o020000 || (mode & 0o170000) === 0o060000;
    const xattrs: Record<string, string> = {};
    for (let entry = at + 76; entry < tailAt;) {
      const nameLength = image[entry]!;
      const valueSize = view.getUint16(entry + 2, true);
      const name = text.decode(image.subarray(entry + 4, entry + 4 + nameLength));
      const valueAt = entry + 4 + nameLength;
      xattrs[PREFIXES[image[entry + 1]!]! + name] = text.decode(image.subarray(valueAt, valueAt + valueSize));
      entry += (4 + nameLength + valueSize + 3) & ~3;
    }
    return {
      nid,
      mode,
      uid: view.getUint32(at + 24, true),
      gid: view.getUint32(at + 28, true),
      links: view.getUint32(at + 44, true),
      mtime: Number(view.getBigInt64(at + 32, true)),
      mtimeNanoseconds: view.getUint32(at + 40, true),
      rdev: device ? block : 0,
      data: device
        ? new Uint8Array(0)
        : joinBytes([
            image.subarray(block * 4096, block * 4096 + outside),
            image.subarray(tailAt, tailAt + size - outside),
          ]),
      xattrs,
    };
  };

  const walk = (path: string, node: ReadNode) => {
    nodes.set(path, node);
    if ((node.mode & 0o170000) !== 0o040000) return;
    for (let start = 0; start < node.data.length; start += 4096) {
      const block = node.data.subarray(start, start + 4096);
      const heads = new DataView(block.buffer, block.byteOffset, block.length);
      const count = heads.getUint16(8, true) / 12;
      for (let i = 0; i < count; i++) {
        const from = heads.getUint16(i * 12 + 8, true);
        const to = i + 1 < count ? heads.getUint16(i * 12 + 20, true) : block.length;
        const bytes = block.subarray(from, to);
        const end = bytes.indexOf(0);
        const name = text.decode(end < 0 ? bytes : bytes.subarray(0, end));
        const child = inode(Number(heads.getBigUint64(i * 12, true)));
        if (name !== "." && name !== "..") walk(path ? `${path}/${name}` : name, child);
      }
    }
  };
  walk("", inode(view.getUint16(1024 + 14, true)));
  return nodes;
}

/** Whether an outside tool is there. Under CI its absence is an error, so that no check is skipped unseen. */
export function toolAvailable(tool: string): boolean {
  const found = !spawnSync(tool, ["-V"], { stdio: "ignore" }).error;
  if (!found && process.env.CI) throw new Error(`${tool} is missing; CI needs it (Debian: erofs-utils, tar)`);
  if (!found) process.stderr.write(`skipped: ${tool} is not installed (Debian: erofs-utils)\n`);
  return found;
}

/** Runs a program on an image in a temporary folder; `args` gets the image's path and the folder. */
export function onImage(
  image: Uint8Array,
  tool: string,
  args: (path: string, folder: string) => string[],
  look?: (folder: string) => void,
): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), "nestbox-erofs-"));
  try {
    const path = join(folder, "image.erofs");
    writeFileSync(path, image);
    const { status, stdout, stderr } = spawnSync(tool, args(path, folder), {
      encoding: "utf8",
      timeout: 60_000,
    });
    look?.(folder);
    return { status, output: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
