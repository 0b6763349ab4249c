/** Does a task of an earlier step for the reader: its solution typed, and its check waited for. */
import type { Nestbox } from "../../emulator/control/api";
import type { Command, Task } from "../../tutorials/types";
import { checkTask } from "./checks";

const DEADLINE_MS = 30_000;
const LOOK_MS = 500;

interface Types {
  type(command: Command): Promise<boolean>;
}

/** Resolves when the task is done, at once when it is already; rejects with what the check saw, or when `signal` aborts. */
export async function solveTask(
  machine: Pick<Nestbox, "exec">,
  typist: Types,
  task: Task,
  signal: AbortSignal,
): Promise<void> {
  if ((await checkTask(machine, task, signal)).state === "done") return;
  if (!(await typist.type({ terminal: task.terminal, lines: task.solution })))
    throw new Error("Something else is being typed. Stop that, and try again.");
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const { state, saw, problem } = await checkTask(machine, task, signal);
    if (state === "done") return;
    if (Date.now() > deadline)
      throw new Error(
        `Its solution did not lead to “${task.expect}”. ${problem ?? `The check saw: ${saw || "nothing"}`}`,
      );
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    signal.throwIfAborted();
  }
}
