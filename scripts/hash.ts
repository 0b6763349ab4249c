import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Hex sha256. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Hex sha256 over names and contents of files and whole folders (tests left out); a missing path counts as missing. */
export function hashPaths(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    for (const file of filesUnder(path)) hash.update(`${file}\0${sha256(readFileSync(file))}\n`);
  }
  return hash.digest("hex");
}

function filesUnder(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .filter((name) => name !== ".build" && !/\.test(-helper)?\.ts$/.test(name))
    .flatMap((name) => filesUnder(join(path, name)));
}
