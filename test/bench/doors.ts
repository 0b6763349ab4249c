/** What the doors besides the shell cost, inside the machine under Node: networks, fetch, a lesson's checks, a reset. */
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { median, times } from "./stats";

const ROUNDS = 30;
const WARM_UP = 90;
const FETCHES = 60;
const RESETS = 5;
const IDLE_MS = 30_000;
/** As the checks of a lesson do: one small shell with a test or two in it. */
const CHECK = "test -d /sys/fs/cgroup/lesson && grep -q max /sys/fs/cgroup/lesson/memory.max";

export async function bench(): Promise<Record<string, number>> {
  const sandbox = startNodeSandbox();
  await sandbox.ready;
  try {
    return {
      ...(await networks(sandbox)),
      ...(await fetches(sandbox)),
      ...(await checks(sandbox)),
      ...(await resets(sandbox)),
    };
  } finally {
    await sandbox.stop();
  }
}

async function must(sandbox: Sandbox, ...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await sandbox.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: exit ${String(exitCode)}: ${stderr}`);
  return stdout;
}

async function networks(sandbox: Sandbox): Promise<Record<string, number>> {
  const run = (...flags: string[]) => must(sandbox, "nest", "run", "--rm", ...flags, "busybox", "true");
  await must(sandbox, "nest", "pull", "-q", "busybox");
  await times(WARM_UP, () => run());
  const bridged: number[] = [];
  const alone: number[] = [];
  // In turns, so that both see the same weather.
  for (let round = 0; round < 2 * ROUNDS; round++) {
    bridged.push(...(await times(1, () => run())));
    alone.push(...(await times(1, () => run("--network", "none"))));
  }
  return {
    run_bridge_ms: median(bridged),
    run_network_none_ms: median(alone),
    default_network_adds_ms: median(bridged.map((ms, round) => ms - alone[round]!)),
  };
}

async function fetches(sandbox: Sandbox): Promise<Record<string, number>> {
  const page = "mkdir -p /www && echo '<h1>hello</h1>' >/www/index.html && exec httpd -f -h /www";
  await must(sandbox, "nest", "run", "-d", "--name", "web", "-p", "8080:80", "busybox", "sh", "-c", page);
  const get = async () => {
    const response = await sandbox.fetch("http://localhost:8080/");
    if (!response.ok) throw new Error(`fetch: ${String(response.status)}`);
    await response.arrayBuffer();
  };
  const deadline = performance.now() + 20_000;
  while (
    performance.now() < deadline &&
    !(await get().then(
      () => true,
      () => false,
    ))
  )
    await pause(100);
  const [first] = await times(1, get);
  const taken = await times(FETCHES, get);
  await must(sandbox, "nest", "rm", "-f", "web");
  return { fetch_small_page_first_ms: first!, fetch_small_page_ms: median(taken) };
}

/** Guest CPU, from the root cgroup's cpu.stat. */
async function guestCpuMs(sandbox: Sandbox): Promise<number> {
  const text = await must(sandbox, "cat", "/sys/fs/cgroup/cpu.stat");
  return Number(/^usage_usec (\d+)$/m.exec(text)?.[1]) / 1000;
}

/** A check of a lesson that nobody works on, at the pace the player keeps while idle. */
async function checks(sandbox: Sandbox): Promise<Record<string, number>> {
  const one = () => sandbox.exec(["sh", "-c", CHECK], { timeoutMs: 5000, maxOutput: 8192 });
  await times(30, one);
  const before = await guestCpuMs(sandbox);
  await times(ROUNDS, one);
  const each = ((await guestCpuMs(sandbox)) - before) / ROUNDS;
  const quiet = await guestCpuMs(sandbox);
  await pause(IDLE_MS / 3);
  const background = ((await guestCpuMs(sandbox)) - quiet) / (IDLE_MS / 3000);
  return { check_guest_cpu_ms: each, guest_cpu_without_checks_ms_per_s: background };
}

async function resets(sandbox: Sandbox): Promise<Record<string, number>> {
  const [saved] = await times(1, () => sandbox.snapshot());
  const snapshot = await sandbox.snapshot();
  const taken = await times(RESETS, async () => {
    await sandbox.restore(snapshot);
    await must(sandbox, "true");
  });
  return { snapshot_ms: saved!, step_reset_ms: median(taken), snapshot_mb: snapshot.size / 1e6 };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
