import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExecOptions, ExecResult } from "../../emulator/control/api";
import type { Course, Lesson, Task } from "../../tutorials/types";
import { FakeNestbox } from "../fakeNestbox.test-helper";
import { Terminals, type Screen, type TerminalTab } from "../playground/terminals.svelte";
import { Notices } from "../ui/notices.svelte";
import { Questions } from "../ui/questions.svelte";
import { Player } from "./player.svelte";
import { Progress } from "./progress.svelte";

const task = (id: string): Task => ({
  id,
  title: `Make ${id}`,
  run: `check ${id}`,
  expect: `a file ${id}`,
  needs: [],
  timeout: 5,
  machine: "main",
  terminal: "host",
  solution: [`touch ${id}`],
  undo: [`rm ${id}`],
});
const lesson = (id: string): Lesson => ({
  id,
  title: `Lesson ${id}`,
  summary: "",
  minutes: 5,
  steps: 2,
  intro: [],
  images: [],
  setup: "set up",
  content: [
    { slug: "01-a", title: "A", tasks: [task("a")], blocks: [] },
    { slug: "02-b", title: "B", tasks: [task("b")], blocks: [] },
  ],
});
const lessons = [lesson("c/01-l"), lesson("c/02-m")];
const courses: Course[] = [{ id: "c", title: "C", summary: "", lessons }];

/** A machine with files, which `touch` makes and `check` looks for; a shell that prompts after each line. */
class Machine extends FakeNestbox {
  readonly made = new Set<string>();
  setups = 0;
  setup: Partial<ExecResult> = {};

  constructor() {
    super();
    this.onWrite = (terminal, text) => {
      const made = /touch (\w+)/.exec(text)?.[1];
      if (made !== undefined) this.made.add(made);
      terminal.emit("\r\n~ # ");
    };
  }

  override exec(...given: unknown[]): Promise<ExecResult> {
    const [argv] = given as [string[], ExecOptions?];
    const script = argv[2] ?? "";
    if (script === "set up") {
      this.setups++;
      return Promise.resolve({ exitCode: 0, stdout: "", stderr: "", ...this.setup });
    }
    const there = this.made.has(script.replace("check ", ""));
    return Promise.resolve({
      exitCode: there ? 0 : 1,
      stdout: there ? "it is there" : "no file",
      stderr: "",
    });
  }

  override async restore(snapshot: Blob): Promise<void> {
    this.made.clear();
    await super.restore(snapshot);
  }
}

const screen: Screen = {
  cols: 80,
  rows: 24,
  write: (_data, done) => done?.(),
  focus: () => undefined,
};

let machine: Machine;
let terminals: Terminals;
let questions: Questions;
let notices: Notices;
let hash: string;
let stop: () => void;

function begin(at: string, progress = new Progress(undefined)): Player {
  hash = at;
  const desk = {
    terminals,
    questions,
    notices,
    pane: "left" as const,
    show: () => undefined,
    sandbox: { nestbox: machine },
  };
  const player = new Player(
    desk,
    { courses, loadLesson: async (id) => lessons.find((one) => one.id === id)! },
    { get: () => hash, set: (to) => (hash = to) },
    progress,
  );
  stop = player.watch();
  return player;
}

const settle = (ms = 2000) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  machine = new Machine();
  machine.becomeReady();
  terminals = new Terminals(machine);
  // The page attaches a screen to each new tab.
  const open = terminals.open.bind(terminals);
  terminals.open = (place): TerminalTab => {
    const tab = open(place);
    tab.attach(screen);
    return tab;
  };
  questions = new Questions();
  notices = new Notices();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

describe("opening", () => {
  it("shows the list, then a lesson's first step, with its setup run and its tasks checked", async () => {
    const player = begin("#/learn");
    await settle();
    expect(player.lesson).toBeUndefined();
    player.open("c/01-l");
    await settle();
    expect([player.lesson?.id, player.current?.slug, hash]).toEqual([
      "c/01-l",
      "01-a",
      "#/learn/c/01-l/01-a",
    ]);
    expect(machine.setups).toBe(1);
    expect(player.reports).toEqual({ a: { state: "open", saw: "no file" } });
    expect(player.complete).toBe(false);
  });

  it("sets a lesson up once, and again after another one", async () => {
    const player = begin("#/learn/c/01-l");
    await settle();
    player.next();
    await settle();
    expect([player.current?.slug, machine.setups]).toEqual(["02-b", 1]);
    player.open("c/02-m");
    await settle();
    player.open("c/01-l");
    await settle();
    expect(machine.setups).toBe(3);
  });

  it("goes on where the reader was", async () => {
    const player = begin("#/learn/c/01-l/02-b");
    await settle();
    player.showList();
    await settle();
    expect(player.lesson).toBeUndefined();
    player.open("c/01-l");
    await settle();
    expect(player.current?.slug).toBe("02-b");
  });

  it("says which lesson there is not, and what failed in the setup", async () => {
    const player = begin("#/learn/c/09-x");
    await settle();
    expect(player.failure).toBe("There is no lesson “c/09-x”.");
    machine.setup = { exitCode: 3, stderr: "mkdir: no\n" };
    player.open("c/01-l");
    await settle();
    expect(player.failure).toBeUndefined();
    expect(player.preparation.failure).toEqual({
      title: "The lesson's setup failed",
      detail: "Its script ended with 3. mkdir: no",
    });
    expect(player.reports).toEqual({});
    machine.setup = {};
    player.retry();
    await settle();
    expect(player.preparation.failure).toBeUndefined();
    expect(player.reports["a"]?.state).toBe("open");
  });
});

describe("a step", () => {
  it("is complete when its tasks are, which is remembered, and open again when they are undone", async () => {
    const progress = new Progress(undefined);
    const player = begin("#/learn/c/01-l", progress);
    await settle();
    expect(await typed(player.solve(lessons[0]!.content[0]!.tasks[0]!))).toBe(true);
    await settle();
    expect([player.complete, progress.hasStep("c/01-l/01-a"), progress.hasTask("c/01-l/01-a#a")]).toEqual([
      true,
      true,
      true,
    ]);
    machine.made.clear();
    await settle(12_000);
    expect([player.complete, progress.hasStep("c/01-l/01-a")]).toEqual([false, true]);
  });

  it("leads on to the next lesson at the end", async () => {
    const player = begin("#/learn/c/01-l/02-b");
    await settle();
    expect([player.isLast, player.following?.id]).toEqual([true, "c/02-m"]);
    player.next();
    await settle();
    expect([player.lesson?.id, player.current?.slug]).toEqual(["c/02-m", "01-a"]);
    player.next();
    await settle();
    player.next();
    await settle();
    expect([player.lesson, hash]).toEqual([undefined, "#/learn"]);
  });

  it("keeps its beginning while the pane is away, and checks nothing then", async () => {
    const player = begin("#/learn/c/01-l");
    await settle();
    const { kept } = player;
    expect(kept.snapshot).toBeDefined();
    stop();
    machine.made.add("a");
    await settle(20_000);
    expect(player.reports["a"]?.state).toBe("open");
    hash = "#/learn";
    stop = player.watch();
    await settle();
    expect([player.kept, machine.snapshots, hash]).toEqual([kept, 1, "#/learn/c/01-l/01-a"]);
    expect(player.reports["a"]?.state).toBe("done");
  });
});

describe("Reset", () => {
  it("asks, restores the step's beginning and starts the terminals again", async () => {
    terminals.open();
    const player = begin("#/learn/c/01-l");
    await settle();
    await typed(player.solve(lessons[0]!.content[0]!.tasks[0]!));
    await settle();
    const refused = player.reset();
    questions.answer(false);
    await refused;
    expect(machine.restoredTo).toEqual([]);

    const running = player.reset();
    questions.answer(true);
    await settle();
    await running;
    expect(machine.restoredTo).toEqual(["snapshot 1"]);
    expect(terminals.tabs.map(({ state }) => state)).toEqual(["running"]);
    expect(machine.opened).toHaveLength(2);
    await settle();
    expect(player.reports["a"]?.state).toBe("open");
  });

  it("goes back to the step that is open, not to an earlier one", async () => {
    const player = begin("#/learn/c/01-l");
    await settle();
    player.next();
    expect(player.kept.snapshot).toBeUndefined();
    await settle();
    const running = player.reset();
    questions.answer(true);
    await settle();
    await running;
    expect(machine.restoredTo).toEqual(["snapshot 2"]);
  });

  it("says why it cannot", async () => {
    machine.snapshot = () => Promise.reject(new Error("no room"));
    const player = begin("#/learn/c/01-l");
    await settle();
    expect(player.kept).toEqual({ problem: "no room" });
    await player.reset();
    expect(questions.current).toBeUndefined();
  });

  it("tells a failed restore and goes on checking", async () => {
    const player = begin("#/learn/c/01-l");
    await settle();
    machine.restore = () => Promise.reject(new Error("broken"));
    const running = player.reset();
    questions.answer(true);
    await running;
    expect(notices.list.map(({ title, detail }) => [title, detail])).toEqual([
      ["The step could not be reset", "broken"],
    ]);
    machine.made.add("a");
    await settle(5000);
    expect(player.reports["a"]?.state).toBe("done");
  });
});

describe("a later step in a new machine", () => {
  it("offers to do the steps before, types their solutions and keeps that state", async () => {
    terminals.open();
    const player = begin("#/learn/c/01-l/02-b");
    await settle();
    expect(player.behind).toBe(true);
    await typed(player.catchUp());
    await settle();
    expect([...machine.made]).toEqual(["a"]);
    expect([player.behind, machine.snapshots]).toEqual([false, 2]);
  });
});

describe("typing", () => {
  it("opens named terminals once and leaves the host's alone", async () => {
    const host = terminals.open();
    const player = begin("#/learn/c/01-l");
    await settle();
    await typed(player.run({ lines: ["one"], terminal: "second" }));
    await typed(player.run({ lines: ["two"], terminal: "second" }));
    await typed(player.run({ lines: ["three"], terminal: "host" }));
    await typed(player.run({ lines: ["four"], terminal: "web", container: ["web"] }));
    expect(terminals.tabs.map(({ place }) => [place.label, place.level])).toEqual([
      ["host", 3],
      ["second", 3],
      ["web", 4],
    ]);
    expect(machine.opened.map(({ written }) => written)).toEqual([
      expect.stringContaining("three\r"),
      "one\r\x15two\r",
      "four\r",
    ]);
    host.close();
    await typed(player.run({ lines: ["five"], terminal: "host" }));
    expect(terminals.active?.place.label).toBe("host");
  });

  it("types one thing at a time, until stopped", async () => {
    terminals.open();
    const player = begin("#/learn/c/01-l");
    await settle();
    machine.onWrite = () => undefined;
    const first = player.run({ lines: ["sleep", "never"], terminal: "host" });
    await settle(100);
    expect(await player.run({ lines: ["other"], terminal: "host" })).toBe(false);
    player.typist.stop();
    expect(await first).toBe(false);
    expect(machine.opened[0]?.written).toBe("\x15sleep\r");
  });
});

async function typed<T>(action: Promise<T>): Promise<T> {
  await settle(12_000);
  return action;
}
