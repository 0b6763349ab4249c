import * as Comlink from "comlink";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ImageError } from "../../images/types";
import { createNestbox, SandboxError, type NestboxHandle, type SandboxEvents } from "./index";
import type { EventMessage, Remote } from "./wire";

/** A worker without a thread: the other end of a message channel, with the remote a test gives it. */
class FakeWorker {
  readonly port: MessagePort;
  terminated = false;
  private readonly listeners = new Map<string, (event: unknown) => void>();

  constructor(remote: Partial<Remote> | undefined) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    if (remote) Comlink.expose({ ping: () => 1, ...remote }, port2);
  }

  addEventListener(type: string, listener: (event: unknown) => void): void {
    if (type === "message") this.port.addEventListener(type, listener as EventListener);
    else this.listeners.set(type, listener);
  }

  removeEventListener(type: string, listener: EventListener): void {
    this.port.removeEventListener(type, listener);
  }

  start(): void {
    this.port.start();
  }

  postMessage(message: unknown, transfer: Transferable[] = []): void {
    this.port.postMessage(message, transfer);
  }

  terminate(): void {
    this.terminated = true;
    this.port.close();
  }

  raise(type: string, event: object): void {
    this.listeners.get(type)?.(event);
  }
}

let workers: FakeWorker[] = [];
let handle: NestboxHandle;
let problems: SandboxEvents["problem"][];

function start(remote: Partial<Remote> | undefined, type?: (text: string) => void): NestboxHandle {
  problems = [];
  handle = createNestbox({
    ...(type ? { type } : {}),
    createWorker: () => {
      const worker = new FakeWorker(remote);
      workers.push(worker);
      return worker as unknown as Worker;
    },
  });
  handle.on("problem", (problem) => problems.push(problem));
  return handle;
}

afterEach(() => {
  handle.dispose();
  for (const worker of workers) worker.terminate();
  workers = [];
  vi.useRealTimers();
});

const forever = () => new Promise<never>(() => undefined);

describe("a sandbox in a worker", () => {
  it("starts it with the options and passes its events on", async () => {
    let events: MessagePort | undefined;
    const remote = {
      start: async (_options: unknown, port: MessagePort) => {
        events = port;
        port.postMessage({
          event: "progress",
          detail: { phase: "boot", elapsedMs: 5 },
        } satisfies EventMessage);
      },
    };
    start(remote);
    const phases: string[] = [];
    handle.on("progress", ({ phase }) => phases.push(phase));
    await handle.ready;
    await expect.poll(() => phases).toEqual(["boot"]);
    events!.postMessage({ event: "console", detail: "hello" } satisfies EventMessage);
    const off = handle.on("console", (text) => phases.push(text));
    await expect.poll(() => phases).toContain("hello");
    off();
  });

  it("keeps class, code and message of errors", async () => {
    start({
      start: async () => undefined,
      pull: () => Promise.reject(new ImageError("bad-digest", "layer 1 is not what it says")),
      listContainers: () => Promise.reject(new SandboxError("broken-stream", "again")),
      exec: () => Promise.reject(new TypeError("empty")),
    });
    const pull: unknown = await handle.images.pull("x").catch((error: unknown) => error);
    expect(pull).toBeInstanceOf(ImageError);
    expect(pull).toMatchObject({ code: "bad-digest", message: "layer 1 is not what it says" });
    const list: unknown = await handle.containers.list().catch((error: unknown) => error);
    expect(list).toBeInstanceOf(SandboxError);
    expect(list).toMatchObject({ code: "broken-stream" });
    await expect(handle.exec([])).rejects.toMatchObject({ name: "TypeError", message: "empty" });
  });

  it("cancels by ticket, and reports a pull's own progress only to its caller", async () => {
    let port: MessagePort | undefined;
    let cancelled: number | undefined;
    let settle: (error: Error) => void = () => undefined;
    start({
      start: async (_options, events) => void (port = events),
      cancel: (ticket) => ((cancelled = ticket), settle(new SandboxError("cancelled", "Cancelled."))),
      pull: async (_ref, ticket) => {
        port!.postMessage({ ticket, progress: { status: "Downloading" } } satisfies EventMessage);
        port!.postMessage({ ticket: ticket + 1, progress: { status: "Another's" } } satisfies EventMessage);
        return new Promise((_, reject) => (settle = reject));
      },
    });
    const abort = new AbortController();
    const seen: string[] = [];
    const pulled = handle.images.pull("x", {
      signal: abort.signal,
      onProgress: ({ status }) => seen.push(status),
    });
    await expect.poll(() => seen).toEqual(["Downloading"]);
    abort.abort();
    await expect(pulled).rejects.toMatchObject({ code: "cancelled" });
    expect(cancelled).toBe(1);
    await expect(handle.exec(["x"], { signal: abort.signal })).rejects.toMatchObject({ code: "cancelled" });
  });

  it("takes read-only arrays and proxied options as data", async () => {
    let got: unknown;
    start({
      start: async () => undefined,
      exec: async (argv, options) => ((got = [argv, options]), { exitCode: 0, stdout: "", stderr: "" }),
    });
    const env = new Proxy({ A: "b" }, {});
    await handle.exec(Object.freeze(["a"]), {
      env,
      container: Object.freeze(["x", "y"]),
    });
    expect(got).toEqual([["a"], { env: { A: "b" }, container: ["x", "y"] }]);
  });

  it("types through the page's hook", async () => {
    const typed: string[] = [];
    start({ start: async () => undefined }, (text) => typed.push(text));
    await handle.type("ls\n");
    expect(typed).toEqual(["ls\n"]);
    handle.dispose();
    start({ start: async () => undefined });
    await expect(handle.type("x")).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe("a worker that fails", () => {
  it("to load rejects `ready` at once, with a fatal problem", async () => {
    start(undefined);
    await Promise.resolve();
    await Promise.resolve();
    workers[0]!.raise("error", { message: "" });
    await expect(handle.ready).rejects.toMatchObject({ code: "failed" });
    expect(problems).toMatchObject([{ fatal: true, code: "failed" }]);
    await expect(handle.exec(["x"])).rejects.toMatchObject({ code: "failed" });
    expect(workers[0]!.terminated).toBe(true);
  });

  it("to answer rejects `ready` at the deadline", async () => {
    vi.useFakeTimers();
    start(undefined);
    const refused = expect(handle.ready).rejects.toMatchObject({ code: "timeout" });
    await vi.advanceTimersByTimeAsync(31_000);
    await refused;
    expect(problems).toMatchObject([{ fatal: true, code: "timeout" }]);
  });

  it("to start the machine rejects `ready` with the machine's own reason, once", async () => {
    start({
      start: () => Promise.reject(new SandboxError("failed", "The server answered 404 for the kernel.")),
    });
    await expect(handle.ready).rejects.toMatchObject({ message: "The server answered 404 for the kernel." });
    expect(problems.filter(({ fatal }) => fatal).length).toBe(1);
  });

  it("later fails everything that waits", async () => {
    let port: MessagePort | undefined;
    start({ start: async (_options, events) => void (port = events), exec: forever });
    await handle.ready;
    const running = handle.exec(["x"]);
    const detail = { code: "failed", message: "The guest's kernel panicked.", fatal: true };
    port!.postMessage({ event: "problem", detail } satisfies EventMessage);
    await expect(running).rejects.toMatchObject({ message: "The guest's kernel panicked." });
    expect(problems).toEqual([detail]);
  });

  it("to answer pings is told, not ended", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "performance"] });
    let answering = true;
    start({ start: async () => undefined, ping: () => (answering ? 1 : (forever() as unknown as number)) });
    await handle.ready;
    answering = false;
    for (let i = 0; i < 6; i++) {
      vi.advanceTimersByTime(5000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(problems).toMatchObject([{ code: "unresponsive", fatal: false }]);
  });

  it("and is restarted works again, with the same handlers", async () => {
    let fail = true;
    start({
      start: async () => void (fail && (await Promise.reject(new SandboxError("failed", "no luck")))),
    });
    await expect(handle.ready).rejects.toMatchObject({ message: "no luck" });
    fail = false;
    await handle.restart({ cold: true });
    await handle.ready;
    expect(workers.length).toBe(2);
    expect(workers[0]!.terminated).toBe(true);
  });

  it("and is disposed rejects with `stopped`", async () => {
    start({ start: async () => undefined, exec: forever });
    await handle.ready;
    const running = handle.exec(["x"]);
    handle.dispose();
    await expect(running).rejects.toMatchObject({ code: "stopped" });
    expect(problems).toEqual([]);
  });
});
