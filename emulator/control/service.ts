/**
 * The worker's side of the boundary: one sandbox for the page that owns the worker and for the frames that share it.
 * Each client has its own Comlink remote, events port, tickets and terminals; what one leaves behind is closed.
 */
import * as Comlink from "comlink";
import { SandboxError, type BootProgress, type FetchOptions, type Nestbox, type Terminal } from "./api";
import type { PlainResponse } from "./http";
import { serveTerminal } from "./terminal-port";
import type { EventMessage, Remote, StartOptions, Ticket } from "./wire";

/** What the worker needs of `Sandbox`. */
export interface Served extends Omit<Nestbox, "type" | "fetch"> {
  exchange(url: string, options: FetchOptions): Promise<PlainResponse>;
  setClock(): Promise<void>;
  stop(): Promise<void>;
}

const EVENTS = ["progress", "containers", "images", "pull", "console", "restored", "problem"] as const;
/** Frames that may share one machine. */
const MAX_SHARED = 64;

export class Service {
  private sandbox: Served | undefined;
  private progress: BootProgress | undefined;
  private readonly clients = new Set<Client>();

  /** `make` makes the sandbox when the owner starts it. */
  constructor(private readonly make: (options: StartOptions) => Served) {}

  /** The remote of the page that made the worker. */
  owner(): Remote {
    return new Client(this, true).remote;
  }

  /** Serves another frame at `port` until it says bye or its end of the port is gone. */
  share(port: MessagePort): void {
    const client = new Client(this, false);
    port.addEventListener("close", () => client.leave());
    Comlink.expose(client.remote, port);
  }

  begin(options: StartOptions): void {
    if (this.sandbox) throw new SandboxError("failed", "The sandbox was started already.");
    const sandbox = (this.sandbox = this.make(options));
    for (const event of EVENTS) {
      sandbox.on(event, (detail) => {
        if (event === "progress") this.progress = detail as BootProgress;
        for (const client of this.clients) client.post({ event, detail } as EventMessage);
      });
    }
  }

  /** From here on the client hears every event; the last progress at once. Resolves when the sandbox is ready. */
  join(client: Client): Promise<void> {
    const sandbox = this.need();
    if (this.clients.size > MAX_SHARED)
      throw new SandboxError("failed", `More than ${MAX_SHARED} frames share this machine.`);
    this.clients.add(client);
    if (this.progress) client.post({ event: "progress", detail: this.progress });
    return sandbox.ready;
  }

  leave(client: Client): void {
    this.clients.delete(client);
  }

  need(): Served {
    if (!this.sandbox) throw new SandboxError("not-ready", "The sandbox was not started.");
    return this.sandbox;
  }

  stop(): Promise<void> {
    return this.sandbox?.stop() ?? Promise.resolve();
  }
}

class Client {
  private events: MessagePort | undefined;
  private left: SandboxError | undefined;
  private readonly cancellable = new Map<Ticket, AbortController>();
  private readonly terminals = new Set<Terminal>();

  constructor(
    private readonly service: Service,
    private readonly owns: boolean,
  ) {}

  post(message: EventMessage): void {
    this.events?.postMessage(message);
  }

  /** Ends what this client has running and hears nothing more. */
  leave(reason = "This frame has left the machine."): void {
    if (this.left) return;
    this.left = new SandboxError("stopped", reason);
    this.service.leave(this);
    for (const abort of this.cancellable.values()) abort.abort();
    for (const terminal of this.terminals) terminal.close();
    this.events?.close();
    this.events = undefined;
  }

  readonly remote: Remote = {
    start: (options, events) => {
      if (!this.owns) throw new SandboxError("unsupported", "Only the page of the machine can start it.");
      this.events = events;
      this.service.begin(options);
      return this.service.join(this);
    },
    join: async (events) => {
      this.need();
      this.events = events;
      return this.service.join(this);
    },
    share: (port) => {
      this.need();
      this.service.share(port);
    },
    bye: () => this.leave(),
    ping: () => performance.now(),
    cancel: (ticket) => this.cancellable.get(ticket)?.abort(),
    exec: (argv, options, ticket) =>
      this.withTicket(ticket, (signal) => this.need().exec(argv, { ...options, signal })),
    openTerminal: async (options) => {
      const terminal = await this.need().terminals.open(options);
      if (this.left) {
        terminal.close();
        throw this.left;
      }
      this.terminals.add(terminal);
      const forget = () => this.terminals.delete(terminal);
      terminal.exited.then(forget, forget);
      const { port1, port2 } = new MessageChannel();
      serveTerminal(terminal, port1);
      return Comlink.transfer({ id: terminal.id, port: port2 }, [port2]);
    },
    listContainers: async () => this.need().containers.list(),
    listImages: async () => this.need().images.list(),
    pull: (ref, ticket) =>
      this.withTicket(ticket, (signal) =>
        this.need().images.pull(ref, { signal, onProgress: (progress) => this.post({ ticket, progress }) }),
      ),
    removeImage: async (ref) => this.need().images.remove(ref),
    readFile: async (path, options) => {
      const bytes = await this.need().files.read(path, options);
      return Comlink.transfer(bytes, [bytes.buffer]);
    },
    writeFile: async (path, data, options) => this.need().files.write(path, data, options),
    listFiles: async (path, options) => this.need().files.list(path, options),
    fetch: (url, options, ticket) =>
      this.withTicket(ticket, async (signal) => {
        const response = await this.need().exchange(url, { ...options, signal });
        return Comlink.transfer(response, [response.body.buffer]);
      }),
    snapshot: async () => this.need().snapshot(),
    restore: async (snapshot) => this.need().restore(snapshot),
    setClock: async () => this.need().setClock(),
    stop: async () => {
      if (!this.owns) throw new SandboxError("unsupported", "Only the page of the machine can stop it.");
      await this.service.stop();
    },
  };

  private need(): Served {
    if (this.left) throw this.left;
    return this.service.need();
  }

  /** Runs `action` with a signal that `cancel(ticket)` aborts. */
  private async withTicket<T>(ticket: Ticket, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.cancellable.set(ticket, abort);
    try {
      return await action(abort.signal);
    } finally {
      this.cancellable.delete(ticket);
    }
  }
}
