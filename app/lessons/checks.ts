/**
 * Checks of tasks against the running machine: one script per `exec`, never two at once, soon after something happened and
 * rarely while nothing does. No framework and no DOM: `npm run lessons:test` uses the same code under Node.
 */
import { SandboxError, type Container, type ExecResult, type Nestbox } from "../../emulator/control/api";
import type { Task } from "../../tutorials/types";

/**
 * `locked`: a task it needs is open. `stuck`: its failcheck says it cannot succeed any more. `broken`: the check itself
 * failed (hung, flooded, could not run), so nothing is known.
 */
export type TaskState = "open" | "done" | "locked" | "stuck" | "broken";

/** Text is the guest's: plain, short, at most a few lines. */
export interface TaskReport {
  state: TaskState;
  /** The last lines the check printed. */
  saw: string;
  /** What hintcheck printed, while the task is open. */
  hint?: string;
  /** Why it is stuck or broken, or what is wrong with a hintcheck or failcheck. */
  problem?: string;
}

export type CheckedTask = Pick<
  Task,
  "id" | "run" | "hintcheck" | "failcheck" | "needs" | "timeout" | "container"
>;
type Machine = Pick<Nestbox, "exec">;

/** Bytes a script may print. */
export const MAX_OUTPUT = 8192;
const MOST_LINES = 6;
const MOST_CHARS = 600;

/** Runs a task's check once, and while it is open its hintcheck and failcheck. Rejects only when `signal` aborts. */
export async function checkTask(
  machine: Machine,
  task: CheckedTask,
  signal: AbortSignal,
  /** What hintcheck and failcheck said when the check last saw the same: then they are not run again. */
  known?: TaskReport,
): Promise<TaskReport> {
  const run = await script(machine, task, task.run, signal);
  if ("missing" in run) return { state: "open", saw: run.missing };
  if ("problem" in run) return { state: "broken", saw: run.saw, problem: `The check ${run.problem}` };
  if (run.exitCode === 0) return { state: "done", saw: run.saw };
  if (known && (known.state === "open" || known.state === "stuck") && known.saw === run.saw) return known;
  const report: TaskReport = { state: "open", saw: run.saw };
  if (task.failcheck !== undefined) {
    const fail = await script(machine, task, task.failcheck, signal);
    if ("problem" in fail) report.problem = `The check for a dead end ${fail.problem}`;
    else if (!("missing" in fail) && fail.exitCode === 0)
      return { state: "stuck", saw: run.saw, problem: fail.saw || "This cannot succeed any more." };
  }
  if (task.hintcheck !== undefined) {
    const hint = await script(machine, task, task.hintcheck, signal);
    if ("problem" in hint) report.problem = `The check for hints ${hint.problem}`;
    else if (!("missing" in hint) && hint.saw !== "") report.hint = hint.printed;
  }
  if (report.hint === "") delete report.hint;
  return report;
}

type Outcome =
  { exitCode: number; saw: string; printed: string } | { missing: string } | { problem: string; saw: string };

async function script(
  machine: Machine,
  { container, timeout }: CheckedTask,
  text: string,
  signal: AbortSignal,
): Promise<Outcome> {
  let result: ExecResult;
  try {
    result = await machine.exec(["sh", "-c", text], {
      timeoutMs: timeout * 1000,
      maxOutput: MAX_OUTPUT,
      signal,
      ...(container ? { container } : {}),
    });
  } catch (cause) {
    signal.throwIfAborted();
    const code = cause instanceof SandboxError ? cause.code : undefined;
    if (container && code === "not-found") return { missing: `no container "${container.join("/")}" yet` };
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { problem: `could not be run: ${plain(reason)}`, saw: "" };
  }
  const printed = plain(result.stdout);
  const saw = printed || plain(result.stderr);
  if (result.timedOut)
    return {
      problem: `did not end within ${timeout} s and was stopped. It is tried again now and then.`,
      saw,
    };
  if (result.truncated)
    return {
      problem: `printed more than ${MAX_OUTPUT / 1024} KiB and was stopped. It is tried again now and then.`,
      saw,
    };
  return { exitCode: result.exitCode, saw, printed };
}

/** The last lines of a guest's output without escape sequences and control characters. */
export function plain(text: string): string {
  const lines = text
    // eslint-disable-next-line no-control-regex -- removing control sequences is the purpose
    .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)/g, "")
    .split(/\r\n|\r|\n/)
    // eslint-disable-next-line no-control-regex -- as above
    .map((line) => line.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+/g, " ").trimEnd())
    .filter((line) => line !== "");
  const last = lines.slice(-MOST_LINES).join("\n");
  return last.length > MOST_CHARS ? `…${last.slice(-MOST_CHARS)}` : last;
}

/** From activity to the check. */
const SOON_MS = 300;
/** Between the beginnings of rounds while things change. */
const BUSY_GAP_MS = 1000;
const IDLE_GAPS_MS = [2000, 4000, 8000, 10_000];
/** A check that hung, flooded or could not run waits this long. */
const BROKEN_GAP_MS = 15_000;
/**
 * A round's duration bounds its CPU time; while idle it may take 20 ms of each second, after activity a quarter. A round
 * slowed down by other work does not make the next one wait longer than the cap.
 */
const IDLE_SHARE = 0.02;
const BUSY_SHARE = 0.25;
const IDLE_CAP_MS = 30_000;
const BUSY_CAP_MS = 5000;

/** Keeps the reports of one step's tasks up to date, from `start` to `stop`. */
export class Checker {
  readonly #reports = new Map<string, TaskReport>();
  readonly #notBefore = new Map<string, number>();
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Infinity;
  #running = false;
  /** Activity since the round began. */
  #dirty = false;
  #idleRounds = 0;
  #startedAt = -Infinity;
  #tookMs = 0;
  #unlisten: () => void = () => undefined;
  #forest: string | undefined;

  constructor(
    private readonly machine: Pick<Nestbox, "exec" | "on">,
    private readonly tasks: readonly CheckedTask[],
    /** Hears of each task whose report changed. */
    private readonly onReport: (id: string, report: TaskReport) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  start(): void {
    if (this.tasks.length === 0 || this.#abort.signal.aborted) return;
    this.#unlisten = this.machine.on("containers", (containers) => {
      const forest = shapeOf(containers);
      if (forest !== this.#forest) this.activity();
      this.#forest = forest;
    });
    this.#schedule(0);
  }

  /** Something happened that may have changed a task. */
  activity(): void {
    if (this.#abort.signal.aborted) return;
    this.#idleRounds = 0;
    this.#dirty = true;
    if (!this.#running) this.#scheduleBusy();
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#unlisten();
  }

  #scheduleBusy(): void {
    const gap = Math.min(Math.max(BUSY_GAP_MS, this.#tookMs / BUSY_SHARE), BUSY_CAP_MS);
    this.#schedule(Math.max(SOON_MS, this.#startedAt + gap - this.now()));
  }

  /** A round in `ms`, unless one is due earlier. */
  #schedule(ms: number): void {
    const due = this.now() + ms;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#round(), ms);
  }

  async #round(): Promise<void> {
    const busy = this.#dirty;
    this.#due = Infinity;
    this.#dirty = false;
    this.#running = true;
    this.#startedAt = this.now();
    let changed = false;
    try {
      for (const task of this.tasks) {
        changed = (await this.#check(task, busy)) || changed;
      }
    } catch {
      return; // Stopped.
    } finally {
      this.#running = false;
      this.#tookMs = this.now() - this.#startedAt;
    }
    if (this.#isStopped()) return;
    if (this.#isDirty()) {
      this.#scheduleBusy();
      return;
    }
    // What changed by itself goes on changing, more often than not.
    if (changed) this.#idleRounds = 0;
    const gap = IDLE_GAPS_MS[Math.min(this.#idleRounds++, IDLE_GAPS_MS.length - 1)] ?? 0;
    this.#schedule(Math.max(gap, Math.min(this.#tookMs / IDLE_SHARE, IDLE_CAP_MS)));
  }

  /** True when the report is another than before. */
  async #check(task: CheckedTask, busy: boolean): Promise<boolean> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    const before = this.#reports.get(task.id);
    if (task.needs.some((need) => this.#reports.get(need)?.state !== "done"))
      return this.#report(task.id, { state: "locked", saw: "" });
    if (this.now() < (this.#notBefore.get(task.id) ?? 0)) return false;
    const report = await checkTask(this.machine, task, signal, busy ? undefined : before);
    signal.throwIfAborted();
    if (report.state === "broken" || report.problem !== undefined) {
      const hung = report.state !== "stuck";
      if (hung) this.#notBefore.set(task.id, this.now() + BROKEN_GAP_MS);
    }
    return this.#report(task.id, report);
  }

  #report(id: string, report: TaskReport): boolean {
    const before = this.#reports.get(id);
    if (
      before?.state === report.state &&
      before.saw === report.saw &&
      before.hint === report.hint &&
      before.problem === report.problem
    )
      return false;
    this.#reports.set(id, report);
    this.onReport(id, report);
    return true;
  }

  // Methods, because TypeScript narrows fields across the awaits.
  #isStopped(): boolean {
    return this.#abort.signal.aborted;
  }

  #isDirty(): boolean {
    return this.#dirty;
  }
}

/** What there is, without the figures that a check itself moves: processes and memory. */
function shapeOf(containers: readonly Container[]): string {
  const shape = (list: readonly Container[]): unknown[] =>
    list.map(({ id, name, state, networks, ports, children }) => [
      id,
      name,
      state,
      networks,
      ports,
      shape(children),
    ]);
  return JSON.stringify(shape(containers));
}
