/** The main thread's entry: a sandbox in its own worker, as the `Nestbox` of api.ts. */
import * as Comlink from "comlink";
import {
  SandboxError,
  type ExecOptions,
  type FetchOptions,
  type Nestbox,
  type PullProgress,
  type SandboxErrorCode,
} from "./api";
import { Emitter } from "./emitter";
import { responseOf } from "./http";
import { PortTerminal } from "./terminal-port";
import { carryErrors, type EventMessage, type Remote, type ShareMessage, type Ticket } from "./wire";

export * from "./api";

export interface NestboxOptions {
  /** Boot from nothing instead of restoring the snapshot. */
  cold?: boolean;
  /** MiB; default the snapshot's. Another size means a cold boot. */
  memory?: number;
  /** Pulled while the machine starts, unless it is there; a failure shows when the image is used. */
  image?: string;
  /** Types into the terminal that has the focus; the page knows which that is. */
  type?: (text: string) => void | Promise<void>;
  /** The machine of another frame, from its `share()`; the other options but `type` then mean nothing. */
  port?: MessagePort;
  /** For tests; default the module worker of this app. */
  createWorker?: () => Worker;
}

export interface NestboxHandle extends Nestbox {
  /**
   * Throws the machine away and starts a new one; `ready` is then the new one's. Handlers of `on` stay. Frames that share
   * the old one are told that it is gone. Rejects with `unsupported` in such a frame.
   */
  restart(options?: { cold?: boolean }): Promise<void>;
  /** Ends the machine and its worker for good; in a frame that shares it, only what this frame runs. */
  dispose(): void;
  /** A port for another frame's `createNestbox({ port })`, to be transferred there. Throws when the machine has ended. */
  share(): MessagePort;
}

/** A worker whose script does not even answer a ping by then did not load. */
const LOAD_DEADLINE_MS = 30_000;
const PING_EVERY_MS = 5000;
/**
 * Pings unanswered one after the other until the page is told; the machine may just be busy, so nothing is ended. A frame
 * that shares it takes it as gone. Counted in ticks, because a frozen page asks nobody.
 */
const SILENT_PINGS = 4;
const MAX_REASON = 1000;
const PAGE_CLOSED = "The machine's page was closed.";
const STARTED_AGAIN = "The machine was started again. Reload this frame to use the new one.";

let carried = false;

/** Starts a sandbox at once. It never throws: failures reject `ready` and come as a fatal `problem`. */
export function createNestbox(options: NestboxOptions = {}): NestboxHandle {
  if (!carried) carryErrors();
  carried = true;
  const emitter = new Emitter();
  let connection = new Connection(options, emitter);
  const remote = <T>(action: (remote: Comlink.Remote<Remote>) => Promise<T>) => connection.call(action);

  return {
    get ready() {
      return connection.ready;
    },
    exec: (argv, execOptions = {}) => connection.exec([...argv], execOptions),
    type: async (text) => {
      if (!options.type) throw new SandboxError("unsupported", "This page has no terminal to type into.");
      await options.type(text);
    },
    terminals: { open: (terminalOptions = {}) => connection.openTerminal({ ...terminalOptions }) },
    containers: { list: () => remote((r) => r.listContainers()) },
    images: {
      list: () => remote((r) => r.listImages()),
      pull: (ref, { signal, onProgress } = {}) => connection.pull(ref, signal, onProgress),
      remove: (ref) => remote((r) => r.removeImage(ref)),
    },
    files: {
      read: (path, where = {}) => remote((r) => r.readFile(path, { ...where })),
      write: (path, data, where = {}) => remote((r) => r.writeFile(path, data, { ...where })),
      list: (path, where = {}) => remote((r) => r.listFiles(path, { ...where })),
    },
    fetch: (url, fetchOptions = {}) => connection.fetch(String(url), fetchOptions),
    snapshot: () => remote((r) => r.snapshot()),
    restore: (snapshot) => remote((r) => r.restore(snapshot)),
    on: (event, handler) => emitter.on(event, handler),
    share: () => connection.share(),
    restart: async (changes = {}) => {
      if (options.port)
        throw new SandboxError(
          "unsupported",
          "The machine belongs to another page; only that can restart it.",
        );
      connection.end(new SandboxError("stopped", "The machine was started again."), STARTED_AGAIN);
      connection = new Connection({ ...options, ...changes }, emitter);
      return connection.ready;
    },
    dispose: () => connection.end(new SandboxError("stopped", "The machine was stopped.")),
  };
}

/** One worker, or a share in one, from its start to its end. */
class Connection {
  readonly ready: Promise<void>;
  private worker: Worker | undefined;
  private remote: Comlink.Remote<Remote> | undefined;
  private readonly events = new MessageChannel();
  /** Rejects once the worker is gone; every call races it, for Comlink would wait for ever. */
  private readonly gone: Promise<never>;
  private reject: (error: SandboxError) => void = () => undefined;
  private ended: SandboxError | undefined;
  private loaded = false;
  private unanswered = 0;
  private told = false;
  /** Of a shared machine: the worker's end for this frame. */
  private joined: MessagePort | undefined;
  /** To the frames that share this machine. */
  private readonly lines = new Set<MessagePort>();
  /** Made before the worker was. */
  private readonly unshared: MessagePort[] = [];
  private readonly timers: ReturnType<typeof setInterval>[] = [];
  private readonly terminals = new Set<PortTerminal>();
  private readonly progress = new Map<Ticket, (progress: PullProgress) => void>();
  private nextTicket = 1;

  constructor(
    private readonly options: NestboxOptions,
    private readonly emitter: Emitter,
  ) {
    this.gone = new Promise((_, reject) => (this.reject = reject));
    this.gone.catch(() => undefined);
    this.ready = this.start();
    this.ready.catch((error: unknown) => this.fail(error));
  }

  async call<T>(action: (remote: Comlink.Remote<Remote>) => Promise<T>): Promise<T> {
    if (this.ended) throw this.ended;
    await Promise.race([this.ready, this.gone]);
    if (!this.remote) throw new SandboxError("not-ready", "The worker is not there.");
    return Promise.race([action(this.remote), this.gone]);
  }

  exec(argv: string[], { signal, ...options }: ExecOptions) {
    return this.cancellable(signal, (remote, ticket) => remote.exec(argv, plain(options), ticket));
  }

  async fetch(url: string, { signal, ...options }: FetchOptions): Promise<Response> {
    return responseOf(
      await this.cancellable(signal, (remote, ticket) => remote.fetch(url, plain(options), ticket)),
    );
  }

  async pull(ref: string, signal?: AbortSignal, onProgress?: (progress: PullProgress) => void) {
    return this.cancellable(signal, async (remote, ticket) => {
      if (onProgress) this.progress.set(ticket, onProgress);
      try {
        return await remote.pull(ref, ticket);
      } finally {
        this.progress.delete(ticket);
      }
    });
  }

  async openTerminal(options: Parameters<Remote["openTerminal"]>[0]): Promise<PortTerminal> {
    const { id, port } = await this.call((remote) => remote.openTerminal(plain(options)));
    const terminal = new PortTerminal(id, port, (over) => this.terminals.delete(over));
    this.terminals.add(terminal);
    if (this.ended) terminal.lose(this.ended);
    return terminal;
  }

  share(): MessagePort {
    if (this.ended) throw this.ended;
    const line = new MessageChannel();
    const machine = new MessageChannel();
    line.port1.postMessage({ worker: machine.port2 } satisfies ShareMessage, [machine.port2]);
    line.port1.addEventListener("close", () => this.lines.delete(line.port1));
    line.port1.start();
    this.lines.add(line.port1);
    if (this.remote) this.handOver(this.remote, machine.port1);
    else this.unshared.push(machine.port1);
    return line.port2;
  }

  /** Ends the worker, or the share in it; everything that waits rejects with `reason`, other frames hear `told`. */
  end(reason: SandboxError, told = reason.code === "stopped" ? PAGE_CLOSED : reason.message): void {
    if (this.ended) return;
    this.ended = reason;
    this.tellLines(told);
    this.reject(reason);
    for (const timer of this.timers) clearInterval(timer);
    for (const terminal of [...this.terminals]) terminal.lose(reason);
    if (typeof document !== "undefined") {
      document.removeEventListener("visibilitychange", this.onVisible);
      removeEventListener("pagehide", this.onHide);
    }
    this.events.port1.close();
    this.worker?.terminate();
    this.options.port?.close();
    if (!this.joined) return;
    // It reaches the worker although the port is closed right behind it.
    this.remote?.bye().catch(() => undefined);
    this.joined.close();
  }

  private handOver(remote: Comlink.Remote<Remote>, port: MessagePort): void {
    remote.share(Comlink.transfer(port, [port])).catch((error: unknown) => {
      if (!this.ended) this.problem("share", `The machine could not be shared: ${String(error)}`);
    });
  }

  private tellLines(ended: string): void {
    for (const line of this.lines) {
      line.postMessage({ ended } satisfies ShareMessage);
      line.close();
    }
    this.lines.clear();
  }

  private async start(): Promise<void> {
    // Handlers put on in this turn hear everything, also of a worker that cannot be made.
    await Promise.resolve();
    const { port } = this.options;
    const remote = (this.remote = Comlink.wrap<Remote>(port ? await this.join(port) : this.makeWorker()));
    if (this.ended) throw this.ended;
    this.events.port1.onmessage = ({ data }: MessageEvent<EventMessage>) => this.onEvent(data);
    const events = Comlink.transfer(this.events.port2, [this.events.port2]);
    const { cold = false, memory, image } = this.options;
    // Sent ahead: the worker begins as soon as it has loaded, however busy this thread is with showing the page.
    const started = port
      ? remote.join(events)
      : remote.start(
          { cold, ...(memory === undefined ? {} : { memory }), ...(image === undefined ? {} : { image }) },
          events,
        );
    started.catch(() => undefined); // awaited below
    for (const shared of this.unshared.splice(0)) this.handOver(remote, shared);
    await Promise.race([this.firstAnswer(remote), this.gone]);
    this.timers.push(setInterval(() => void this.ping(remote), PING_EVERY_MS));
    if (typeof document !== "undefined") {
      document.addEventListener("visibilitychange", this.onVisible);
      addEventListener("pagehide", this.onHide);
    }
    await Promise.race([started, this.gone]);
  }

  private makeWorker(): Worker {
    const { createWorker } = this.options;
    const worker = createWorker
      ? createWorker()
      : new Worker(new URL("../worker.ts", import.meta.url), { type: "module", name: "nestbox" });
    this.worker = worker;
    worker.addEventListener("error", (event) => this.onError(event));
    worker.addEventListener("messageerror", () =>
      this.problem("worker", "A message of the worker could not be read."),
    );
    return worker;
  }

  /** The worker's end for this frame, as the first message of a port from `share()`; later ones tell of the end. */
  private async join(port: MessagePort): Promise<MessagePort> {
    const closed = () => this.fail(new SandboxError("stopped", PAGE_CLOSED));
    const worker = new Promise<MessagePort>((resolve) => {
      port.onmessage = ({ data }: MessageEvent<unknown>) => {
        const message = data as Partial<{ worker: unknown; ended: unknown }> | null;
        if (message?.worker instanceof MessagePort) resolve(message.worker);
        else if (typeof message?.ended === "string")
          this.fail(new SandboxError("stopped", message.ended.slice(0, MAX_REASON)));
      };
    });
    port.addEventListener("close", closed);
    this.joined = await Promise.race([this.inTime(worker), this.gone]);
    this.joined.addEventListener("close", closed);
    return this.joined;
  }

  private async firstAnswer(remote: Comlink.Remote<Remote>): Promise<void> {
    await this.inTime(Promise.race([remote.ping(), this.gone]));
    this.loaded = true;
  }

  private async inTime<T>(answer: Promise<T>): Promise<T> {
    const late = this.options.port
      ? "The machine of the other frame did not answer"
      : "The worker did not load";
    const timer = setTimeout(
      () =>
        this.fail(
          new SandboxError(
            "timeout",
            `${late} within ${LOAD_DEADLINE_MS / 1000} s. Reload the page to try again.`,
          ),
        ),
      LOAD_DEADLINE_MS,
    );
    try {
      return await Promise.race([answer, this.gone]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async ping(remote: Comlink.Remote<Remote>): Promise<void> {
    if (this.unanswered >= SILENT_PINGS && !this.told) {
      this.told = true;
      if (this.options.port) return this.fail(new SandboxError("stopped", PAGE_CLOSED));
      this.problem(
        "unresponsive",
        `The machine's worker has not answered for ${(SILENT_PINGS * PING_EVERY_MS) / 1000} s. If it stays so, reload the page.`,
      );
    }
    this.unanswered++;
    try {
      await Promise.race([remote.ping(), this.gone]);
      this.unanswered = 0;
      this.told = false;
    } catch {
      // The worker's end is told by whoever ended it.
    }
  }

  private readonly onVisible = (): void => {
    if (document.visibilityState !== "visible" || !this.remote) return;
    Promise.race([this.remote.setClock(), this.gone]).catch(() => undefined); // told as a problem by the worker
  };

  private readonly onHide = (event: PageTransitionEvent): void => {
    // A page that may be shown again keeps its machine, and its place in another's.
    if (event.persisted) return;
    if (this.options.port) this.end(new SandboxError("stopped", "This frame was closed."));
    else this.tellLines(PAGE_CLOSED);
  };

  private onEvent(message: EventMessage): void {
    if ("ticket" in message) return this.progress.get(message.ticket)?.(message.progress);
    this.emitter.emit(message.event, message.detail);
    if (message.event === "problem" && message.detail.fatal) {
      this.end(new SandboxError(message.detail.code as SandboxErrorCode, message.detail.message));
    }
  }

  private onError(event: ErrorEvent): void {
    const reason = event.message || "its script could not be loaded";
    if (this.loaded) return this.problem("worker", `An error in the machine's worker: ${reason}`);
    this.fail(
      new SandboxError(
        "failed",
        `The machine's worker did not start: ${reason}. Reload the page to try again.`,
      ),
    );
  }

  /** Ends with a fatal problem, unless it has ended already. */
  private fail(error: unknown): void {
    if (this.ended) return;
    const reason =
      error instanceof SandboxError
        ? error
        : new SandboxError("failed", error instanceof Error ? error.message : String(error));
    this.end(reason);
    this.emitter.emit("problem", { code: reason.code, message: reason.message, fatal: true });
  }

  private async cancellable<T>(
    signal: AbortSignal | undefined,
    action: (remote: Comlink.Remote<Remote>, ticket: Ticket) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) throw new SandboxError("cancelled", "Cancelled.");
    const ticket = this.nextTicket++;
    const cancel = () => void this.remote?.cancel(ticket);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return await this.call((remote) => {
        if (signal?.aborted) throw new SandboxError("cancelled", "Cancelled.");
        return action(remote, ticket);
      });
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  private problem(code: string, message: string): void {
    this.emitter.emit("problem", { code, message, fatal: false });
  }
}

/** A copy that structured cloning takes: proxies of UI state and readonly arrays become plain ones. */
function plain<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      Array.isArray(value)
        ? [...(value as unknown[])]
        : isPlainObject(value)
          ? { ...value }
          : (value as unknown),
    ]),
  ) as T;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
}
