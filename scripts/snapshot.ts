/**
 * `npm run snapshot`: boots the checkout's machine under Node, lets it settle, and leaves the saved state, packed, in
 * build/machine for the build to pick up. Does nothing when its inputs have not changed; `--force` builds anyway.
 */
import { compress, init } from "@bokuweb/zstd-wasm";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startNodeSandbox } from "../emulator/control/node";
import type { Sandbox } from "../emulator/control/sandbox";
import { DEFAULT_MEMORY, type Snapshot } from "../emulator/machine";
import { hashPaths, sha256 } from "./hash";
import { MANIFEST, STAGING, type Manifest } from "./manifest";

const top = fileURLToPath(new URL("../", import.meta.url));
/** Whatever the saved bytes or their description depend on. */
const INPUTS = [
  "kernel/dist/bzImage",
  "guest/dist/base.cpio",
  "guest/dist/nest.cpio",
  "emulator/machine",
  "emulator/p9",
  // Its OPEN of a host terminal: the spare shell in the snapshot must be equal to it.
  "emulator/control/sandbox.ts",
  "emulator/node.ts",
  "scripts/snapshot.ts",
  "scripts/manifest.ts",
  "node_modules/v86/package.json",
];
const LEVEL = 19;
/** Raw bytes in a frame: the page unpacks each as it arrives. Longer ones pack a little better (64 MiB: 8 %). */
const FRAME = 4 << 20;
const ENGINE_TIMEOUT_MS = 60_000;
const SPARE_TIMEOUT_MS = 20_000;
const WARMING_IMAGE = "busybox";
const WARMING_RUNS = 5;

/** True when build/machine holds a snapshot made from the present inputs. */
export function snapshotIsFresh(): boolean {
  if (!existsSync(join(top, MANIFEST))) return false;
  const manifest = JSON.parse(readFileSync(join(top, MANIFEST), "utf8")) as Partial<Manifest>;
  const file = manifest.snapshot?.file;
  return file !== undefined && existsSync(join(top, STAGING, file)) && manifest.inputs === inputsHash();
}

/** Builds the snapshot; rejects when the machine does not come up. */
export async function buildSnapshot(): Promise<Manifest> {
  const inputs = inputsHash();
  const { state, companion } = await settledMachine();
  const { packed, frames } = await pack(state);
  const manifest: Manifest = {
    inputs,
    memory: DEFAULT_MEMORY,
    snapshot: {
      file: `snapshot-${sha256(packed).slice(0, 16)}.bin.zst`,
      bytes: packed.length,
      rawBytes: state.length,
      frames,
    },
    companion,
  };
  rmSync(join(top, STAGING), { recursive: true, force: true });
  mkdirSync(join(top, STAGING), { recursive: true });
  writeFileSync(join(top, STAGING, manifest.snapshot.file), packed);
  // Last, so that a build cut short leaves no description of files that are not there.
  writeFileSync(join(top, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

function inputsHash(): string {
  process.chdir(top);
  return hashPaths(INPUTS);
}

async function settledMachine(): Promise<Snapshot> {
  const sandbox = startNodeSandbox();
  try {
    await sandbox.ready;
    await mustRun(sandbox, ["sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches"]);
    await engineAnswers(sandbox);
    // What the first user needs is then in memory: the login shell and the command line.
    await mustRun(sandbox, ["sh", "-lc", "nest ps >/dev/null && nest images >/dev/null"]);
    await throwAwayContainers(sandbox);
    await spareShell(sandbox);
    return await sandbox.save();
  } finally {
    await sandbox.stop();
  }
}

/** The first container of every visitor then finds the kernel's caches and the engine's memory warm. */
async function throwAwayContainers(sandbox: Sandbox): Promise<void> {
  await sandbox.images.pull(WARMING_IMAGE);
  for (let run = 0; run < WARMING_RUNS; run++)
    await mustRun(sandbox, ["nest", "run", "--rm", WARMING_IMAGE, "true"]);
  await sandbox.images.remove(WARMING_IMAGE);
}

/** The page's first terminal then finds its shell started, prompt and all (PROTOCOL.md, OPEN, "spare"). */
async function spareShell(sandbox: Sandbox): Promise<void> {
  const terminal = await sandbox.terminals.open();
  const prompted = new Promise((resolve) => terminal.onData((_, consumed) => (consumed(), resolve(true))));
  await prompted;
  terminal.close();
  await terminal.exited;
  const waiting = "cat /proc/[0-9]*/cmdline";
  const deadline = performance.now() + SPARE_TIMEOUT_MS;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { stdout } = await sandbox.exec(["sh", "-c", waiting]);
    if (stdout.includes("sh\0-l\0")) break;
    if (performance.now() > deadline) throw new Error(`No spare shell was started: ${stdout}`);
  }
  // For its prompt.
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

async function mustRun(sandbox: Sandbox, argv: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await sandbox.exec(argv);
  if (exitCode !== 0)
    throw new Error(`In the machine, "${argv.join(" ")}" ended with ${exitCode}: ${stderr}`);
}

async function engineAnswers(sandbox: Sandbox): Promise<void> {
  const deadline = performance.now() + ENGINE_TIMEOUT_MS;
  for (;;) {
    const { exitCode, stderr } = await sandbox.exec(["nest", "ps"]);
    if (exitCode === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`The engine did not answer "nest ps" within ${ENGINE_TIMEOUT_MS / 1000} s: ${stderr}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function pack(state: Uint8Array): Promise<{ packed: Uint8Array; frames: [number, number][] }> {
  await init();
  const parts: Uint8Array[] = [];
  const frames: [number, number][] = [];
  for (let at = 0; at < state.length; at += FRAME) {
    const raw = state.subarray(at, at + FRAME);
    const frame = compress(raw, LEVEL);
    parts.push(frame);
    frames.push([frame.length, raw.length]);
  }
  return { packed: Buffer.concat(parts), frames };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes("--force") && snapshotIsFresh()) {
    console.log("snapshot: up to date");
  } else {
    const started = performance.now();
    const { snapshot } = await buildSnapshot();
    const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `snapshot: ${STAGING}/${snapshot.file}, ${mb(snapshot.bytes)} MB (${mb(snapshot.rawBytes)} MB raw), ${seconds} s`,
    );
  }
}
