/** The main thread's entry: a sandbox in its own worker, as the `Nestbox` of api.ts. */
import * as Comlink from "comlink";
import {
  SandboxError,
  type ExecOptions,
  type Nestbox,
  type PullProgress,
  type SandboxErrorCode,
} from "./api";
import { Emitter } from "./emitter";
import { PortTerminal } from "./terminal-port";
import { carryErrors, type EventMessage, type Remote, type Ticket } from "./wire";

export * from "./api";

export interface NestboxOptions {
  /** Boot from nothing instead of restoring the snapshot. */
  cold?: boolean;
  /** MiB; default the snapshot's. Another size means a cold boot. */
  memory?: number;
  /** Types into the terminal that has the focus; the page knows which that is. */
  type?: (text: string) => void | Promise<void>;
  /** For tests; default the module worker of this app. */
  createWorker?: () => Worker;
}

export interface NestboxHandle extends Nestbox {
  /** Throws the machine away and starts a new one; `ready` is then the new one's. Handlers of `on` stay. */
  restart(options?: { cold?: boolean }): Promise<void>;
  /** Ends the machine and its worker for good. */
  dispose(): void;
}

/** A worker whose script does not even answer a ping by then did not load. */
const LOAD_DEADLINE_MS = 30_000;
const PING_EVERY_MS = 5000;
/** Silence after which the page is told; the machine may just be busy, so nothing is ended. */
const SILENT_MS = 20_000;

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
    on: (event, handler) => emitter.on(event, handler),
    restart: (changes = {}) => {
      connection.end(new SandboxError("stopped", "The machine was started again."));
      connection = new Connection({ ...options, ...changes }, emitter);
      return connection.ready;
    },
    dispose: () => connection.end(new SandboxError("stopped", "The machine was stopped.")),
  };
}

/** One worker from its start to its end. */
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
  private answeredAt = performance.now();
  private told = false;
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

  /** Ends the worker; everything that waits rejects with `reason`. */
  end(reason: SandboxError): void {
    if (this.ended) return;
    this.ended = reason;
    this.reject(reason);
    for (const timer of this.timers) clearInterval(timer);
    for (const terminal of [...this.terminals]) terminal.lose(reason);
    if (typeof document !== "undefined") document.removeEventListener("visibilitychange", this.onVisible);
    this.events.port1.close();
    this.worker?.terminate();
  }

  private async start(): Promise<void> {
    const { createWorker, cold = false, memory } = this.options;
    // Handlers put on in this turn hear everything, also of a worker that cannot be made.
    await Promise.resolve();
    const worker = createWorker
      ? createWorker()
      : new Worker(new URL("../worker.ts", import.meta.url), { type: "module", name: "nestbox" });
    this.worker = worker;
    worker.addEventListener("error", (event) => this.onError(event));
    worker.addEventListener("messageerror", () =>
      this.problem("worker", "A message of the worker could not be read."),
    );
    const remote = (this.remote = Comlink.wrap<Remote>(worker));
    this.events.port1.onmessage = ({ data }: MessageEvent<EventMessage>) => this.onEvent(data);
    const { port2 } = this.events;
    const startOptions = { cold, ...(memory === undefined ? {} : { memory }) };
    // Sent ahead: the worker begins as soon as it has loaded, however busy this thread is with showing the page.
    const started = remote.start(startOptions, Comlink.transfer(port2, [port2]));
    started.catch(() => undefined); // awaited below
    await Promise.race([this.firstAnswer(remote), this.gone]);
    this.timers.push(setInterval(() => void this.ping(remote), PING_EVERY_MS));
    if (typeof document !== "undefined") document.addEventListener("visibilitychange", this.onVisible);
    await Promise.race([started, this.gone]);
  }

  private async firstAnswer(remote: Comlink.Remote<Remote>): Promise<void> {
    const timer = setTimeout(
      () =>
        this.fail(
          new SandboxError(
            "timeout",
            `The worker did not load within ${LOAD_DEADLINE_MS / 1000} s. Reload the page to try again.`,
          ),
        ),
      LOAD_DEADLINE_MS,
    );
    try {
      await Promise.race([remote.ping(), this.gone]);
    } finally {
      clearTimeout(timer);
    }
    this.loaded = true;
    this.answeredAt = performance.now();
  }

  private async ping(remote: Comlink.Remote<Remote>): Promise<void> {
    const silent = performance.now() - this.answeredAt;
    // After a frozen page the first tick comes late: then nobody was asked in between.
    if (silent > SILENT_MS && silent < SILENT_MS + 2 * PING_EVERY_MS && !this.told) {
      this.told = true;
      this.problem(
        "unresponsive",
        `The machine's worker has not answered for ${SILENT_MS / 1000} s. If it stays so, reload the page.`,
      );
    }
    try {
      await Promise.race([remote.ping(), this.gone]);
      this.answeredAt = performance.now();
      this.told = false;
    } catch {
      // The worker's end is told by whoever ended it.
    }
  }

  private readonly onVisible = (): void => {
    if (document.visibilityState !== "visible" || !this.remote) return;
    Promise.race([this.remote.setClock(), this.gone]).catch(() => undefined); // told as a problem by the worker
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
