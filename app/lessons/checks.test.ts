import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SandboxError, type ExecOptions, type ExecResult } from "../../emulator/control/api";
import { fakeContainer, FakeNestbox } from "../fakeNestbox.test-helper";
import { Checker, checkTask, MAX_OUTPUT, plain, type CheckedTask, type TaskReport } from "./checks";

/** Answers each script, after `takes` milliseconds. */
class Machine extends FakeNestbox {
  ran: { script: string; options: ExecOptions; at: number }[] = [];
  takes = 10;
  mostAtOnce = 0;
  #now = 0;
  answers: (script: string, options: ExecOptions) => Partial<ExecResult> | Error = () => ({ exitCode: 1 });

  override exec(...given: unknown[]): Promise<ExecResult> {
    const [argv, options = {}] = given as [string[], ExecOptions?];
    const script = argv[2] ?? "";
    this.ran.push({ script, options, at: Date.now() });
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#now);
    return new Promise((resolve, reject) => {
      const abort = () => end(() => reject(new SandboxError("cancelled", "Cancelled.")));
      const end = (action: () => void) => {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", abort);
        this.#now--;
        action();
      };
      const timer = setTimeout(() => {
        const answer = this.answers(script, options);
        end(() =>
          answer instanceof Error
            ? reject(answer)
            : resolve({ exitCode: 0, stdout: "", stderr: "", ...answer }),
        );
      }, this.takes);
      options.signal?.addEventListener("abort", abort);
    });
  }
}

const task = (id: string, more: Partial<CheckedTask> = {}): CheckedTask => ({
  id,
  run: `run ${id}`,
  needs: [],
  timeout: 5,
  ...more,
});

let machine: Machine;
beforeEach(() => {
  vi.useFakeTimers();
  machine = new Machine();
});
afterEach(() => vi.useRealTimers());

describe("one check", () => {
  const check = async (more: Partial<CheckedTask> = {}): Promise<TaskReport> => {
    const running = checkTask(machine, task("a", more), new AbortController().signal);
    await vi.advanceTimersByTimeAsync(1000);
    return running;
  };

  it("is done at exit code 0, else open, with what was seen", async () => {
    machine.answers = () => ({ exitCode: 0, stdout: "one\ntwo\n" });
    expect(await check()).toEqual({ state: "done", saw: "one\ntwo" });
    machine.answers = () => ({ exitCode: 1, stdout: "no file\n" });
    expect(await check()).toEqual({ state: "open", saw: "no file" });
    machine.answers = () => ({ exitCode: 2, stderr: "sh: bad\n" });
    expect(await check({ container: ["web", "inner"], timeout: 7 })).toEqual({
      state: "open",
      saw: "sh: bad",
    });
    expect(machine.ran.at(-1)?.options).toMatchObject({
      container: ["web", "inner"],
      timeoutMs: 7000,
      maxOutput: MAX_OUTPUT,
    });
  });

  it("says in words that it hung, flooded, or could not run", async () => {
    machine.answers = () => ({ exitCode: 137, timedOut: true, stdout: "so far" });
    expect(await check()).toMatchObject({
      state: "broken",
      saw: "so far",
      problem: expect.stringContaining("The check did not end within 5 s") as string,
    });
    machine.answers = () => ({ exitCode: 137, truncated: true, stdout: "x".repeat(8192) });
    const flooded = await check();
    expect(flooded).toMatchObject({
      state: "broken",
      problem: expect.stringContaining("printed more than 8 KiB") as string,
    });
    expect(flooded.saw.length).toBeLessThan(700);
    machine.answers = () => new SandboxError("timeout", "The guest\x1b[31m did not end it.");
    expect((await check()).problem).toBe("The check could not be run: The guest did not end it.");
  });

  it("waits for its container", async () => {
    machine.answers = () => new SandboxError("not-found", "No such container: web");
    expect(await check({ container: ["web"] })).toEqual({ state: "open", saw: 'no container "web" yet' });
  });

  it("asks for a dead end and for a hint while it is open", async () => {
    const helped = { failcheck: "fail", hintcheck: "hint" };
    machine.answers = (script) => ({
      exitCode: script === "hint" ? 0 : 1,
      stdout: script === "hint" ? "try this" : "",
    });
    expect(await check(helped)).toEqual({ state: "open", saw: "", hint: "try this" });
    machine.answers = (script) => ({ exitCode: script === "fail" ? 0 : 1, stdout: script });
    expect(await check(helped)).toEqual({ state: "stuck", saw: "run a", problem: "fail" });
    machine.answers = (script) => (script === "hint" ? { timedOut: true } : { exitCode: 1 });
    expect((await check(helped)).problem).toContain("The check for hints did not end within 5 s");
    machine.ran = [];
    machine.answers = () => ({ exitCode: 0 });
    await check(helped);
    expect(machine.ran.map(({ script }) => script)).toEqual(["run a"]);
  });
});

describe("plain", () => {
  it("takes no escape sequences, few lines and few characters", () => {
    expect(plain("\x1b[1mbold\x1b[0m\x1b]0;title\x07\u202e\r\nnext\x00\n\n")).toBe("bold\nnext");
    expect(plain(Array.from({ length: 20 }, (_, n) => `l${n}`).join("\n"))).toBe(
      "l14\nl15\nl16\nl17\nl18\nl19",
    );
    expect(plain("x".repeat(5000))).toHaveLength(601);
  });
});

describe("the checker", () => {
  let reports: [string, TaskReport][];
  const start = (...tasks: CheckedTask[]): Checker => {
    reports = [];
    const checker = new Checker(
      machine,
      tasks,
      (id, report) => reports.push([id, report]),
      () => Date.now(),
    );
    checker.start();
    return checker;
  };
  const states = () => reports.map(([id, { state }]) => `${id} ${state}`);
  const times = (script: string) => {
    const first = machine.ran[0]?.at ?? 0;
    return machine.ran.filter((ran) => ran.script === script).map(({ at }) => at - first);
  };

  it("runs one script at a time, in order, and tells only changes", async () => {
    const checker = start(task("a"), task("b"));
    await vi.advanceTimersByTimeAsync(60_000);
    checker.stop();
    expect(machine.mostAtOnce).toBe(1);
    expect(machine.ran.slice(0, 2).map(({ script }) => script)).toEqual(["run a", "run b"]);
    expect(states()).toEqual(["a open", "b open"]);
  });

  it("looks ever more rarely while nothing happens", async () => {
    const checker = start(task("a"));
    await vi.advanceTimersByTimeAsync(50_000);
    checker.stop();
    const gaps = times("run a").map((at, n, all) => at - (all[n - 1] ?? 0));
    // The first report is a change, so the first two gaps are the shortest.
    expect(gaps.slice(0, 6).map((gap) => Math.round(gap / 1000))).toEqual([0, 2, 4, 8, 10, 10]);
  });

  it("takes at most a fiftieth of the time while idle", async () => {
    machine.takes = 300;
    const checker = start(task("a"));
    await vi.advanceTimersByTimeAsync(60_000);
    checker.stop();
    expect(machine.ran.length * 300).toBeLessThanOrEqual(60_000 / 50 + 300);
  });

  it("looks soon after activity, and at most once a second while it lasts", async () => {
    const checker = start(task("a"));
    await vi.advanceTimersByTimeAsync(20_000);
    machine.ran = [];
    const at = Date.now();
    checker.activity();
    await vi.advanceTimersByTimeAsync(310);
    expect(machine.ran.map((ran) => ran.at - at)).toEqual([300]);
    for (let n = 0; n < 50; n++) {
      checker.activity();
      await vi.advanceTimersByTimeAsync(100);
    }
    checker.stop();
    expect(machine.ran.length).toBeGreaterThanOrEqual(5);
    expect(machine.ran.length).toBeLessThanOrEqual(6);
  });

  it("takes new containers for activity, but not what a check itself moves", async () => {
    const checker = start(task("a"));
    machine.emit("containers", [fakeContainer(["one"])]);
    await vi.advanceTimersByTimeAsync(20_000);
    machine.ran = [];
    machine.emit("containers", [fakeContainer(["one"], { pids: 3, memory: 7 })]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(machine.ran).toEqual([]);
    machine.emit("containers", [fakeContainer(["one"], { state: "exited" })]);
    await vi.advanceTimersByTimeAsync(400);
    expect(machine.ran).toHaveLength(1);
    checker.stop();
  });

  it("opens a done task again, and locks what needs it", async () => {
    let done = false;
    machine.answers = (script) => ({ exitCode: script === "run a" && !done ? 1 : 0 });
    const checker = start(task("a"), task("b", { needs: ["a"] }));
    await vi.advanceTimersByTimeAsync(100);
    expect(states()).toEqual(["a open", "b locked"]);
    expect(times("run b")).toEqual([]);
    done = true;
    checker.activity();
    await vi.advanceTimersByTimeAsync(1500);
    done = false;
    checker.activity();
    await vi.advanceTimersByTimeAsync(1500);
    checker.stop();
    expect(states()).toEqual(["a open", "b locked", "a done", "b done", "a open", "b locked"]);
  });

  it("tries a check that hung slowly, whatever happens meanwhile", async () => {
    machine.answers = () => ({ timedOut: true, exitCode: 137 });
    const checker = start(task("a"));
    for (let n = 0; n < 400; n++) {
      checker.activity();
      await vi.advanceTimersByTimeAsync(100);
    }
    checker.stop();
    expect(machine.ran).toHaveLength(3);
  });

  it("keeps a hint while idle without asking again, and asks after activity", async () => {
    machine.answers = (script) => ({ exitCode: script === "hint" ? 0 : 1, stdout: "same" });
    const checker = start(task("a", { hintcheck: "hint" }));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(times("hint")).toHaveLength(1);
    expect(reports).toEqual([["a", { state: "open", saw: "same", hint: "same" }]]);
    checker.activity();
    await vi.advanceTimersByTimeAsync(400);
    checker.stop();
    expect(times("hint")).toHaveLength(2);
  });

  it("ends the running script when stopped, and tells nothing more", async () => {
    machine.takes = 3000;
    const checker = start(task("a"), task("b"));
    await vi.advanceTimersByTimeAsync(100);
    checker.stop();
    expect(machine.ran[0]?.options.signal?.aborted).toBe(true);
    checker.activity();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(machine.ran).toHaveLength(1);
    expect(reports).toEqual([]);
  });
});
