import * as Comlink from "comlink";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SandboxError, type ExecOptions, type SandboxEvent, type Terminal } from "./api";
import { createNestbox, type NestboxHandle, type SandboxEvents } from "./index";
import { Service, type Served } from "./service";

/** What the worker serves, without a machine. */
function fakeSandbox() {
  const handlers = new Map<SandboxEvent, (detail: never) => void>();
  const terminals: (Terminal & { closed: boolean; written: string })[] = [];
  const aborted: string[] = [];
  let becomeReady: () => void = () => undefined;
  const sandbox = {
    ready: new Promise<void>((resolve) => (becomeReady = resolve)),
    on: (event: SandboxEvent, handler: (detail: never) => void) => {
      handlers.set(event, handler);
      return () => undefined;
    },
    exec: (argv: readonly string[], { signal }: ExecOptions) =>
      argv[0] === "sleep"
        ? new Promise((_, reject) => {
            signal!.addEventListener("abort", () => {
              aborted.push(argv.join(" "));
              reject(new SandboxError("cancelled", "Cancelled."));
            });
          })
        : Promise.resolve({ exitCode: 0, stdout: argv.join(" "), stderr: "" }),
    terminals: {
      open: () => {
        let exit: (end: { exitCode: number }) => void;
        const terminal = {
          id: terminals.length + 1,
          closed: false,
          written: "",
          exited: new Promise<{ exitCode: number }>((resolve) => (exit = resolve)),
          write: (text: string) => void (terminal.written += text),
          resize: () => undefined,
          onData: () => () => undefined,
          close: () => {
            terminal.closed = true;
            exit({ exitCode: 129 });
          },
        };
        terminals.push(terminal);
        return Promise.resolve(terminal);
      },
    },
    containers: { list: () => Promise.resolve([]) },
    snapshot: () => Promise.resolve(new Blob(["state"])),
    setClock: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
  const emit = <E extends SandboxEvent>(event: E, detail: SandboxEvents[E]) =>
    (handlers.get(event) as ((detail: SandboxEvents[E]) => void) | undefined)?.(detail);
  return {
    sandbox: sandbox as unknown as Served,
    terminals,
    aborted,
    emit,
    becomeReady: () => becomeReady(),
  };
}

const handles: NestboxHandle[] = [];
const ports: MessagePort[] = [];

/** A page that owns a machine whose worker is in this thread. */
function owner() {
  const fake = fakeSandbox();
  let begun: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (begun = resolve));
  const service = new Service(() => (begun(), fake.sandbox));
  const worker = () => {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    Comlink.expose(service.owner(), port2);
    return Object.assign(port1, { terminate: () => undefined }) as unknown as Worker;
  };
  return { ...fake, started, ...made({ createWorker: worker }) };
}

function made(options: Parameters<typeof createNestbox>[0]) {
  const handle = createNestbox(options);
  handles.push(handle);
  const problems: SandboxEvents["problem"][] = [];
  handle.on("problem", (problem) => problems.push(problem));
  handle.ready.catch(() => undefined);
  return { handle, problems };
}

afterEach(() => {
  for (const handle of handles.splice(0)) handle.dispose();
  for (const port of ports.splice(0)) port.close();
  vi.useRealTimers();
});

describe("a shared machine", () => {
  it("serves several frames, also one that asked before the worker was there", async () => {
    const page = owner();
    const early = made({ port: page.handle.share() });
    page.becomeReady();
    await early.handle.ready;
    const late = made({ port: page.handle.share() });
    await late.handle.ready;
    for (const { handle } of [page, early, late])
      expect(await handle.exec(["echo", "a"])).toMatchObject({ stdout: "echo a" });
    const heard: string[] = [];
    for (const [name, { handle }] of Object.entries({ page, early, late }))
      handle.on("console", (text) => heard.push(`${name} ${text}`));
    page.emit("console", "hi");
    await expect.poll(() => heard.sort()).toEqual(["early hi", "late hi", "page hi"]);
    expect(await (await late.handle.snapshot()).text()).toBe("state");
    const third = made({ port: late.handle.share() });
    await third.handle.ready;
    expect([page, early, late, third].flatMap(({ problems }) => problems)).toEqual([]);
  });

  it("tells a frame that comes late how far the start is", async () => {
    const page = owner();
    await page.started;
    page.emit("progress", { phase: "boot", elapsedMs: 3 });
    page.emit("progress", { phase: "connect", elapsedMs: 4 });
    const phases: string[] = [];
    const { handle } = made({ port: page.handle.share() });
    handle.on("progress", ({ phase }) => phases.push(phase));
    await expect.poll(() => phases).toEqual(["connect"]);
  });

  it("closes only the terminals and programs of the frame that goes", async () => {
    const page = owner();
    page.becomeReady();
    const [one, two] = [made({ port: page.handle.share() }), made({ port: page.handle.share() })];
    const own = await page.handle.terminals.open();
    const first = await one.handle.terminals.open();
    await two.handle.terminals.open();
    first.write("x");
    await expect.poll(() => page.terminals[1]!.written).toBe("x");
    const running = one.handle.exec(["sleep", "1"]).catch((error: unknown) => error);
    void page.handle.exec(["sleep", "2"]).catch(() => undefined);
    await two.handle.exec(["true"]);

    one.handle.dispose();
    expect(await running).toMatchObject({ code: "stopped" });
    await expect(first.exited).rejects.toMatchObject({ code: "stopped" });
    await expect.poll(() => page.terminals.map(({ closed }) => closed)).toEqual([false, true, false]);
    expect(page.aborted).toEqual(["sleep 1"]);
    await two.handle.exec(["true"]);
    own.write("still");
    await expect.poll(() => page.terminals[0]!.written).toBe("still");
    expect(() => one.handle.share()).toThrow(SandboxError);
  });

  it("closes them too when the frame's ports just go", async () => {
    const page = owner();
    page.becomeReady();
    const line = page.handle.share();
    const worker = await new Promise<MessagePort>((resolve) => {
      line.onmessage = ({ data }: MessageEvent<{ worker: MessagePort }>) => resolve(data.worker);
    });
    const remote = Comlink.wrap<ReturnType<Service["owner"]>>(worker);
    const events = new MessageChannel();
    ports.push(events.port1);
    await remote.join(Comlink.transfer(events.port2, [events.port2]));
    await remote.openTerminal({});
    line.close();
    worker.close();
    await expect.poll(() => page.terminals.map(({ closed }) => closed)).toEqual([true]);
  });

  it("cannot be started, stopped or restarted by them", async () => {
    const page = owner();
    page.becomeReady();
    const { handle } = made({ port: page.handle.share() });
    await handle.ready;
    await expect(handle.restart()).rejects.toMatchObject({ code: "unsupported" });
    await handle.exec(["true"]);
  });

  it.each([
    ["disposed of", (page: NestboxHandle) => page.dispose(), /page was closed/],
    ["started again", (page: NestboxHandle) => void page.restart().catch(() => undefined), /started again/],
  ])("that is %s ends them with a fatal problem, once", async (_, act, message) => {
    const page = owner();
    page.becomeReady();
    const { handle, problems } = made({ port: page.handle.share() });
    await handle.ready;
    const running = handle.exec(["sleep", "1"]).catch((error: unknown) => error);
    act(page.handle);
    expect(await running).toMatchObject({
      code: "stopped",
      message: expect.stringMatching(message) as string,
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(problems).toMatchObject([{ fatal: true, code: "stopped" }]);
  });

  it("that fails fails them with its reason", async () => {
    const page = owner();
    page.becomeReady();
    const { handle, problems } = made({ port: page.handle.share() });
    await handle.ready;
    page.emit("problem", { code: "failed", message: "The kernel panicked.", fatal: true });
    await expect.poll(() => problems).toMatchObject([{ fatal: true, message: "The kernel panicked." }]);
    await expect(handle.exec(["x"])).rejects.toMatchObject({ message: "The kernel panicked." });
    expect(() => page.handle.share()).toThrow("The kernel panicked.");
  });

  it("that falls silent for 20 s is taken as gone", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { port1, port2 } = new MessageChannel();
    const line = new MessageChannel();
    ports.push(port1, port2, line.port1);
    let silent = false;
    const forever = () => new Promise<never>(() => undefined);
    Comlink.expose(
      { ping: () => (silent ? forever() : 1), join: () => undefined, bye: () => undefined },
      port2,
    );
    line.port1.postMessage({ worker: port1 }, [port1]);
    const { handle, problems } = made({ port: line.port2 });
    await handle.ready;
    silent = true;
    for (let i = 0; i < 6; i++) {
      vi.advanceTimersByTime(5000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(problems).toMatchObject([{ fatal: true, message: "The machine's page was closed." }]);
  });

  it("that says nothing at all, or nonsense, is given up at the deadline", async () => {
    vi.useFakeTimers();
    const line = new MessageChannel();
    ports.push(line.port1);
    const { handle, problems } = made({ port: line.port2 });
    for (const junk of [null, 5, "worker", { worker: "x" }, { ended: 7 }]) line.port1.postMessage(junk);
    const refused = expect(handle.ready).rejects.toMatchObject({ code: "timeout" });
    await vi.advanceTimersByTimeAsync(31_000);
    await refused;
    expect(problems).toMatchObject([{ fatal: true, code: "timeout" }]);
  });

  it("takes a bounded number of frames", async () => {
    const page = owner();
    page.becomeReady();
    const all = Array.from({ length: 66 }, () => made({ port: page.handle.share() }));
    const results = await Promise.allSettled(all.map(({ handle }) => handle.ready));
    expect(results.filter(({ status }) => status === "fulfilled").length).toBe(64);
    expect(results.at(-1)).toMatchObject({ reason: { message: "More than 64 frames share this machine." } });
  });
});
