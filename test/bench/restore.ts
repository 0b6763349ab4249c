/** A bare restore of the built snapshot under Node: no agent, no page. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { restoreMachine, unpackSnapshot, type P9Server } from "../../emulator/machine";
import { loadWasm } from "../../emulator/node";
import { MANIFEST, STAGING, type Manifest } from "../../scripts/manifest";
import { median } from "./stats";

const RUNS = 7;
const top = fileURLToPath(new URL("../../", import.meta.url));

/** The saved machine has mounted its file tree; whatever it asks while it is measured may wait. */
const silent: P9Server = { handle: () => undefined, save: () => ({}), restore: async () => undefined };

export async function bench(): Promise<Record<string, number>> {
  const manifest = JSON.parse(readFileSync(top + MANIFEST, "utf8")) as Manifest;
  const packed = readFileSync(`${top}${STAGING}/${manifest.snapshot.file}`);
  const wasm = await loadWasm();
  const unpack: number[] = [];
  const restore: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    const snapshot = await unpackSnapshot(wasm, new Blob([packed]).stream(), {
      ...manifest.snapshot,
      companion: manifest.companion,
    });
    const unpacked = performance.now();
    const machine = await restoreMachine({ wasm }, snapshot, { p9: silent, memory: manifest.memory });
    restore.push(performance.now() - unpacked);
    unpack.push(unpacked - start);
    await machine.destroy();
  }
  return {
    unpack_ms: median(unpack),
    restore_ms: median(restore),
    snapshot_mb: manifest.snapshot.bytes / 1e6,
    snapshot_raw_mb: manifest.snapshot.rawBytes / 1e6,
  };
}
