/** The page's end of one frame: finds it, checks it, talks to it, and says when it is silent or gone. */
import type { ExecOptions, ExecResult, SandboxEvent, SandboxEvents } from "../../emulator/control/api";
import { EVENTS, isObject, shown, VERSION, versionOf, type CallName } from "./protocol";
import { EmbedError, type Sandbox } from "./types";

export interface LinkHooks {
  /** Before the first word of a frame that takes too long, and when it says that it cannot start; undefined: all is well. */
  trouble(reason: string | undefined): void;
  /** The frame asks for a machine. */
  ask(): void;
  /** The machine of this frame is gone, or the frame itself (`reload`: a new one announced itself in its place). */
  gone(reason: string, reload: boolean): void;
}

/** A frame that has said nothing by then is spoken for. */
export const HELLO_DEADLINE_MS = 15_000;

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: EmbedError) => void;
}

export class Link implements Sandbox {
  readonly ready: Promise<void>;
  /** Resolves when the frame has said hello for the first time. */
  readonly connected: Promise<void>;
  container: string | undefined;
  #port: MessagePort | undefined;
  #settleConnected!: { resolve: () => void; reject: (error: EmbedError) => void };
  #closed: EmbedError | undefined;
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  readonly #handlers = new Map<SandboxEvent, Set<(detail: never) => void>>();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #origin: string;

  constructor(
    readonly frame: HTMLIFrameElement,
    address: string,
    private readonly hooks: LinkHooks,
    deadlineMs = HELLO_DEADLINE_MS,
  ) {
    this.#origin = new URL(address).origin;
    this.connected = new Promise((resolve, reject) => (this.#settleConnected = { resolve, reject }));
    this.ready = this.connected.then(() => this.call("ready")).then(() => undefined);
    this.ready.catch(() => undefined); // shown in the frame as well
    this.connected.catch(() => undefined);
    addEventListener("message", this.#onWindowMessage);
    this.#timer = setTimeout(() => {
      const reason = `The box at ${this.#origin} has not answered for ${deadlineMs / 1000} s.`;
      // Who waits is told; a frame that comes later is shown all the same.
      this.#settleConnected.reject(new EmbedError("unreachable", reason));
      this.hooks.trouble(
        `${reason} The connection may be slow, a blocker may stop it, or this page's Content-Security-Policy may not allow frames from there.`,
      );
    }, deadlineMs);
  }

  /** Messages count only from the window of this frame, and from Nestbox's origin, or none when the frame is sandboxed. */
  readonly #onWindowMessage = (event: MessageEvent<unknown>): void => {
    if (event.source === null || event.source !== this.frame.contentWindow) return;
    if (event.origin !== this.#origin && event.origin !== "null") return;
    const version = versionOf(event.data);
    if (version === undefined || !isObject(event.data)) return;
    clearTimeout(this.#timer);
    const { type, reason, message, container } = event.data;
    if (version !== VERSION) {
      this.#refuse(
        `The box speaks version ${version} of the protocol and embed.js version ${VERSION}: reload this page without its cache.`,
      );
    } else if (type === "here") {
      this.#connect(event.origin, container);
    } else if (type === "failed") {
      this.#refuse(shown(reason, 500));
    } else if (type === "error") {
      console.error(`nest-box: ${shown(message, 500)}`);
    }
  };

  #refuse(reason: string): void {
    this.#settleConnected.reject(new EmbedError("unreachable", reason));
    this.hooks.trouble(reason);
  }

  #connect(origin: string, container: unknown): void {
    if (this.#port) this.#drop("The box was loaded again.", true);
    this.container = nameOf(container);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data }: MessageEvent<unknown>) => this.#onPortMessage(data);
    // An opaque origin cannot be named; that window is checked above by identity.
    const target = origin === "null" ? "*" : this.#origin;
    this.frame.contentWindow?.postMessage({ nestbox: VERSION, type: "hello" }, target, [port2]);
    for (const event of this.#handlers.keys()) void this.call("listen", event).catch(() => undefined);
    this.hooks.trouble(undefined);
    this.#settleConnected.resolve();
  }

  #onPortMessage(data: unknown): void {
    if (!isObject(data)) return;
    if (typeof data["id"] === "number") {
      const waiting = this.#waiting.get(data["id"]);
      this.#waiting.delete(data["id"]);
      if (!waiting) return;
      const error = data["error"];
      if (isObject(error))
        waiting.reject(new EmbedError(shown(error["code"]), shown(error["message"], 2000)));
      else waiting.resolve(data["value"]);
    } else if (isObject(data["error"])) {
      console.error(`nest-box: ${shown(data["error"]["message"], 500)}`);
    } else if (data["ask"] === "machine") {
      this.hooks.ask();
    } else if (typeof data["gone"] === "string") {
      this.hooks.gone(shown(data["gone"], 500), false);
    } else if ("container" in data) {
      this.container = nameOf(data["container"]);
    } else if (EVENTS.includes(data["event"] as SandboxEvent)) {
      for (const handler of [...(this.#handlers.get(data["event"] as SandboxEvent) ?? [])])
        try {
          handler(data["detail"] as never);
        } catch (error) {
          console.error("nest-box: a handler failed:", error);
        }
    }
  }

  /** One call to the frame. `transfer` also arrives as the call's last argument. */
  call(call: CallName, ...args: unknown[]): Promise<unknown> {
    return this.#send(this.#nextId++, call, args);
  }

  #send(id: number, call: CallName, args: unknown[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed);
    const port = this.#port;
    if (!port) return this.connected.then(() => this.#send(id, call, args));
    return new Promise((resolve, reject) => {
      const ports = args.filter((arg) => arg instanceof MessagePort);
      try {
        port.postMessage({ id, call, args }, ports);
        this.#waiting.set(id, { resolve, reject });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        reject(new EmbedError("bad-option", `${call}: an argument cannot be sent to the box: ${why}`));
      }
    });
  }

  async exec(argv: readonly string[], { signal, ...options }: ExecOptions = {}): Promise<ExecResult> {
    const cancelled = (): EmbedError => new EmbedError("cancelled", "Cancelled.");
    if (signal?.aborted) throw cancelled();
    const id = this.#nextId++;
    const cancel = (): void => void this.call("cancel", id).catch(() => undefined);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return (await this.#send(id, "exec", [argv, options])) as ExecResult;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  async type(text: string): Promise<void> {
    await this.call("type", text);
  }

  on<E extends SandboxEvent>(event: E, handler: (detail: SandboxEvents[E]) => void): () => void {
    if (!EVENTS.includes(event))
      throw new EmbedError(
        "bad-option",
        `on: there is no event “${shown(event)}”; known: ${EVENTS.join(", ")}.`,
      );
    const set = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, set.add(handler));
    if (set.size === 1 && this.#port) void this.call("listen", event).catch(() => undefined);
    return () => set.delete(handler);
  }

  /** True while the frame is in the page; a frame taken out of it stops at once. */
  get alive(): boolean {
    return !this.#closed && this.frame.isConnected;
  }

  close(reason = "The box was closed."): void {
    if (this.#closed) return;
    this.#closed = new EmbedError("closed", reason);
    clearTimeout(this.#timer);
    removeEventListener("message", this.#onWindowMessage);
    this.#settleConnected.reject(this.#closed);
    this.frame.remove();
    this.#drop(reason, false);
  }

  #drop(reason: string, reload: boolean): void {
    this.#port?.close();
    this.#port = undefined;
    for (const { reject } of this.#waiting.values()) reject(new EmbedError("closed", reason));
    this.#waiting.clear();
    this.hooks.gone(reason, reload);
  }
}

function nameOf(container: unknown): string | undefined {
  return typeof container === "string" && container !== "" ? shown(container) : undefined;
}
