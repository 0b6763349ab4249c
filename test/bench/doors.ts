/** What the doors besides the shell cost, inside the machine under Node: networks, fetch, a lesson's checks, a reset. */
import { fileURLToPath } from "node:url";
import { Checker } from "../../app/lessons/checks";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { compileFolder } from "../../scripts/tutorials/files";
import { median, times } from "./stats";

const ROUNDS = 30;
const WARM_UP = 90;
const FETCHES = 60;
const RESETS = 5;
const IDLE_MS = 20_000;
const SETTLE_MS = 5000;

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

/** What the checks of the shipped step with the most tasks cost while nobody does anything. */
async function checks(sandbox: Sandbox): Promise<Record<string, number>> {
  const { lessons } = compileFolder(fileURLToPath(new URL("../../tutorials", import.meta.url)));
  const steps = [...lessons.values()].flatMap(({ content }) => content.map(({ tasks }) => tasks));
  const most = steps.sort((a, b) => b.length - a.length)[0]!;
  // As once those they need are done.
  const tasks = most.map((task) => ({ ...task, needs: [] }));
  const perSecond = async () => {
    const before = await guestCpuMs(sandbox);
    await pause(IDLE_MS);
    return ((await guestCpuMs(sandbox)) - before) / (IDLE_MS / 1000);
  };
  const background = await perSecond();
  const checker = new Checker(sandbox, tasks, () => undefined);
  checker.start();
  // Past the first rounds, which follow on something having happened.
  await pause(SETTLE_MS);
  const checked = await perSecond();
  checker.stop();
  return { idle_checks_tasks: tasks.length, idle_checks_guest_cpu_ms_per_s: checked - background };
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
