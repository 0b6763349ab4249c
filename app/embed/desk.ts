/**
 * The frame's end: answers the page around it, and nobody else. Any page may embed a box and do everything with its
 * machine that a reader could by typing: the machine holds nothing of the reader's but images from public registries.
 */
import type { Nestbox, SandboxEvent } from "../../emulator/control/api";
import { CallError, readCall, readEvent, readExec, readType } from "./calls";
import { isObject, LIMITS, VERSION, versionOf, type Announcement, type CallName } from "./protocol";

export interface DeskBox {
  /** The machine, once there is one. */
  nestbox(): Promise<Pick<Nestbox, "ready" | "exec" | "on">>;
  type(text: string): Promise<void>;
  /** A port to this frame's machine, for another frame. */
  share(): Promise<MessagePort>;
  /** The page's answer to `ask()`: a port to another frame's machine, or undefined: own one. */
  machine(port: MessagePort | undefined): void;
  /** The machine behind the port is gone. */
  lost(reason: string): void;
}

/** The part of `Window` it needs. */
export interface DeskWindow {
  readonly parent: { postMessage(message: unknown, target: string): void };
  addEventListener(type: "message", listener: (event: MessageEvent<unknown>) => void): void;
}

export class Desk {
  #port: MessagePort | undefined;
  /** Origin of the page, from its first hello. */
  #origin: string | undefined;
  #asked = false;
  #container = "";
  readonly #running = new Map<number, AbortController>();
  readonly #heard = new Set<SandboxEvent>();

  constructor(
    private readonly window: DeskWindow,
    private readonly box: DeskBox,
  ) {
    window.addEventListener("message", (event) => this.#onWindowMessage(event));
  }

  /** Tells the page that the frame is there; it answers with a port. */
  announce(container: string): void {
    this.#container = container;
    // The page's origin is not known yet; this tells it nothing that it has not put into the address.
    this.#announce({ nestbox: VERSION, type: "here", container }, "*");
  }

  get connected(): boolean {
    return this.#port !== undefined;
  }

  /** Asks the page for a machine, as soon as the page is known. */
  ask(): void {
    this.#asked = true;
    this.#port?.postMessage({ ask: "machine" });
  }

  /** This frame's own machine is gone. */
  gone(reason: string): void {
    this.#port?.postMessage({ gone: reason });
  }

  /** The box has a new container. */
  renamed(container: string): void {
    if (container === this.#container) return;
    this.#container = container;
    this.#port?.postMessage({ container });
  }

  #announce(message: Announcement, target: string): void {
    this.window.parent.postMessage(message, target);
  }

  #onWindowMessage({ source, origin, data, ports }: MessageEvent<unknown>): void {
    if (source !== (this.window.parent as unknown)) return;
    const version = versionOf(data);
    // Pages send their frames all sorts of things; what does not name this protocol is not for us.
    if (version === undefined) return;
    const refuse = (message: string): void =>
      // A sandboxed page's origin cannot be named.
      this.#announce({ nestbox: VERSION, type: "error", message }, origin === "null" ? "*" : origin);
    if (version !== VERSION)
      return refuse(`This box speaks version ${VERSION} of the protocol, not ${version}: reload the page.`);
    if (!isObject(data) || data["type"] !== "hello")
      return refuse("The first message must be { nestbox: 1, type: 'hello' } with a MessagePort.");
    const [port] = ports;
    if (!port || ports.length > 1) return refuse("hello needs one MessagePort.");
    if (this.#origin !== undefined)
      return refuse(
        origin === this.#origin
          ? "This box is connected already; there is one connection for each load of the frame."
          : `This box is connected with ${this.#origin} and answers nobody else.`,
      );
    this.#origin = origin;
    this.#port = port;
    port.onmessage = (event: MessageEvent<unknown>) => this.#onCall(event.data, port);
    port.onmessageerror = () => this.#fail(port, null, new CallError("A message could not be read."));
    if (this.#asked) port.postMessage({ ask: "machine" });
  }

  #onCall(data: unknown, port: MessagePort): void {
    const read = readCall(data);
    if (read instanceof CallError) {
      const id = isObject(data) && typeof data["id"] === "number" ? data["id"] : null;
      return this.#fail(port, id, read);
    }
    const { id, call, args } = read;
    if (call === "cancel") {
      const [which] = args;
      if (typeof which === "number") this.#running.get(which)?.abort();
      port.postMessage({ id, value: null });
      return;
    }
    if (this.#running.has(id))
      return this.#fail(port, id, new CallError(`A call with the id ${id} is still under way.`));
    if (this.#running.size >= LIMITS.calls)
      return this.#fail(port, id, new CallError(`${LIMITS.calls} calls are under way; wait for one to end.`));
    const abort = new AbortController();
    this.#running.set(id, abort);
    this.#answer(call, args, port, abort.signal)
      .then(
        (value) => port.postMessage({ id, value }, value instanceof MessagePort ? [value] : []),
        (error: unknown) => this.#fail(port, id, error),
      )
      .catch((error: unknown) => this.#fail(port, id, error)) // a value that cannot be sent
      .finally(() => this.#running.delete(id));
  }

  async #answer(
    call: Exclude<CallName, "cancel">,
    args: readonly unknown[],
    port: MessagePort,
    signal: AbortSignal,
  ): Promise<unknown> {
    switch (call) {
      case "ready":
        await (
          await this.box.nestbox()
        ).ready;
        return null;
      case "exec": {
        const { argv, options } = readExec(args);
        return (await this.box.nestbox()).exec(argv, { ...options, signal });
      }
      case "type":
        await this.box.type(readType(args));
        return null;
      case "listen": {
        const event = readEvent(args);
        if (this.#heard.has(event)) return null;
        this.#heard.add(event);
        (await this.box.nestbox()).on(event, (detail) => port.postMessage({ event, detail }));
        return null;
      }
      case "share":
        return this.box.share();
      case "machine": {
        const [kind, given] = args;
        if (!this.#asked) throw new CallError("machine: this box has not asked for one.");
        if (kind === "own") this.box.machine(undefined);
        else if (kind === "port" && given instanceof MessagePort) this.box.machine(given);
        else throw new CallError('machine: the arguments must be "own", or "port" and a MessagePort.');
        this.#asked = false;
        return null;
      }
      case "lost": {
        const [reason] = args;
        this.box.lost(typeof reason === "string" ? reason.slice(0, LIMITS.text) : "no reason given");
        return null;
      }
    }
  }

  #fail(port: MessagePort, id: number | null, error: unknown): void {
    const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id, error: { code, message } });
  }
}
