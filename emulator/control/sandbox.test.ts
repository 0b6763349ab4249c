import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Images } from "../../images/types";
import { ScriptedGuest, json } from "../agent/fake";
import { FrameType } from "../agent/frame";
import type { Machine, MachineOptions, Snapshot } from "../machine";
import { V86_VERSION } from "../machine/snapshot";
import type { SandboxEvents } from "./api";
import { Sandbox } from "./sandbox";
import type { MachineStarter } from "./starter";

/** Machines of which only the agent stream and the life are real; what a restore is given stands in `restores`. */
class FakeStarter implements MachineStarter {
  cold = false;
  machines: { guest: ScriptedGuest; destroyed: boolean; fail: (error: Error) => void }[] = [];
  restores: Snapshot[] = [];
  /** Awaited by each restore; rejecting makes it fail. */
  restoring: () => Promise<void> = () => Promise.resolve();
  memory = 256;

  start(options: MachineOptions): Promise<Machine> {
    return Promise.resolve(this.make(options));
  }

  build(): string {
    return "test";
  }

  async restore(snapshot: Snapshot, options: MachineOptions): Promise<Machine> {
    this.restores.push(snapshot);
    await this.restoring();
    return this.make(options);
  }

  get last() {
    return this.machines.at(-1)!;
  }

  private make({ p9, onFailure }: MachineOptions): Machine {
    const guest = new ScriptedGuest();
    const entry = { guest, destroyed: false, fail: (error: Error) => onFailure?.(error) };
    this.machines.push(entry);
    const { memory } = this;
    return {
      agent: guest.link,
      memory,
      typeConsole: () => undefined,
      run: () => undefined,
      stop: () => Promise.resolve(),
      save: () =>
        Promise.resolve({
          state: Uint8Array.of(this.machines.length),
          companion: { format: 1, v86: V86_VERSION, memory, pending: [], p9: p9.save() },
        }),
      destroy: () => Promise.resolve(void (entry.destroyed = true)),
    };
  }
}

const SET_BACK = { code: "stopped", message: "The machine was set back." };

let starter: FakeStarter;
let sandbox: Sandbox;
let problems: SandboxEvents["problem"][];
let restored: number;
let pulling: AbortSignal | undefined;

beforeEach(async () => {
  starter = new FakeStarter();
  const images = {
    storage: { kind: "memory" },
    list: () => Promise.resolve([]),
    pull: (_ref: string, { signal }: { signal: AbortSignal }) => {
      pulling = signal;
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    },
    close: () => Promise.resolve(),
  } as unknown as Images;
  sandbox = new Sandbox({ machine: starter, images: Promise.resolve(images), memoryImages: true });
  problems = [];
  restored = 0;
  sandbox.on("problem", (problem) => problems.push(problem));
  sandbox.on("restored", () => restored++);
  await sandbox.ready;
});
afterEach(() => sandbox.stop());

function container(id: string): void {
  starter.last.guest.say(FrameType.EVENT, 0, {
    type: "sync",
    path: [],
    containers: [{ id, name: id, state: "running", ports: ["127.0.0.1:8080:80/tcp"], networks: ["bridge"] }],
  });
}

describe("an image wanted from the start", () => {
  const started = async (have: string[], fail = false) => {
    const pulled: string[] = [];
    const images = {
      storage: { kind: "memory" },
      list: () => Promise.resolve([]),
      get: (ref: string) =>
        have.includes(ref) ? Promise.resolve({ refs: [ref] }) : Promise.reject(new Error("not there")),
      pull: (ref: string) => {
        pulled.push(ref);
        return fail ? Promise.reject(new Error("offline")) : Promise.resolve({ refs: [ref] });
      },
      close: () => Promise.resolve(),
    } as unknown as Images;
    const other = new Sandbox({
      machine: new FakeStarter(),
      images: Promise.resolve(images),
      memoryImages: true,
      image: "busybox",
    });
    await other.ready;
    await other.stop();
    return pulled;
  };

  it("is pulled when it is not there; a failure is left to who uses it", async () => {
    expect(await started([])).toEqual(["busybox"]);
    expect(await started(["busybox"])).toEqual([]);
    expect(await started([], true)).toEqual(["busybox"]);
  });
});

describe("a restore", () => {
  it("replaces the machine, ends what ran, and shows the containers of the snapshot", async () => {
    container("aaa");
    const blob = await sandbox.snapshot();
    container("bbb");
    const terminal = await sandbox.terminals.open();
    const running = sandbox.exec(["sleep", "9"]).catch((error: unknown) => error);
    const pull = sandbox.images.pull("x").catch((error: unknown) => error);
    await expect.poll(() => pulling).toBeDefined();
    const seen: string[][] = [];
    sandbox.on("containers", (list) => seen.push(list.map(({ id }) => id)));

    await sandbox.restore(blob);
    expect(starter.machines.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    expect(starter.restores[0]!.state).toEqual(Uint8Array.of(1));
    expect(await terminal.exited).toEqual({ exitCode: 129, error: SET_BACK.message });
    expect(await running).toMatchObject(SET_BACK);
    expect(await pull).toMatchObject(SET_BACK);
    expect(await sandbox.containers.list()).toMatchObject([
      {
        id: "aaa",
        ports: [{ hostIp: "127.0.0.1", hostPort: 8080, containerPort: 80, protocol: "tcp" }],
        networks: ["bridge"],
      },
    ]);
    await expect.poll(() => seen.at(-1)).toEqual(["aaa"]);
    expect(restored).toBe(1);
    expect(problems).toEqual([]);

    // What the old machine still says is nobody's business.
    starter.machines[0]!.fail(new Error("late"));
    expect(problems).toEqual([]);
    const next = sandbox.exec(["true"]);
    await expect.poll(() => starter.last.guest.frames.some(({ type }) => type === FrameType.OPEN)).toBe(true);
    starter.last.guest.say(FrameType.EXIT, starter.last.guest.last(FrameType.OPEN).channel, { code: 0 });
    expect(await next).toMatchObject({ exitCode: 0 });
  });

  it("brings the page's own files back", async () => {
    await sandbox.files.write("share/a", "one");
    const blob = await sandbox.snapshot();
    await sandbox.files.write("share/a", "two");
    await sandbox.restore(blob);
    expect(new TextDecoder().decode(await sandbox.files.read("share/a"))).toBe("one");
  });

  it("keeps calls waiting, and others in turn", async () => {
    const blob = await sandbox.snapshot();
    let go: () => void = () => undefined;
    starter.restoring = () => new Promise((resolve) => (go = resolve));
    const order: string[] = [];
    const first = sandbox.restore(blob).then(() => order.push("restore"));
    const saved = sandbox.snapshot().then(() => order.push("snapshot"));
    await expect.poll(() => starter.restores.length).toBe(1);
    const listed = sandbox.containers.list().then(() => order.push("list"));
    const opened = sandbox.terminals.open().then(() => order.push("terminal"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(order).toEqual([]);
    go();
    await Promise.all([first, saved, listed, opened]);
    expect(order.indexOf("restore")).toBeLessThan(order.indexOf("snapshot"));
    expect(json(starter.last.guest.last(FrameType.OPEN))).toMatchObject({ argv: ["sh", "-l"], spare: true });
  });

  it("that cannot work leaves the machine as it is", async () => {
    const blob = await sandbox.snapshot();
    const text = await blob.text();
    const spoilt = [
      new Blob(["junk"]),
      new Blob([text.replace('"format":1', '"format":9')]),
      new Blob([text.replace('"pending":[]', '"pending":{}')]),
      new Blob([text.replace('"fids":[]', '"fids":77')]),
    ];
    for (const bad of spoilt) {
      expect(await bad.text()).not.toBe(text);
      await expect(sandbox.restore(bad)).rejects.toMatchObject({ code: "unsupported" });
    }
    expect(starter.machines.map(({ destroyed }) => destroyed)).toEqual([false]);
    expect(problems).toEqual([]);
    await sandbox.restore(blob);
    expect(restored).toBe(1);
  });

  it("that fails when the old machine is gone is the end, said once", async () => {
    const blob = await sandbox.snapshot();
    starter.restoring = () => Promise.reject(new Error("no memory."));
    const waiting = new Promise((resolve) => setTimeout(resolve, 0)).then(() => sandbox.exec(["true"]));
    const refused = expect(waiting).rejects.toBeInstanceOf(Error);
    await expect(sandbox.restore(blob)).rejects.toMatchObject({
      code: "failed",
      message: expect.stringContaining("no memory.") as string,
    });
    await refused;
    expect(problems).toMatchObject([{ fatal: true, code: "failed" }]);
    await expect(sandbox.restore(blob)).rejects.toMatchObject({ code: "failed" });
    await expect(sandbox.snapshot()).rejects.toMatchObject({ code: "failed" });
  });

  it("is given up when the sandbox is stopped meanwhile", async () => {
    const blob = await sandbox.snapshot();
    let go: () => void = () => undefined;
    starter.restoring = () => new Promise((resolve) => (go = resolve));
    const refused = expect(sandbox.restore(blob)).rejects.toMatchObject({ code: "stopped" });
    await expect.poll(() => starter.restores.length).toBe(1);
    await sandbox.stop();
    go();
    await refused;
    expect(starter.machines.every(({ destroyed }) => destroyed)).toBe(true);
    expect(problems).toEqual([]);
  });
});

describe("exec", () => {
  it("with maxOutput hangs the program up and keeps that much", async () => {
    const running = sandbox.exec(["yes"], { maxOutput: 5 });
    const { guest } = starter.last;
    await expect.poll(() => guest.frames.some(({ type }) => type === FrameType.OPEN)).toBe(true);
    const { channel } = guest.last(FrameType.OPEN);
    guest.say(FrameType.DATA, channel, new TextEncoder().encode("y\ny\ny\ny\n"));
    expect(guest.last(FrameType.CLOSE).channel).toBe(channel);
    guest.say(FrameType.EXIT, channel, { code: 129, signal: 1 });
    expect(await running).toEqual({ exitCode: 129, stdout: "y\ny\ny", stderr: "", truncated: true });
  });

  it("takes only a number of bytes for it", async () => {
    for (const maxOutput of [-1, 1.5, NaN, 2 ** 40, "9" as unknown as number])
      await expect(sandbox.exec(["true"], { maxOutput })).rejects.toThrow(/maxOutput/);
  });
});
