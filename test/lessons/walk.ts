/** Walks a lesson as its reader would, in document order: types the commands, solves, undoes and solves again each task. */
import { checkTask, type TaskReport } from "../../app/lessons/checks";
import type { Sandbox } from "../../emulator/control/sandbox";
import type { Block, Lesson, Task } from "../../tutorials/types";
import { LessonTerminals } from "./terminals";

const DEADLINE_MS = 30_000;
const POLL_MS = 300;
const SETUP_MS = 60_000;

export interface Outcome {
  /** `course/01-lesson 02-step task`, or `… setup`. */
  name: string;
  ms: number;
  /** Why it failed, in lines; absent: it passed. */
  failure?: string;
}

/** One outcome for the setup, where there is one, one for each task, and one for each step's commands. */
export async function* walk(sandbox: Sandbox, lesson: Lesson): AsyncGenerator<Outcome> {
  const terminals = new LessonTerminals(sandbox);
  const timed = async (name: string, action: () => Promise<string | undefined>): Promise<Outcome> => {
    const started = performance.now();
    let failure: string | undefined;
    try {
      failure = await action();
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    const ms = Math.round(performance.now() - started);
    return { name: `${lesson.id} ${name}`, ms, ...(failure === undefined ? {} : { failure }) };
  };
  try {
    const ready = await timed("setup", () => prepare(sandbox, lesson));
    yield ready;
    if (ready.failure !== undefined) return;
    const intro = commandsOf(lesson.intro);
    for (const block of intro) await terminals.type(block.command);
    for (const step of lesson.content) {
      for (const block of flat(step.blocks)) {
        if (block.kind === "command") {
          const typed = await timed(
            `${step.slug} line ${JSON.stringify(block.command.lines[0])}`,
            async () => {
              await terminals.type(block.command);
              return undefined;
            },
          );
          if (typed.failure !== undefined) yield typed;
        } else {
          const task = step.tasks.find(({ id }) => id === block.id);
          if (task) yield await timed(`${step.slug} ${task.id}`, () => solve(sandbox, terminals, task));
        }
      }
    }
  } finally {
    terminals.close();
  }
}

/** Images and setup; returns what failed. */
async function prepare(sandbox: Sandbox, { images, setup }: Lesson): Promise<string | undefined> {
  for (const ref of images) await sandbox.images.pull(ref);
  if (setup === undefined) return undefined;
  // Twice, for it must be repeatable.
  for (const time of ["first", "second"]) {
    const { exitCode, stdout, stderr, timedOut } = await sandbox.exec(["sh", "-c", setup], {
      timeoutMs: SETUP_MS,
    });
    if (timedOut) return `setup did not end within ${SETUP_MS / 1000} s the ${time} time`;
    if (exitCode !== 0) return `setup ended with ${exitCode} the ${time} time\n${stdout}${stderr}`;
  }
  return undefined;
}

async function solve(sandbox: Sandbox, terminals: LessonTerminals, task: Task): Promise<string | undefined> {
  const stages = [
    { what: "before it is solved", state: "open", lines: [] },
    { what: "after the solution", state: "done", lines: task.solution },
    { what: "after the undo", state: "open", lines: task.undo },
    { what: "after the solution, the second time", state: "done", lines: task.solution },
  ] as const;
  for (const { what, state, lines } of stages) {
    if (lines.length > 0) await terminals.type({ terminal: task.terminal, lines: [...lines] });
    const report = await until(sandbox, task, state);
    if (report.state === state && report.problem === undefined) continue;
    return [
      `${what}: ${report.state}, not ${state}`,
      `  saw:      ${report.saw.replace(/\n/g, "\n            ") || "(nothing)"}`,
      `  expected: ${task.expect}`,
      ...(report.problem === undefined ? [] : [`  problem:  ${report.problem}`]),
      "  the terminal's last lines:",
      terminals.tail().replace(/^/gm, "    | "),
    ].join("\n");
  }
  return undefined;
}

/** The first report with that state, or the last before the deadline. */
async function until(sandbox: Sandbox, task: Task, state: TaskReport["state"]): Promise<TaskReport> {
  const deadline = performance.now() + DEADLINE_MS;
  const { signal } = new AbortController();
  for (;;) {
    const report = await checkTask(sandbox, task, signal);
    if ((report.state === state && report.problem === undefined) || performance.now() > deadline)
      return report;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

type Doing = Extract<Block, { kind: "command" | "task" }>;

/** Commands and tasks in document order, those in hints included. */
function flat(blocks: readonly Block[]): Doing[] {
  return blocks.flatMap((block) =>
    block.kind === "hint"
      ? flat(block.blocks)
      : block.kind === "command" || block.kind === "task"
        ? [block]
        : [],
  );
}

function commandsOf(blocks: readonly Block[]): Extract<Block, { kind: "command" }>[] {
  return flat(blocks).filter((block) => block.kind === "command");
}
