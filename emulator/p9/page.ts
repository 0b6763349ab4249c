/** The page's own way into `share/` and `outbox/`, beside the guest's through 9P. Paths are lists of names. */
import type { FileEntry } from "../control/api";
import { MemoryDirectory, MemoryFile, type MemoryTree } from "./memory";
import { E, P9Error } from "./message";

/** A copy of a file's bytes. P9Error ENOENT, EISDIR, ENOTDIR. */
export function readPath(tree: MemoryTree, path: readonly string[]): Uint8Array {
  const node = find(tree, path);
  if (!(node instanceof MemoryFile)) throw new P9Error(E.ISDIR);
  return node.read(0, node.size).slice();
}

/** Makes or replaces a file, and the directories above it. P9Error ENOSPC when it does not fit. */
export function writePath(tree: MemoryTree, path: readonly string[], bytes: Uint8Array): void {
  const name = path.at(-1);
  if (name === undefined) throw new P9Error(E.ISDIR);
  let directory = tree.root;
  for (const part of path.slice(0, -1)) {
    const next = directory.lookup(part) ?? directory.createDirectory(part, 0o755);
    if (!(next instanceof MemoryDirectory)) throw new P9Error(E.NOTDIR);
    directory = next;
  }
  const old = directory.lookup(name);
  if (old instanceof MemoryDirectory) throw new P9Error(E.ISDIR);
  const room = tree.usage().free + (old?.size ?? 0);
  if (bytes.length > room) throw new P9Error(E.NOSPC);
  const file = old ?? directory.createFile(name, 0o644);
  file.change({ size: 0 });
  file.write(0, bytes);
}

/** Names in a directory, sorted. P9Error ENOENT, ENOTDIR. */
export function listPath(tree: MemoryTree, path: readonly string[]): FileEntry[] {
  const node = find(tree, path);
  if (!(node instanceof MemoryDirectory)) throw new P9Error(E.NOTDIR);
  return [...node.children()]
    .map(([name, child]): FileEntry =>
      child instanceof MemoryFile
        ? { name, kind: "file", size: child.size }
        : { name, kind: "directory", size: 0 },
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function find(tree: MemoryTree, path: readonly string[]): MemoryFile | MemoryDirectory {
  let node: MemoryFile | MemoryDirectory | undefined = tree.root;
  for (const part of path) {
    if (!(node instanceof MemoryDirectory)) throw new P9Error(E.NOTDIR);
    node = node.lookup(part);
    if (!node) throw new P9Error(E.NOENT);
  }
  return node;
}
