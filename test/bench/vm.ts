/** Inside the machine under Node, warm: what a container start costs from the command to its exit code. */
import { startNodeSandbox } from "../../emulator/control/node";
import { median, times } from "./stats";

const ROUNDS = 30;
/** v86 compiles what runs often, and V8 then compiles that again, better: a start has settled after some dozens. */
const WARM_UP = 90;

export async function bench(): Promise<Record<string, number>> {
  const sandbox = startNodeSandbox();
  await sandbox.ready;
  const must = async (...argv: string[]) => {
    const { exitCode, stderr } = await sandbox.exec(argv);
    if (exitCode !== 0) throw new Error(`${argv.join(" ")}: exit ${String(exitCode)}: ${stderr}`);
  };
  try {
    await must("nest", "pull", "-q", "busybox");
    const [first] = await times(1, () => must("nest", "run", "--rm", "busybox", "true"));
    await times(WARM_UP, () => must("nest", "run", "--rm", "busybox", "true"));
    const run = await times(ROUNDS, () => must("nest", "run", "--rm", "busybox", "true"));
    const fork = await times(ROUNDS, () => must("busybox", "true"));
    await must("nest", "run", "-d", "--name", "target", "busybox", "sleep", "10000");
    const exec = await times(ROUNDS, () => must("nest", "exec", "target", "true"));
    return {
      run_rm_busybox_true_first_ms: first!,
      run_rm_busybox_true_ms: median(run),
      exec_true_ms: median(exec),
      host_busybox_true_ms: median(fork),
    };
  } finally {
    await sandbox.stop();
  }
}
