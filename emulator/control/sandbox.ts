/**
 * One machine with everything around it, behind the public API (api.ts): runs in the worker, or under Node. It composes
 * emulator/machine, agent, p9 and images; none of these know of each other.
 */
import type { Images } from "../../images/types";
import { AgentClient, unixNanoseconds, type AgentStatus } from "../agent/client";
import type { OpenRequest } from "../agent/messages";
import type { Machine, Snapshot } from "../machine";
import { FileServer } from "../p9";
import {
  SandboxError,
  type BootProgress,
  type Container,
  type ExecOptions,
  type ExecResult,
  type FileEntry,
  type Nestbox,
  type SandboxEvent,
  type SandboxEvents,
  type Terminal,
  type TerminalOptions,
} from "./api";
import { watchClock } from "./clock";
import { Emitter } from "./emitter";
import { Files, MAX_FILE } from "./files";
import { Forest } from "./forest";
import { Imagery } from "./imagery";
import { checkCommand, inContainer, run } from "./programs";
import type { MachineStarter } from "./starter";
import { GuestTerminal, TERMINAL_WINDOW } from "./terminal";

export interface SandboxOptions {
  machine: MachineStarter;
  images: Promise<Images>;
  /** Memory is where images are meant to be kept, so nobody need be told. */
  memoryImages?: boolean;
  /** Default "nestbox". */
  hostname?: string;
  /** MiB; default the machine's. */
  memory?: number;
}

const MIB = 1 << 20;
const EXEC_TIMEOUT_MS = 60_000;
const EXEC_OUTPUT = 16 * MIB;
const FILE_TIMEOUT_MS = 120_000;
const COLD_CONNECT_MS = 90_000;
const RESTORED_CONNECT_MS = 30_000;
const RECONNECT_MS = 10_000;
/** Without progress for this long while starting, the page is told what we wait for. */
const STALL_MS = 10_000;
/** Progress within a phase is told no more often than this. */
const PROGRESS_GAP_MS = 100;
/** `containers` events come no more often than this. */
const CONTAINERS_GAP_MS = 100;
/** A name that is not known yet may be on its way as an event. */
const NAME_WAIT_MS = 1500;
const CONSOLE_TAIL = 2000;
const HOST_SHELL = ["sh", "-l"];
const CONTAINER_SHELL = ["sh", "-c", "command -v bash >/dev/null && exec bash || exec sh"];
const TERMINAL_ENV = { TERM: "xterm-256color", COLORTERM: "truecolor" };

type Where = { container?: string | readonly string[]; machine?: string };

export class Sandbox implements Omit<Nestbox, "type"> {
  readonly ready: Promise<void>;
  private readonly emitter = new Emitter();
  private readonly forest = new Forest();
  private readonly server: FileServer;
  private readonly fileAccess: Files;
  private readonly imagery: Imagery;
  private readonly openedImages: Promise<Images>;
  private readonly abort = new AbortController();
  private readonly startedAt = performance.now();
  private readonly lostLayers = new Set<string>();
  private readonly forestWaiters = new Set<() => void>();
  private machine: Machine | undefined;
  private agent: AgentClient | undefined;
  private ended: SandboxError | undefined;
  private phase: BootProgress["phase"] = "download";
  private progressAt = performance.now();
  private progressToldAt = 0;
  private consoleTail = "";
  private containersTimer: ReturnType<typeof setTimeout> | undefined;
  private stopClock: () => void = () => undefined;
  private nextTerminal = 1;
  private failReady: (error: SandboxError) => void = () => undefined;

  constructor(private readonly options: SandboxOptions) {
    const { images } = options;
    this.openedImages = images;
    this.imagery = new Imagery(images, this.emitter);
    this.server = new FileServer({
      layers: {
        layer: async (diffId) => (await images).layer(diffId),
        layers: async () => (await images).layers(),
      },
      onLostLayer: (diffId) => this.layerLost(diffId),
    });
    this.fileAccess = new Files(this.server.share, this.server.outbox);
    images.then(
      ({ storage }) => {
        if (storage.kind !== "memory" || this.options.memoryImages) return;
        this.problem(
          "storage",
          `Images are kept in memory only and are gone after a reload: ${storage.reason ?? "no reason given"}`,
        );
      },
      (error: unknown) => this.problem("storage", `The image store cannot be used: ${message(error)}`),
    );
    const failed = new Promise<never>((_, reject) => (this.failReady = reject));
    // Handlers put on in this turn hear everything.
    this.ready = Promise.race([Promise.resolve().then(() => this.start()), failed]);
    this.ready.catch((error: unknown) => this.fail(error));
  }

  on<E extends SandboxEvent>(event: E, handler: (detail: SandboxEvents[E]) => void): () => void {
    return this.emitter.on(event, handler);
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const { env, cwd, stdin, signal, timeoutMs = EXEC_TIMEOUT_MS } = options;
    checkCommand(argv, env, cwd);
    const request = await this.request(argv, options, {
      ...(env ? { env } : {}),
      ...(cwd === undefined ? {} : { cwd }),
      interactive: stdin !== undefined,
      timeoutMs,
    });
    const result = await run(await this.connected(), request, {
      limit: EXEC_OUTPUT,
      overflow: "drop",
      ...(stdin === undefined
        ? {}
        : { stdin: typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin.slice() }),
      ...(signal ? { signal } : {}),
    });
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const { code, error, timedOut } = result.status;
    return {
      exitCode: code,
      stdout: text(result.stdout),
      stderr: text(result.stderr) + (error === undefined ? "" : `${error}\n`),
      ...(result.truncated ? { truncated: true } : {}),
      ...(timedOut ? { timedOut: true } : {}),
    };
  }

  readonly terminals = {
    open: async (options: TerminalOptions = {}): Promise<Terminal> => {
      const command = options.command ?? (options.container === undefined ? HOST_SHELL : CONTAINER_SHELL);
      checkCommand(command);
      const size = (n: number | undefined, fallback: number) =>
        Math.min(Math.max(Math.trunc(n ?? fallback) || fallback, 1), 1000);
      const request = await this.request(command, options, {
        env: TERMINAL_ENV,
        interactive: true,
        pty: { cols: size(options.cols, 80), rows: size(options.rows, 24) },
      });
      if (command === HOST_SHELL) request.spare = true;
      const agent = await this.connected();
      const open = (onOutput: (bytes: Uint8Array) => void) =>
        agent.open(request, { onOutput }, TERMINAL_WINDOW);
      return new GuestTerminal(this.nextTerminal++, open, () =>
        this.problem(
          "terminal-input",
          "A program does not read what is typed or pasted; what did not fit was dropped.",
        ),
      );
    },
  };

  readonly containers = {
    list: async (): Promise<Container[]> => {
      await this.ready;
      return this.forest.list();
    },
  };

  readonly images: Nestbox["images"] = {
    list: () => this.imagery.list(),
    pull: (ref, options) => this.imagery.pull(ref, options),
    remove: (ref) => this.imagery.remove(ref),
  };

  readonly files: Nestbox["files"] = {
    read: async (path, options = {}): Promise<Uint8Array> =>
      this.fileAccess.read(path, this.fileRunner(options), options.container !== undefined),
    write: async (path, data, options = {}): Promise<void> =>
      this.fileAccess.write(path, data, this.fileRunner(options), options.container !== undefined),
    list: async (path, options = {}): Promise<FileEntry[]> =>
      this.fileAccess.list(path, this.fileRunner(options), options.container !== undefined),
  };

  /** Sets the guest's clock to ours; also done by itself after a jump. Failures show as a `problem`. */
  async setClock(): Promise<void> {
    if (this.ended || !this.agent?.connected) return;
    try {
      await this.agent.call("clock.set", { time: unixNanoseconds().toString() });
    } catch (error) {
      const stopped = error instanceof SandboxError && error.code === "stopped";
      if (!stopped) this.problem("clock", `The guest's clock could not be set: ${message(error)}`);
    }
  }

  /** Saves the running machine; only Node and checkpoints use it. */
  async save(): Promise<Snapshot> {
    await this.ready;
    return this.need().save();
  }

  /** Ends the machine; everything that waits rejects with `stopped`. */
  async stop(): Promise<void> {
    await this.end(new SandboxError("stopped", "The machine was stopped."));
  }

  private async start(): Promise<void> {
    const stall = setInterval(() => this.checkStall(), STALL_MS / 4);
    try {
      const machine = await this.options.machine.start({
        ...(this.options.memory === undefined ? {} : { memory: this.options.memory }),
        p9: this.server,
        onConsole: (text) => this.console(text),
        onFailure: (error) => this.fail(error),
        progress: (phase, bytes, total) => this.progress(phase, bytes, total),
        signal: this.abort.signal,
      });
      if (this.ended) {
        await machine.destroy();
        throw this.ended;
      }
      this.machine = machine;
      this.agent = new AgentClient({
        link: machine.agent,
        hostname: this.options.hostname ?? "nestbox",
        requests: this.imagery.requests(),
        onEvent: (event) => this.forest.apply(event) && this.containersChanged(),
        onStatus: (status) => this.agentStatus(status),
      });
      machine.run();
      this.progress("connect");
      await this.agent.connect(this.options.machine.cold ? COLD_CONNECT_MS : RESTORED_CONNECT_MS);
      this.stopClock = watchClock(() => void this.setClock());
      this.progress("ready");
    } finally {
      clearInterval(stall);
    }
  }

  /** The first failure ends the sandbox, says so, and rejects what waits. */
  private fail(error: unknown): void {
    if (this.ended) return;
    const code = error instanceof SandboxError ? error.code : "failed";
    const last =
      this.phase === "connect" && this.consoleTail
        ? ` The console's last words: ${this.consoleTail.trim()}`
        : "";
    const reason = new SandboxError(code, message(error) + last, { cause: error });
    void this.end(reason);
    this.emitter.emit("problem", { code, message: reason.message, fatal: true });
  }

  private async end(reason: SandboxError): Promise<void> {
    if (this.ended) return;
    this.ended = reason;
    this.failReady(reason);
    this.abort.abort(reason);
    this.stopClock();
    clearTimeout(this.containersTimer);
    this.agent?.close();
    for (const wake of [...this.forestWaiters]) wake();
    await this.machine
      ?.destroy()
      .catch((error: unknown) => console.error("Destroying the machine failed:", error));
    await this.openedImages.then(
      (images) => images.close(),
      () => undefined,
    );
  }

  private need(): Machine {
    if (this.ended) throw this.ended;
    if (!this.machine) throw new SandboxError("not-ready", "The machine is still starting; await `ready`.");
    return this.machine;
  }

  /** The agent, after the start and after a reconnect that is under way. */
  private async connected(): Promise<AgentClient> {
    if (this.ended) throw this.ended;
    await this.ready;
    if (!this.agent) throw new SandboxError("not-ready", "The machine is still starting.");
    // A client of an ended sandbox is closed and says so.
    await this.agent.connect(RECONNECT_MS);
    return this.agent;
  }

  private async request(
    argv: readonly string[],
    where: Where,
    how: {
      env?: Readonly<Record<string, string>>;
      cwd?: string;
      interactive: boolean;
      pty?: { cols: number; rows: number };
      timeoutMs?: number;
    },
  ): Promise<OpenRequest> {
    if (where.machine !== undefined && where.machine !== "main") {
      throw new SandboxError("not-found", `There is no machine "${where.machine}"; only "main" exists.`);
    }
    const { env, cwd, pty, interactive, timeoutMs = 0 } = how;
    const common = { ...(pty ? { pty } : {}), timeoutMs };
    if (where.container === undefined) {
      return { argv, ...common, ...(env ? { env } : {}), ...(cwd === undefined ? {} : { cwd }) };
    }
    const path = await this.locate(where.container);
    const place = {
      interactive,
      tty: pty !== undefined,
      ...(env ? { env } : {}),
      ...(cwd === undefined ? {} : { cwd }),
    };
    return { argv: inContainer(path, argv, place), ...common, ...(pty ? { env: TERMINAL_ENV } : {}) };
  }

  /** Ids of a container; waits a moment for one whose event may not have come yet. */
  private async locate(reference: string | readonly string[]): Promise<string[]> {
    await this.connected();
    const deadline = performance.now() + NAME_WAIT_MS;
    for (;;) {
      try {
        return this.forest.resolve(reference);
      } catch (error) {
        const left = deadline - performance.now();
        if (this.ended) throw this.ended;
        if (left <= 0) throw error;
        await this.forestChange(left);
      }
    }
  }

  private forestChange(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.forestWaiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.forestWaiters.add(wake);
    });
  }

  private fileRunner(where: Where) {
    return async (argv: readonly string[], stdin?: Uint8Array) => {
      const request = await this.request(argv, where, {
        interactive: stdin !== undefined,
        timeoutMs: FILE_TIMEOUT_MS,
      });
      return run(await this.connected(), request, {
        limit: MAX_FILE,
        overflow: "reject",
        ...(stdin ? { stdin } : {}),
      });
    };
  }

  private progress(phase: BootProgress["phase"], bytes?: number, total?: number): void {
    if (this.ended) return;
    const now = performance.now();
    const same = phase === this.phase && bytes !== undefined && bytes !== 0 && bytes !== total;
    this.phase = phase;
    this.progressAt = now;
    // A download comes in a hundred pieces; showing each would take the time it tells of.
    if (same && now - this.progressToldAt < PROGRESS_GAP_MS) return;
    this.progressToldAt = now;
    this.emitter.emit("progress", {
      phase,
      elapsedMs: Math.round(performance.now() - this.startedAt),
      ...(bytes === undefined ? {} : { bytes }),
      ...(total === undefined ? {} : { total }),
    });
  }

  private checkStall(): void {
    const silent = performance.now() - this.progressAt;
    if (this.ended || silent < STALL_MS) return;
    this.progressAt = performance.now();
    const waiting = {
      download: "the server to send more of the machine",
      restore: "the saved machine to be unpacked",
      boot: "the kernel to be loaded",
      connect: "the machine to answer",
      ready: "nothing",
    }[this.phase];
    this.problem(
      "stalled",
      `Nothing has happened for ${Math.round(STALL_MS / 1000)} s; still waiting for ${waiting}.`,
    );
  }

  private console(text: string): void {
    this.consoleTail = (this.consoleTail + text).slice(-CONSOLE_TAIL);
    this.emitter.emit("console", text);
  }

  private agentStatus(status: AgentStatus): void {
    if (status.state === "broken") {
      this.problem(
        "broken-stream",
        `The stream to the guest broke (${status.reason}). It is being restored; programs that ran were ended.`,
      );
    } else if (status.state === "lost") {
      this.problem(
        "agent-lost",
        "The guest does not answer any more. It may be too busy; if it stays so, start it again.",
      );
    }
  }

  private containersChanged(): void {
    for (const wake of [...this.forestWaiters]) wake();
    this.containersTimer ??= setTimeout(() => {
      this.containersTimer = undefined;
      this.emitter.emit("containers", this.forest.list());
    }, CONTAINERS_GAP_MS);
  }

  private layerLost(diffId: string): void {
    if (this.lostLayers.has(diffId)) return;
    this.lostLayers.add(diffId);
    this.problem(
      "layer-lost",
      `Layer ${diffId.slice(7, 19)} is no longer stored, so files of its image cannot be read. Pull the image again.`,
    );
  }

  private problem(code: string, text: string): void {
    this.emitter.emit("problem", { code, message: text, fatal: false });
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
