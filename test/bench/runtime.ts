/**
 * The runtime: its start beside crun, runc and bwrap on the same root and in the same machine run, how many containers fit,
 * and what it costs while nothing happens. Times are taken inside the guest.
 */
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { unpackSnapshot } from "../../emulator/machine";
import { loadWasm } from "../../emulator/node";
import { MANIFEST, STAGING, type Manifest } from "../../scripts/manifest";
import { peersArchive } from "./peers";
import { median } from "./stats";

const ROUNDS = 30;
/** v86 compiles what runs often, and V8 then compiles that again, better: a start has settled after some dozens. */
const WARM_UP = 60;
/** Debian's runc takes 50 times as long. */
const WARM_UP_RUNC = 3;
const RESTORES = 3;
const CONTAINERS = 500;
const IDLE_SECONDS = 10;
/** What the machine keeps for itself while containers are started. */
const SPARE_KB = 6000;
const TIMEOUT_MS = 600_000;

const top = fileURLToPath(new URL("../../", import.meta.url));

/** Shell: `took COMMAND…` prints the µs the command took, or fails with what it said. */
const TOOK = `took() {
  a=$EPOCHREALTIME; "$@" >/tmp/said 2>&1 || { echo "$*: $?: $(cat /tmp/said)" >&2; exit 1; }; b=$EPOCHREALTIME
  echo $(( (\${b%.*} - \${a%.*}) * 1000000 + 1\${b#*.} - 1\${a#*.} ))
}`;

const CONTENDERS = {
  run: "nest run --rm busybox true",
  run_no_network: "nest run --rm --network none busybox true",
  nest_oci: "nest-oci run -b /tmp/b bench",
  crun: "crun --cgroup-manager=cgroupfs run -b /tmp/b bench",
  bwrap: "bwrap --unshare-all --ro-bind /tmp/b/rootfs / --proc /proc --dev /dev --tmpfs /tmp /bin/true",
  runc: "runc run -b /tmp/b bench",
} as const;
type Contender = keyof typeof CONTENDERS;

export async function bench(): Promise<Record<string, number>> {
  return {
    binary_kb: binaryBytes() / 1000,
    ...(await first()),
    ...(await withSandbox(starts)),
    ...(await withSandbox(density)),
  };
}

async function withSandbox<T>(work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const sandbox = startNodeSandbox();
  try {
    await sandbox.ready;
    await must(sandbox, "nest pull -q busybox");
    return await work(sandbox);
  } finally {
    await sandbox.stop();
  }
}

async function must(sandbox: Sandbox, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await sandbox.exec(["sh", "-c", script], { timeoutMs: TIMEOUT_MS });
  if (exitCode !== 0) throw new Error(`${script}: exit ${String(exitCode)}: ${stderr}`);
  return stdout.trim();
}

const numbers = (text: string) => text.split(/\s+/).map(Number);

/** The runtime is the archive's largest file by far; its length is in the newc header before its name, "init". */
function binaryBytes(): number {
  const archive = readFileSync(`${top}guest/dist/nest.cpio`).toString("latin1");
  const header = /070701.{104}init\0/s.exec(archive);
  if (!header) throw new Error("nest.cpio has no init");
  return parseInt(header[0].slice(54, 62), 16);
}

/** The first container after a restore: the page cache is there, compiled code is not. */
async function first(): Promise<Record<string, number>> {
  const manifest = JSON.parse(readFileSync(top + MANIFEST, "utf8")) as Manifest;
  const file = `${top}${STAGING}/${manifest.snapshot.file}`;
  if (statSync(file).size !== manifest.snapshot.bytes)
    throw new Error("the snapshot is stale: npm run snapshot");
  const wasm = await loadWasm();
  const taken: number[] = [];
  for (let i = 0; i < RESTORES; i++) {
    const snapshot = await unpackSnapshot(wasm, new Blob([readFileSync(file)]).stream(), {
      ...manifest.snapshot,
      companion: manifest.companion,
    });
    const sandbox = startNodeSandbox({ snapshot });
    try {
      await sandbox.ready;
      await must(sandbox, "nest pull -q busybox");
      taken.push(Number(await must(sandbox, `${TOOK}; took ${CONTENDERS.run}`)) / 1000);
    } finally {
      await sandbox.stop();
    }
  }
  return { first_after_restore_ms: median(taken) };
}

async function starts(sandbox: Sandbox): Promise<Record<string, number>> {
  await sandbox.files.write("/tmp/peers.tgz", await peersArchive());
  await must(
    sandbox,
    `cd / && tar xzf /tmp/peers.tgz && rm /tmp/peers.tgz
     mkdir /tmp/b && mount -t tmpfs tmpfs /tmp/b && mkdir -p /tmp/b/rootfs/bin /tmp/b/rootfs/dev /tmp/b/rootfs/proc /tmp/b/rootfs/tmp
     cp $(readlink -f /bin/busybox) /tmp/b/rootfs/bin/busybox && ln -s busybox /tmp/b/rootfs/bin/true
     nest-oci spec -b /tmp/b`,
  );
  const config = JSON.parse(await must(sandbox, "cat /tmp/b/config.json")) as {
    ociVersion: string;
    process: { terminal: boolean; args: string[] };
  };
  // As far as the runtimes of Debian 12 go.
  config.ociVersion = "1.0.2";
  config.process.terminal = false;
  config.process.args = ["true"];
  await sandbox.files.write("/tmp/b/config.json", JSON.stringify(config));
  const taken = new Map<Contender, number[]>();
  // One after the other: turn by turn, each would throw the others' compiled code out of v86's cache.
  for (const name of Object.keys(CONTENDERS) as Contender[]) {
    const rounds = (name === "runc" ? WARM_UP_RUNC : WARM_UP) + ROUNDS;
    const us = numbers(
      await must(sandbox, `${TOOK}; for i in $(seq ${String(rounds)}); do took ${CONTENDERS[name]}; done`),
    );
    taken.set(
      name,
      us.slice(-ROUNDS).map((value) => value / 1000),
    );
  }
  const ms = (name: Contender) => median(taken.get(name)!);
  return {
    run_ms: ms("run"),
    run_no_network_ms: ms("run_no_network"),
    nest_oci_ms: ms("nest_oci"),
    crun_ms: ms("crun"),
    bwrap_ms: ms("bwrap"),
    runc_ms: ms("runc"),
    // crun's bundle has a network namespace and no network in it.
    run_over_crun_ratio: ms("run_no_network") / ms("crun"),
    nest_oci_over_crun_ratio: ms("nest_oci") / ms("crun"),
  };
}

/** Containers of an own network namespace without a network, started one by one until the memory is used up. */
async function density(sandbox: Sandbox): Promise<Record<string, number>> {
  const idle = numbers(
    await must(
      sandbox,
      `sleep 2; wakes() { cat /proc/$(pidof agent)/status /proc/$(pidof nest-engine)/status | awk '/^voluntary_ctxt/{n+=$2}END{print n}'; }
       a=$(wakes); sleep ${IDLE_SECONDS}; b=$(wakes)
       echo $((b - a)) $(cat /proc/$(pidof agent)/status /proc/$(pidof nest-engine)/status | awk '/^VmRSS/{n+=$2}END{print n}')`,
    ),
  );
  // This kernel counts dentries and inodes that nobody uses as taken (SLUB_TINY); they are not what a container costs.
  const drop = "echo 3 >/proc/sys/vm/drop_caches";
  const available = "awk '/MemAvailable/{print $2}' /proc/meminfo";
  const free = `${drop}; ${available}`;
  const start = "nest run -d --network none busybox sleep 1000000";
  await must(sandbox, `for i in $(seq 20); do nest run --rm --network none busybox true; done`);
  const before = Number(await must(sandbox, free));
  const taken = numbers(
    await must(
      sandbox,
      `spare() { [ $(${available}) -gt ${String(SPARE_KB)} ]; }
       i=0; while [ $i -lt ${String(CONTAINERS)} ] && { spare || { ${drop}; spare; }; }; do
         a=$EPOCHREALTIME; ${start} >/dev/null 2>/tmp/said || break; b=$EPOCHREALTIME
         echo $(( (\${b%.*} - \${a%.*}) * 1000000 + 1\${b#*.} - 1\${a#*.} )); i=$((i + 1))
       done`,
    ),
  );
  const running = Number(await must(sandbox, "nest ps -q | wc -l"));
  const list = numbers(await must(sandbox, `${TOOK}; for i in 1 2 3 4 5 6 7 8 9; do took nest ps; done`));
  return {
    idle_wakeups_in_10_s: idle[0]!,
    idle_resident_kb: idle[1]!,
    containers_missing_of_500: CONTAINERS - running,
    kb_per_container: (before - Number(await must(sandbox, free))) / running,
    start_when_full_ratio: median(taken.slice(-10)) / median(taken.slice(5, 15)),
    ps_when_full_ms: median(list) / 1000,
  };
}
