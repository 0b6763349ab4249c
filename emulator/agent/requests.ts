/** Serves what the guest asks of the page (REQUEST … REPLY), with progress and cancelling. */
import { FrameType } from "./frame";
import { boundedText, encodeJson, fitsFrame, isObject, type JsonObject } from "./messages";

export interface RequestContext {
  /** Aborted when the guest cancels or the stream breaks. */
  signal: AbortSignal;
  /** Sends PROGRESS; dropped when the guest reads too slowly or the JSON is too long. */
  progress: (value: object) => void;
}

/** Answers one method. `params` is untrusted. Errors with a `code` string of PROTOCOL.md go to the guest as they are. */
export type RequestHandler = (params: JsonObject, context: RequestContext) => Promise<object>;

/** Requests a guest may have open at once. */
const MAX_OPEN = 64;
/** PROGRESS is only worth sending while this many bytes or fewer wait for the guest. */
const PROGRESS_BACKLOG = 256 * 1024;
const ERROR_CODES = new Set([
  "not-found",
  "denied",
  "network",
  "bad-digest",
  "bad-image",
  "unsupported",
  "storage",
  "cancelled",
  "internal",
]);

export class RequestServer {
  private readonly open = new Map<number, AbortController>();

  constructor(
    private readonly handlers: Readonly<Record<string, RequestHandler>>,
    private readonly send: (frame: Uint8Array) => void,
    private readonly backlog: () => number,
  ) {}

  has(channel: number): boolean {
    return this.open.has(channel);
  }

  /** A REQUEST on a free channel. */
  start(channel: number, request: JsonObject): void {
    const method = boundedText(request.method, 64);
    const handler = Object.hasOwn(this.handlers, method) ? this.handlers[method] : undefined;
    if (this.open.size >= MAX_OPEN) {
      return this.refuse(
        channel,
        "denied",
        `More than ${MAX_OPEN} requests to the page at once; try again later.`,
      );
    }
    if (!handler) return this.refuse(channel, "unsupported", `The page knows no request "${method}".`);
    const abort = new AbortController();
    this.open.set(channel, abort);
    const current = () => this.open.get(channel) === abort;
    const context: RequestContext = {
      signal: abort.signal,
      progress: (value) => {
        if (!current() || this.backlog() > PROGRESS_BACKLOG || !fitsFrame(value)) return;
        this.send(encodeJson(FrameType.PROGRESS, channel, value));
      },
    };
    const params = isObject(request.params) ? request.params : {};
    // The handler starts in a microtask, so that it cannot throw into the frame loop.
    Promise.resolve()
      .then(() => handler(params, context))
      .then(
        (ok) => current() && this.reply(channel, { ok }),
        (error: unknown) => current() && this.reply(channel, { error: describeError(error) }),
      );
  }

  cancel(channel: number): void {
    this.open.get(channel)?.abort();
  }

  /** The stream is gone: nobody waits for any answer. */
  abortAll(): void {
    for (const abort of this.open.values()) abort.abort();
    this.open.clear();
  }

  private reply(channel: number, answer: { ok: object } | { error: object }): void {
    this.open.delete(channel);
    if (fitsFrame(answer)) this.send(encodeJson(FrameType.REPLY, channel, answer));
    else
      this.refuse(
        channel,
        "internal",
        "The page's answer is longer than 64 KiB, the most one reply can carry.",
      );
  }

  private refuse(channel: number, code: string, message: string): void {
    this.send(encodeJson(FrameType.REPLY, channel, { error: { code, message } }));
  }
}

function describeError(error: unknown): { code: string; message: string } {
  const code =
    isObject(error) && typeof error.code === "string" && ERROR_CODES.has(error.code) ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && error.name === "AbortError")
    return { code: "cancelled", message: "Cancelled." };
  return { code: code ?? "internal", message: message.slice(0, 4096) };
}
