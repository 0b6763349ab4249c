/** `npm run build`: the snapshot when it is stale, then the page, into dist/. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { hashPaths } from "./hash";
import { MANIFEST } from "./manifest";
import { buildSnapshot, snapshotIsFresh } from "./snapshot";

const top = fileURLToPath(new URL("../", import.meta.url));
const INPUTS = [
  "app",
  "emulator",
  "images",
  "preview",
  "tutorials",
  "scripts",
  "kernel/dist",
  "guest/dist",
  MANIFEST,
  "vite.config.ts",
  "package-lock.json",
];
/** Beside dist/, not in it: dist/ holds only what is served. */
const STAMP = join(top, "build/dist.inputs");

/** Builds what is out of date. */
export async function buildIfStale(force = false): Promise<void> {
  process.chdir(top);
  if (!snapshotIsFresh()) {
    console.log(
      "Saving a booted machine, so that the page can start from it (about 20 s, only when it changed) …",
    );
    await buildSnapshot();
  }
  const inputs = hashPaths(INPUTS);
  const built = existsSync(join(top, "dist/index.html")) && existsSync(STAMP) && readFileSync(STAMP, "utf8");
  if (!force && built === inputs) return;
  console.log("Building the page …");
  await build({ configFile: join(top, "vite.config.ts"), logLevel: "warn" });
  writeFileSync(STAMP, inputs);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildIfStale(true);
