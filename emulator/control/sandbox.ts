/**
 * One machine with everything around it, behind the public API (api.ts): runs in the worker, or under Node. It composes
 * emulator/machine, agent, p9 and images; none of these know of each other.
 */
import type { Images } from "../../images/types";
import { unixNanoseconds, type AgentClient, type AgentStatus } from "../agent/client";
import type { OpenRequest } from "../agent/messages";
import type { Machine, Snapshot } from "../machine";
import {
  SandboxError,
  type Container,
  type ExecOptions,
  type ExecResult,
  type FetchOptions,
  type FileEntry,
  type Nestbox,
  type SandboxEvent,
  type SandboxEvents,
  type Terminal,
  type TerminalOptions,
} from "./api";
import { watchClock } from "./clock";
import { Emitter } from "./emitter";
import { MAX_FILE, type Files } from "./files";
import { Forest } from "./forest";
import { Guest } from "./guest";
import { exchange, responseOf, type PlainResponse } from "./http";
import { Imagery } from "./imagery";
import { StartProgress } from "./progress";
import { checkCommand, inContainer, run } from "./programs";
import { readSnapshot, setBack, writeSnapshot, type SavedMachine, type SnapshotPlace } from "./snapshot";
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
  /** Pulled while the machine starts, unless it is there. */
  image?: string;
}

const MIB = 1 << 20;
const EXEC_TIMEOUT_MS = 60_000;
const EXEC_OUTPUT = 16 * MIB;
const MAX_EXEC_OUTPUT = 256 * MIB;
const FILE_TIMEOUT_MS = 120_000;
const COLD_CONNECT_MS = 90_000;
const RESTORED_CONNECT_MS = 30_000;
const RECONNECT_MS = 10_000;
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
  private readonly imagery: Imagery;
  private readonly openedImages: Promise<Images>;
  private readonly abort = new AbortController();
  private readonly lostLayers = new Set<string>();
  private readonly forestWaiters = new Set<() => void>();
  private guest: Guest;
  /** The last of the snapshots and restores asked for; each waits for the one before. */
  private turn: Promise<unknown> = Promise.resolve();
  /** Resolves when the restore under way is over. */
  private settled: Promise<void> | undefined;
  private ended: SandboxError | undefined;
  private readonly progress = new StartProgress(
    (progress) => !this.ended && this.emitter.emit("progress", progress),
    (sentence) => !this.ended && this.problem("stalled", sentence),
  );
  private consoleTail = "";
  private containersTimer: ReturnType<typeof setTimeout> | undefined;
  private stopClock: () => void = () => undefined;
  private nextTerminal = 1;
  private failReady: (error: SandboxError) => void = () => undefined;

  constructor(private readonly options: SandboxOptions) {
    const { images } = options;
    this.openedImages = images;
    this.imagery = new Imagery(images, this.emitter);
    this.guest = this.newGuest();
    images.then(
      ({ storage }) => {
        if (storage.kind !== "memory" || this.options.memoryImages) return;
        this.problem("storage", storage.reason ?? "Images are kept in memory and will not outlive the page.");
      },
      (error: unknown) => this.problem("storage", `The image store cannot be used: ${message(error)}`),
    );
    const failed = new Promise<never>((_, reject) => (this.failReady = reject));
    // Handlers put on in this turn hear everything.
    this.ready = Promise.race([Promise.resolve().then(() => this.start()), failed]);
    this.ready.catch((error: unknown) => this.fail(error));
    if (options.image !== undefined) void this.imagery.fetchAhead(options.image, this.abort.signal);
  }

  on<E extends SandboxEvent>(event: E, handler: (detail: SandboxEvents[E]) => void): () => void {
    return this.emitter.on(event, handler);
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const { env, cwd, stdin, signal, timeoutMs = EXEC_TIMEOUT_MS, maxOutput } = options;
    checkCommand(argv, env, cwd);
    if (
      maxOutput !== undefined &&
      !(Number.isInteger(maxOutput) && maxOutput >= 0 && maxOutput <= MAX_EXEC_OUTPUT)
    )
      throw new TypeError(
        `maxOutput is a number of bytes from 0 to ${MAX_EXEC_OUTPUT}, not ${String(maxOutput)}.`,
      );
    const request = await this.request(argv, options, {
      ...(env ? { env } : {}),
      ...(cwd === undefined ? {} : { cwd }),
      interactive: stdin !== undefined,
      timeoutMs,
    });
    const result = await run(await this.connected(), request, {
      limit: maxOutput ?? EXEC_OUTPUT,
      overflow: maxOutput === undefined ? "drop" : "kill",
      ...(stdin === undefined
        ? {}
        : { stdin: typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin.slice() }),
      ...(signal ? { signal } : {}),
    });
    // Cut within a character, the rest of it is left out too.
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes, { stream: result.truncated });
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
      await this.steady();
      return this.forest.list();
    },
  };

  readonly images: Nestbox["images"] = {
    list: () => this.imagery.list(),
    pull: (ref, options = {}) =>
      this.whileUp(options.signal, (signal) => this.imagery.pull(ref, { ...options, signal })),
    remove: (ref) => this.imagery.remove(ref),
  };

  readonly files: Nestbox["files"] = {
    read: async (path, options = {}): Promise<Uint8Array> =>
      (await this.fileAccess()).read(path, this.fileRunner(options), options.container !== undefined),
    write: async (path, data, options = {}): Promise<void> =>
      (await this.fileAccess()).write(path, data, this.fileRunner(options), options.container !== undefined),
    list: async (path, options = {}): Promise<FileEntry[]> =>
      (await this.fileAccess()).list(path, this.fileRunner(options), options.container !== undefined),
  };

  async fetch(url: string | URL, options: FetchOptions = {}): Promise<Response> {
    return responseOf(await this.exchange(url, options));
  }

  /** What `fetch` makes its Response of; this form crosses to the page. */
  exchange(url: string | URL, options: FetchOptions): Promise<PlainResponse> {
    return exchange(url, options, async ({ host, port }) =>
      (await this.connected()).connectTo(port, { host }),
    );
  }

  /** Sets the guest's clock to ours; also done by itself after a jump. Failures show as a `problem`. */
  async setClock(): Promise<void> {
    const { agent } = this.guest;
    if (this.ended || !agent?.connected) return;
    try {
      await agent.call("clock.set", { time: unixNanoseconds().toString() });
    } catch (error) {
      const stopped = error instanceof SandboxError && error.code === "stopped";
      if (!stopped) this.problem("clock", `The guest's clock could not be set: ${message(error)}`);
    }
  }

  /** Saves the running machine, for the build's own snapshot. */
  async save(): Promise<Snapshot> {
    await this.steady();
    return this.need().save();
  }

  snapshot(): Promise<Blob> {
    return this.inTurn(async () => {
      const machine = this.need();
      await this.guest.quiet();
      const containers = this.forest.list();
      return writeSnapshot({ machine: await machine.save(), containers }, this.place(machine));
    });
  }

  restore(snapshot: Blob): Promise<void> {
    return this.inTurn(async () => {
      const saved = await readSnapshot(snapshot, this.place(this.need()));
      let done: () => void = () => undefined;
      this.settled = new Promise((resolve) => (done = resolve));
      try {
        await this.setBack(saved);
      } finally {
        this.settled = undefined;
        done();
      }
    });
  }

  /** Ends the machine; everything that waits rejects with `stopped`. */
  async stop(): Promise<void> {
    await this.end(new SandboxError("stopped", "The machine was stopped."));
  }

  private async start(): Promise<void> {
    this.progress.watch();
    try {
      const agent = await this.guest.start((options) =>
        this.options.machine.start({
          ...options,
          ...(this.options.memory === undefined ? {} : { memory: this.options.memory }),
          progress: (phase, bytes, total) => this.progress.tell(phase, bytes, total),
          signal: this.abort.signal,
        }),
      );
      this.progress.tell("connect");
      await agent.connect(this.options.machine.cold ? COLD_CONNECT_MS : RESTORED_CONNECT_MS);
      this.stopClock = watchClock(() => void this.setClock());
      this.progress.tell("ready");
    } finally {
      this.progress.unwatch();
    }
  }

  private newGuest(): Guest {
    const images = this.openedImages;
    return new Guest({
      hostname: this.options.hostname ?? "nestbox",
      layers: {
        layer: async (diffId) => (await images).layer(diffId),
        layers: async () => (await images).layers(),
      },
      onLostLayer: (diffId) => this.layerLost(diffId),
      requests: this.imagery.requests(),
      onEvent: (event) => this.forest.apply(event) && this.containersChanged(),
      onStatus: (status) => this.agentStatus(status),
      onConsole: (text) => this.console(text),
      onFailure: (error) => this.fail(error),
    });
  }

  /** Gives the running machine up for a saved one. Until `end` is called a failure leaves it as it was. */
  private async setBack({ machine: saved, containers }: SavedMachine): Promise<void> {
    const started = performance.now();
    const { memory } = this.need();
    const next = this.newGuest();
    // Found out here, not when it is too late.
    await next.tryState(saved, memory);
    const old = this.guest;
    this.guest = next;
    await old.end(setBack());
    this.lostLayers.clear();
    this.forest.recall(containers);
    try {
      if (this.ended) throw this.ended;
      const agent = await next.start((options) =>
        this.options.machine.restore(saved, { ...options, memory }),
      );
      await agent.connect(RESTORED_CONNECT_MS);
    } catch (error) {
      if (this.ended) throw this.ended;
      const lost = new SandboxError(
        "failed",
        `The machine could not be set back, and the one before is gone: ${message(error)} Start it again.`,
        { cause: error },
      );
      this.fail(lost);
      throw lost;
    }
    this.containersChanged();
    this.emitter.emit("restored", { elapsedMs: Math.round(performance.now() - started) });
  }

  /** Runs `action` when the machine is up and the snapshots and restores before are done. */
  private inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.turn.then(async () => {
      await this.ready;
      return action();
    });
    this.turn = turn.catch(() => undefined);
    return turn;
  }

  private place(machine: Machine): SnapshotPlace {
    return { build: this.options.machine.build(), memory: machine.memory };
  }

  /** Runs `action` with a signal that is aborted with `signal`, or when the machine goes; then with that reason. */
  private async whileUp<T>(
    signal: AbortSignal | undefined,
    action: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    await this.settled;
    if (this.ended) throw this.ended;
    const { gone } = this.guest;
    const abort = new AbortController();
    const stop = () => abort.abort(gone.aborted ? gone.reason : signal?.reason);
    const sources = [gone, ...(signal ? [signal] : [])];
    for (const source of sources) source.addEventListener("abort", stop);
    if (signal?.aborted) stop();
    try {
      return await action(abort.signal);
    } catch (error) {
      throw gone.aborted ? gone.reason : error;
    } finally {
      for (const source of sources) source.removeEventListener("abort", stop);
    }
  }

  /** The first failure ends the sandbox, says so, and rejects what waits. */
  private fail(error: unknown): void {
    if (this.ended) return;
    const code = error instanceof SandboxError ? error.code : "failed";
    const last =
      this.progress.phase === "connect" && this.consoleTail
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
    for (const wake of [...this.forestWaiters]) wake();
    await this.guest.end(reason);
    await this.openedImages.then(
      (images) => images.close(),
      () => undefined,
    );
  }

  private need(): Machine {
    if (this.ended) throw this.ended;
    const { machine } = this.guest;
    if (!machine) throw new SandboxError("not-ready", "The machine is still starting; await `ready`.");
    return machine;
  }

  /** Resolves when the machine has started and no restore is under way. */
  private async steady(): Promise<void> {
    if (this.ended) throw this.ended;
    await this.ready;
    while (this.settled) await this.settled;
  }

  /** The agent, after the start, a restore or a reconnect that is under way. */
  private async connected(): Promise<AgentClient> {
    await this.steady();
    const { agent } = this.guest;
    if (!agent) throw this.ended ?? new SandboxError("not-ready", "The machine is still starting.");
    // A client of an ended machine is closed and says so.
    await agent.connect(RECONNECT_MS);
    return agent;
  }

  private async fileAccess(): Promise<Files> {
    await this.settled;
    if (this.ended) throw this.ended;
    return this.guest.files;
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
