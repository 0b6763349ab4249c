/**
 * The host's end of the agent stream (PROTOCOL.md): keeps it connected, runs programs and calls, serves the guest's
 * requests. The guest is untrusted: whatever breaks the protocol fails everything that waits and starts afresh.
 */
import { SandboxError } from "../control/api";
import type { ByteLink } from "../machine/types";
import { Connection } from "./connection";
import { FrameDecoder, FrameType, StreamBroken, encodeFrame, type Frame } from "./frame";
import {
  boundedText,
  encodeHello,
  encodeJson,
  fitsFrame,
  isObject,
  parseCredit,
  parseExit,
  parseHello,
  parseObject,
  type GuestHello,
  type JsonObject,
  type OpenRequest,
} from "./messages";
import { Program, INITIAL_CREDIT, type ProgramHandlers } from "./program";
import { RequestServer, type RequestHandler } from "./requests";

export type AgentStatus =
  | { state: "connected"; hello: GuestHello }
  | { state: "broken"; reason: string }
  /** No answer for `LOST_AFTER_MS` since the stream broke; the client goes on trying. */
  | { state: "lost" };

export interface AgentClientOptions {
  link: ByteLink;
  hostname?: string;
  requests?: Readonly<Record<string, RequestHandler>>;
  /** EVENT payloads, parsed but not yet believed. */
  onEvent?: (event: JsonObject) => void;
  onStatus?: (status: AgentStatus) => void;
}

interface Call {
  method: string;
  resolve: (ok: unknown) => void;
  reject: (error: SandboxError) => void;
  timer: ReturnType<typeof setTimeout>;
}

const FIRST_HOST_CHANNEL = 1;
const LAST_HOST_CHANNEL = 0x7fff;
/** Programs and calls open at once; the agent takes 256 programs. */
const MAX_CHANNELS = 256;
/** Bytes of a connection on their way: the guest need not wait for credit while the page is busy. */
const CONNECTION_WINDOW = 256 * 1024;
/** Calls that may stay unanswered before the stream counts as broken. */
const MAX_ABANDONED = 64;
/** HELLO is repeated after this long, then ever later up to `HELLO_SLOWEST_MS`. */
const HELLO_INTERVAL_MS = 1000;
const HELLO_SLOWEST_MS = 5000;
/** Two HELLOs are never closer than this: a guest that breaks the stream in a loop must not keep us busy. */
const HELLO_MIN_GAP_MS = 100;
const LOST_AFTER_MS = 15_000;
/** A frame begun and not finished over three ticks of this is broken; ticks, so that a frozen page counts once. */
const STALL_TICK_MS = 1000;
const STALL_TICKS = 3;
/** Bytes that may wait for a guest that does not read before new work is refused. */
const MAX_BACKLOG = 8 * 1024 * 1024;

export class AgentClient {
  private readonly link: ByteLink;
  private readonly decoder = new FrameDecoder();
  private readonly requests: RequestServer;
  private readonly programs = new Map<number, Program>();
  private readonly calls = new Map<number, Call>();
  /** Calls that timed out and whose RESULT may still come. */
  private readonly abandoned = new Set<number>();
  /** Channels ever used since the last HELLO, by id. */
  private readonly seen = new Uint8Array(0x10000);
  private nextChannel = FIRST_HOST_CHANNEL;

  private started = false;
  private closed = false;
  private closedBy = stopped();
  private hello: GuestHello | undefined;
  private session = 0;
  private attempts = 0;
  private lastHelloAt = -Infinity;
  private helloTimer: ReturnType<typeof setTimeout> | undefined;
  private lostTimer: ReturnType<typeof setTimeout> | undefined;
  private stallTimer: ReturnType<typeof setInterval> | undefined;
  private stallTicks = 0;
  private readonly waiters = new Set<{
    resolve: (hello: GuestHello) => void;
    reject: (error: SandboxError) => void;
  }>();

  constructor(private readonly options: AgentClientOptions) {
    this.link = options.link;
    this.requests = new RequestServer(
      options.requests ?? {},
      (frame) => this.link.send(frame),
      () => this.link.queued,
    );
  }

  get connected(): boolean {
    return this.hello !== undefined;
  }

  /**
   * Starts talking (once) and resolves when the guest has answered; rejects with `timeout` after `deadlineMs`, while
   * the client goes on trying. Also waits for a reconnect after a broken stream.
   */
  connect(deadlineMs = 10_000): Promise<GuestHello> {
    if (this.closed) return Promise.reject(this.closedBy);
    if (!this.started) {
      this.started = true;
      this.link.onData((bytes) => this.receive(bytes));
      this.sayHello();
    }
    if (this.hello) return Promise.resolve(this.hello);
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (hello: GuestHello) => (finish(), resolve(hello)),
        reject: (error: SandboxError) => (finish(), reject(error)),
      };
      const finish = () => (clearTimeout(timer), this.waiters.delete(waiter));
      const timer = setTimeout(
        () =>
          waiter.reject(
            new SandboxError(
              "timeout",
              `The guest's agent did not answer within ${Math.round(deadlineMs / 1000)} s.`,
            ),
          ),
        deadlineMs,
      );
      this.waiters.add(waiter);
    });
  }

  /**
   * Starts a program. `window` bounds its unconsumed output in bytes (at least 64 KiB).
   * Throws SandboxError: `not-ready` while disconnected, `too-large` when the request does not fit one frame.
   */
  open(request: OpenRequest, handlers: ProgramHandlers, window = INITIAL_CREDIT): Program {
    const channel = this.take(request, "The command line with its environment");
    this.link.send(
      encodeJson(FrameType.OPEN, channel, {
        ...request,
        pty: request.pty ?? null,
        timeoutMs: request.timeoutMs ?? 0,
      }),
    );
    const program = new Program(channel, (frame) => this.link.send(frame), handlers, window);
    this.programs.set(channel, program);
    return program;
  }

  /**
   * A TCP connection to a server of the guest host: `port` on 127.0.0.1 or another loopback address. It is there at once;
   * that nobody listens shows as an error of its streams (`failed`). `timeoutMs` bounds its whole life, 0 for none.
   * Throws as `open` does.
   */
  connectTo(port: number, options: { host?: string; timeoutMs?: number } = {}): Connection {
    const { host = "127.0.0.1", timeoutMs = 0 } = options;
    const body = { connect: { port, host }, timeoutMs };
    const channel = this.take(body, "The connection's address");
    const start = (handlers: ProgramHandlers) => {
      this.link.send(encodeJson(FrameType.OPEN, channel, body));
      const program = new Program(channel, (frame) => this.link.send(frame), handlers, CONNECTION_WINDOW);
      this.programs.set(channel, program);
      return program;
    };
    return new Connection(start, `${host}:${port}`);
  }

  /** A CALL; rejects with `timeout`, `failed` (the agent's message) or `broken-stream`. The result is untrusted. */
  async call(method: string, params: object = {}, timeoutMs = 10_000): Promise<JsonObject> {
    const body = { method, params };
    const channel = this.take(body, `The call ${method}`);
    const result = await new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new SandboxError("timeout", `The guest did not answer ${method} within ${timeoutMs} ms.`));
        this.calls.delete(channel);
        this.abandoned.add(channel);
        if (this.abandoned.size > MAX_ABANDONED)
          return this.broken(`${MAX_ABANDONED} calls were never answered`);
        this.link.send(encodeFrame(FrameType.CLOSE, channel));
      }, timeoutMs);
      this.calls.set(channel, { method, resolve, reject, timer });
      this.link.send(encodeJson(FrameType.CALL, channel, body));
    });
    return isObject(result) ? result : {};
  }

  /** Fails everything with `reason` and stops for good. */
  close(reason: SandboxError = stopped()): void {
    if (this.closed) return;
    this.closed = true;
    this.closedBy = reason;
    this.failAll(reason);
    clearTimeout(this.helloTimer);
    clearTimeout(this.lostTimer);
    clearInterval(this.stallTimer);
    if (this.started) this.link.onData(() => undefined);
    for (const waiter of [...this.waiters]) waiter.reject(reason);
  }

  private take(body: object, what: string): number {
    if (this.closed) throw this.closedBy;
    if (!this.hello)
      throw new SandboxError("not-ready", "The guest is not connected; wait until it is ready.");
    if (!fitsFrame(body)) throw new SandboxError("too-large", `${what} is longer than 64 KiB.`);
    if (this.link.queued > MAX_BACKLOG) {
      throw new SandboxError("failed", "The guest does not read what the page sends; wait, or restart it.");
    }
    const inUse = this.programs.size + this.calls.size + this.abandoned.size;
    if (inUse >= MAX_CHANNELS) {
      throw new SandboxError("failed", `${MAX_CHANNELS} programs are running already; end one first.`);
    }
    let channel = this.nextChannel;
    while (this.programs.has(channel) || this.calls.has(channel) || this.abandoned.has(channel)) {
      channel = channel === LAST_HOST_CHANNEL ? FIRST_HOST_CHANNEL : channel + 1;
    }
    this.nextChannel = channel === LAST_HOST_CHANNEL ? FIRST_HOST_CHANNEL : channel + 1;
    this.seen[channel] = 1;
    return channel;
  }

  private sayHello(): void {
    clearTimeout(this.helloTimer);
    if (this.closed || this.hello) return;
    const wait = this.lastHelloAt + HELLO_MIN_GAP_MS - performance.now();
    if (wait > 0) {
      this.helloTimer = setTimeout(() => this.sayHello(), wait);
      return;
    }
    this.lastHelloAt = performance.now();
    // A guest that does not read gets no second copy: the first still waits in the queue.
    if (this.attempts === 0 || this.link.queued === 0) {
      this.session = (this.session + 1) & 0x7fffffff;
      this.link.send(
        encodeHello({
          session: this.session,
          time: unixNanoseconds(),
          entropy: crypto.getRandomValues(new Uint8Array(64)),
          ...(this.options.hostname === undefined ? {} : { hostname: this.options.hostname }),
        }),
      );
    }
    this.attempts++;
    const again = Math.min(HELLO_INTERVAL_MS * this.attempts, HELLO_SLOWEST_MS);
    this.helloTimer = setTimeout(() => this.sayHello(), again);
  }

  private receive(bytes: Uint8Array): void {
    try {
      this.stallTicks = 0;
      this.decoder.push(bytes, (frame) => this.dispatch(frame));
      this.watchStall();
    } catch (error) {
      // Nothing may escape into the emulator's run loop; a defect of ours is reported the same way.
      this.broken(error instanceof StreamBroken ? error.message : `internal error: ${String(error)}`);
    }
  }

  private watchStall(): void {
    if (!this.decoder.inFrame) {
      clearInterval(this.stallTimer);
      this.stallTimer = undefined;
    } else {
      this.stallTimer ??= setInterval(() => {
        if (++this.stallTicks >= STALL_TICKS) this.broken("a frame began and was not finished within 3 s");
      }, STALL_TICK_MS);
    }
  }

  private broken(reason: string): void {
    clearInterval(this.stallTimer);
    this.stallTimer = undefined;
    this.decoder.search();
    this.reconnect(reason);
  }

  /** Fails what waits and says HELLO again; while not connected anyway it only goes on trying. */
  private reconnect(reason: string): void {
    if (this.closed || !this.hello) return;
    this.hello = undefined;
    this.attempts = 0;
    this.failAll(
      new SandboxError(
        "broken-stream",
        `The stream to the guest broke (${reason}); reconnecting. Run it again.`,
      ),
    );
    this.lostTimer = setTimeout(() => this.options.onStatus?.({ state: "lost" }), LOST_AFTER_MS);
    this.options.onStatus?.({ state: "broken", reason });
    this.sayHello();
  }

  private failAll(error: SandboxError): void {
    const programs = [...this.programs.values()];
    const calls = [...this.calls.values()];
    this.programs.clear();
    this.calls.clear();
    this.abandoned.clear();
    this.seen.fill(0);
    this.requests.abortAll();
    for (const program of programs) program.fail(error);
    for (const call of calls) {
      clearTimeout(call.timer);
      call.reject(error);
    }
  }

  private dispatch(frame: Frame): void {
    const { type, channel, payload } = frame;
    if (type === FrameType.HELLO) return this.takeHello(channel, payload);
    // Leftovers of the time before our HELLO.
    if (!this.hello) return;
    switch (type) {
      case FrameType.EVENT:
        if (channel !== 0) throw new StreamBroken(`EVENT on channel ${channel}`);
        return this.options.onEvent?.(parseObject(payload, "EVENT"));
      case FrameType.REQUEST:
        return this.takeRequest(channel, payload);
      case FrameType.CANCEL:
        if (this.guestChannel(channel, "CANCEL")) this.requests.cancel(channel);
        return;
      case FrameType.RESULT:
        return this.takeResult(channel, payload);
      case FrameType.DATA:
        return this.program(channel, "DATA")?.takeOutput(payload, "out");
      case FrameType.DATA_ERR:
        return this.program(channel, "DATA_ERR")?.takeOutput(payload, "err");
      case FrameType.CREDIT: {
        const credit = parseCredit(payload);
        return this.program(channel, "CREDIT")?.takeCredit(credit);
      }
      case FrameType.EXIT: {
        const program = this.program(channel, "EXIT");
        const status = parseExit(payload);
        this.programs.delete(channel);
        return program?.takeExit(status);
      }
      default:
        throw new StreamBroken(`a frame of type ${type} came from the guest`);
    }
  }

  private takeHello(channel: number, payload: Uint8Array): void {
    if (channel !== 0) throw new StreamBroken(`HELLO on channel ${channel}`);
    const hello = parseHello(payload);
    if (this.hello) return this.reconnect("the guest's agent started again");
    if (hello.session === undefined) return this.sayHello();
    if (hello.session !== this.session) return;
    if (hello.protocol !== 1) {
      const message = `The guest speaks protocol ${boundedText(String(hello.protocol), 16)}, this page protocol 1; reload.`;
      for (const waiter of [...this.waiters]) waiter.reject(new SandboxError("unsupported", message));
      return;
    }
    clearTimeout(this.helloTimer);
    clearTimeout(this.lostTimer);
    this.attempts = 0;
    this.hello = { version: hello.version, kernel: hello.kernel, memory: hello.memory };
    this.options.onStatus?.({ state: "connected", hello: this.hello });
    for (const waiter of [...this.waiters]) waiter.resolve(this.hello);
  }

  private takeRequest(channel: number, payload: Uint8Array): void {
    if (channel <= LAST_HOST_CHANNEL) throw new StreamBroken(`REQUEST on the host's channel ${channel}`);
    if (this.requests.has(channel)) throw new StreamBroken(`REQUEST on channel ${channel}, which is in use`);
    this.seen[channel] = 1;
    this.requests.start(channel, parseObject(payload, "REQUEST"));
  }

  private takeResult(channel: number, payload: Uint8Array): void {
    this.hostChannel(channel, "RESULT");
    const answer = parseObject(payload, "RESULT");
    this.abandoned.delete(channel);
    const call = this.calls.get(channel);
    if (!call) return;
    this.calls.delete(channel);
    clearTimeout(call.timer);
    if (isObject(answer.error)) {
      const message = boundedText(answer.error.message, 1024) || "no reason given";
      call.reject(new SandboxError("failed", `The guest refused ${call.method}: ${message}`));
    } else {
      call.resolve(answer.ok);
    }
  }

  /** The program of a channel; undefined when it has just ended. */
  private program(channel: number, what: string): Program | undefined {
    this.hostChannel(channel, what);
    return this.programs.get(channel);
  }

  private hostChannel(channel: number, what: string): void {
    if (channel > LAST_HOST_CHANNEL || !this.seen[channel])
      throw new StreamBroken(`${what} on channel ${channel}, never opened`);
  }

  private guestChannel(channel: number, what: string): boolean {
    if (channel <= LAST_HOST_CHANNEL || !this.seen[channel])
      throw new StreamBroken(`${what} on channel ${channel}, never opened`);
    return this.requests.has(channel);
  }
}

/** The time now, in Unix nanoseconds; good to about a millisecond. */
export function unixNanoseconds(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

function stopped(): SandboxError {
  return new SandboxError("stopped", "The machine was stopped.");
}
