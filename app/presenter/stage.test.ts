import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Talk } from "../../tutorials/types";
import { FakeNestbox } from "../fakeNestbox.test-helper";
import { Notices } from "../ui/notices.svelte";
import { Look } from "./look.svelte";
import { Stage } from "./stage.svelte";
import { humanPace, type Pace } from "./typist";

const TALK: Talk = {
  id: "t",
  title: "T",
  minutes: 5,
  images: [],
  slides: [
    { html: "<h1>T</h1>", notes: "", commands: [] },
    { html: "<h2>A</h2>", notes: "", commands: [{ lines: ["ls", "ps"], terminal: "host" }] },
    { html: "<h2>B</h2>", notes: "", commands: [{ lines: ["id"], terminal: "host", container: ["web"] }] },
  ],
};

class StageNestbox extends FakeNestbox {
  restarted = 0;
  keepError: Error | undefined;
  setupExit = 0;
  override exec(): ReturnType<FakeNestbox["exec"]> {
    return Promise.resolve({ exitCode: this.setupExit, stdout: "", stderr: "a\nno such thing\n" });
  }
  override snapshot(): Promise<Blob> {
    return this.keepError ? Promise.reject(this.keepError) : super.snapshot();
  }
  restart = (): Promise<void> => {
    this.restarted++;
    return Promise.resolve();
  };
}

let nestbox: StageNestbox;
let notices: Notices;
let stage: Stage;

/** What TerminalPanel.svelte does with a terminal that came up. */
function showScreens(): void {
  for (const { tab } of stage.terminals.list)
    if (tab.state === "waiting" && !shown.has(tab)) {
      shown.add(tab);
      tab.attach({ cols: 80, rows: 24, write: (_data, done) => done?.(), focus: () => undefined });
    }
}
const shown = new WeakSet<object>();

/** Lets time pass; each program prompts as soon as it runs. */
async function pass(ms = 200): Promise<void> {
  showScreens();
  await vi.advanceTimersByTimeAsync(20);
  for (const terminal of nestbox.opened) terminal.emit("# ");
  await vi.advanceTimersByTimeAsync(ms);
}

async function open(talk: Talk = TALK, pace?: Pace): Promise<void> {
  notices = new Notices();
  stage = new Stage(nestbox, talk, new Look(undefined), notices, { pace });
  nestbox.becomeReady();
  await pass();
}

const written = (at = 0): string => nestbox.opened[at]?.written ?? "";

beforeEach(() => {
  vi.useFakeTimers();
  nestbox = new StageNestbox();
});
afterEach(() => void vi.useRealTimers());

describe("Stage", () => {
  it("types a command, enters it at the next key, then goes on", async () => {
    await open();
    expect(stage.startedAt).toBeNull();
    for (const expected of ["", "ls", "ls\r", "ls\rps", "ls\rps\r"]) {
      stage.act("next");
      await pass();
      expect(written()).toBe(expected);
    }
    expect(stage.startedAt).not.toBeNull();
    stage.act("next");
    stage.act("next");
    await pass();
    expect(stage.slide).toBe(2);
    expect(nestbox.opened[1]?.options.container).toEqual(["web"]);
    await pass();
    expect(written(1)).toBe("id");
    expect(stage.terminals.active?.tab.place).toMatchObject({ label: "web", level: 4 });
  });

  it("types at human speed; the next key finishes at once, and only one more enters", async () => {
    await open(TALK, humanPace(1));
    stage.act("next");
    stage.act("next");
    await vi.advanceTimersByTimeAsync(10);
    expect(written()).toBe("l");
    expect(stage.position.phase).toBe("typing");
    stage.act("next");
    await vi.advanceTimersByTimeAsync(0);
    expect(written()).toBe("ls");
    expect(stage.position.phase).toBe("typed");
    stage.act("next");
    expect(written()).toBe("ls\r");
  });

  it("sees the presenter's own Enter, not one in another terminal, and takes lines back", async () => {
    await open();
    stage.act("next");
    stage.act("next");
    await pass();
    stage.act("back");
    expect(written()).toBe("ls\x05\x15");
    expect(stage.slide).toBe(1);
    stage.act("next");
    await pass();
    const host = stage.terminals.active;
    stage.terminals.show({ terminal: "second" }).tab.input("\r");
    await pass();
    expect(stage.position.phase).toBe("typed");
    host?.tab.input(" -l\r");
    expect(stage.position).toMatchObject({ phase: "ready", done: [0, 1, 0] });
  });

  it("starts a terminal that has ended again, and passes over what cannot be typed", async () => {
    await open();
    stage.act("next");
    nestbox.opened[0]?.exit({ exitCode: 0 });
    await pass();
    expect(stage.terminals.active?.tab.state).toBe("exited");
    stage.act("next");
    await pass();
    expect(nestbox.opened).toHaveLength(2);
    await pass();
    expect(written(1)).toBe("ls");
    stage.act("next");

    nestbox.opened[1]?.exit({ exitCode: 0 });
    await pass();
    nestbox.openError = new Error("no such container");
    stage.act("next");
    await pass();
    expect(stage.position).toMatchObject({ slide: 1, phase: "ready", done: [0, 2, 0] });
    expect(notices.list.at(-1)).toMatchObject({ detail: "no such container" });
  });

  it("gives up on a shell that shows no prompt, with the reason", async () => {
    notices = new Notices();
    stage = new Stage(nestbox, TALK, new Look(undefined), notices, { pace: undefined, slide: 1 });
    nestbox.becomeReady();
    await vi.advanceTimersByTimeAsync(100);
    showScreens();
    stage.act("next");
    await vi.advanceTimersByTimeAsync(11_000);
    expect(notices.list.at(-1)?.detail).toContain("no prompt for 10 s");
    expect(stage.position.phase).toBe("ready");
  });

  it("goes back to the start when R is pressed twice within four seconds", async () => {
    await open();
    stage.act("next");
    stage.act("next");
    await pass();
    stage.act("reset");
    await pass(5000);
    stage.act("reset");
    expect(nestbox.restoredTo).toHaveLength(0);
    stage.act("layout");
    stage.act("reset");
    expect(stage.confirming).toBe(true);
    stage.act("reset");
    expect(stage.resetting).toBe(true);
    stage.act("next");
    await pass();
    expect(nestbox.restoredTo).toHaveLength(1);
    expect(stage.position).toEqual({ slide: 0, done: [0, 0, 0], phase: "ready" });
    expect(stage.startedAt).toBeNull();
    expect(nestbox.opened[0]?.hungUp).toBe(true);
    expect(stage.terminals.list.map(({ tab }) => tab.place.label)).toEqual(["host"]);
  });

  it("starts a fresh machine where the start could not be kept", async () => {
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    nestbox.keepError = new Error("no room");
    await open();
    expect(warned).toHaveBeenCalledWith(expect.stringContaining("no room"));
    nestbox.keepError = undefined;
    await stage.startAnew();
    expect([nestbox.restarted, nestbox.restoredTo.length, nestbox.snapshots]).toEqual([1, 0, 1]);
    warned.mockRestore();
  });

  it("says what of the preparation failed, and goes on", async () => {
    nestbox.setupExit = 3;
    await open({ ...TALK, images: ["nix:9"], setup: "false" });
    const told = notices.list.map(({ title, detail }) => `${title}: ${detail}`);
    expect(told).toEqual([
      "The image nix:9 could not be fetched: no such image in the fake: nix:9",
      "The talk's setup failed: Its script ended with 3: no such thing.",
    ]);
    expect(stage.machine.preparing).toBeUndefined();
    expect(nestbox.opened).toHaveLength(1);
  });

  it("keeps its slides without a machine, and begins anew with the next one", async () => {
    notices = new Notices();
    stage = new Stage(nestbox, TALK, new Look(undefined), notices, { pace: undefined, slide: 1 });
    nestbox.fail(new Error("no memory"));
    await pass();
    expect(stage.machine.boot.failure?.reason).toBe("no memory");
    for (let at = 0; at < 3; at++) {
      stage.act("next");
      await pass();
    }
    expect(stage.slide).toBe(2);
    await stage.startAnew(() => stage.machine.retry(false));
    expect(nestbox.restarted).toBe(1);
    expect(stage.machine.boot.failure).toBeUndefined();
    await pass();
    expect(nestbox.opened).toHaveLength(1);
  });
});

describe("full-screen programs", () => {
  it("are noticed, also when the sequence comes in two pieces", async () => {
    await open();
    const terminal = stage.terminals.active;
    const program = nestbox.opened[0];
    expect(terminal?.fullScreen).toBe(false);
    program?.emit("text \x1b[?10");
    program?.emit("49h more");
    expect(terminal?.fullScreen).toBe(true);
    program?.emit("\x1b[?1049l");
    expect(terminal?.fullScreen).toBe(false);
    program?.emit("\x1b[?1049h\x1b[31mred");
    expect(terminal?.fullScreen).toBe(true);
  });
});
