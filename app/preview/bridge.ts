/** Answers what pages in the preview ask, from the servers in the guest. Everything that comes through the port is untrusted. */
import { SandboxError, type Nestbox } from "../../emulator/control";
import {
  filterHeaders,
  messageType,
  parseRequest,
  textOf,
  type PageAnswer,
  type PageRequest,
} from "./messages";

const MAX_RUNNING = 16;
const MAX_WAITING = 256;
const DEADLINE_MS = 30_000;

export interface BridgeEvents {
  /** A page of the guest was asked for, by the pane or by a link; `failure` says why it did not come. */
  onPage(page: { port: number; path: string; status?: number; failure?: string }): void;
  /** A page tried to lead its frame out of the preview. */
  onBlocked(url: string): void;
}

export class PreviewBridge {
  private readonly channel = new MessageChannel();
  private readonly abort = new AbortController();
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  private shown = 0;

  constructor(
    private readonly nestbox: Pick<Nestbox, "fetch">,
    private readonly events: BridgeEvents,
  ) {
    this.channel.port1.onmessage = (event: MessageEvent<unknown>) => this.receive(event);
  }

  /** The end to hand to the frame. */
  get remote(): MessagePort {
    return this.channel.port2;
  }

  /** Shows a page of the server on `port`; `path` begins with one slash. */
  open(port: number, path: string): void {
    this.shown = port;
    this.channel.port1.postMessage({ type: "open", port, path });
  }

  close(): void {
    this.abort.abort();
    this.channel.port1.close();
  }

  private receive({ data, ports }: MessageEvent<unknown>): void {
    const message = messageType(data);
    if (!message || "wrong" in message) return;
    if (message.type === "blocked") return this.events.onBlocked(textOf(message.data.url, 2048));
    const [reply] = ports;
    if (message.type !== "request" || !reply) return;
    const request = parseRequest(message.data);
    if (typeof request === "string") {
      return this.answer(reply, { error: { code: "refused", message: `Nestbox refused it: ${request}.` } });
    }
    if (this.waiting.length >= MAX_WAITING) {
      return this.answer(reply, {
        error: { code: "refused", message: "Too many requests of this page wait already." },
      });
    }
    void this.serve(request, reply);
  }

  private async serve(request: PageRequest, reply: MessagePort): Promise<void> {
    if (this.running >= MAX_RUNNING) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running++;
    try {
      this.answer(reply, await this.fetch(request));
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }

  private async fetch({
    path,
    method,
    headers,
    navigate,
    body,
    ...request
  }: PageRequest): Promise<PageAnswer> {
    const port = request.port || this.shown;
    const page = { port, path };
    if (navigate) this.events.onPage(page);
    try {
      const url = `http://localhost:${port}${path}`;
      const response = await this.nestbox.fetch(url, {
        method,
        headers,
        timeoutMs: DEADLINE_MS,
        signal: this.abort.signal,
        ...(body ? { body } : {}),
      });
      const coding = response.headers.get("content-encoding");
      if (coding && coding !== "identity")
        throw new SandboxError(
          "unsupported",
          `The server packed it as ${coding.slice(0, 40)}, though it was asked not to.`,
        );
      const { status, statusText } = response;
      if (navigate) this.events.onPage({ ...page, status });
      return {
        ok: {
          status,
          statusText,
          ...filterHeaders(response.headers, url),
          body: await response.arrayBuffer(),
        },
      };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (navigate) this.events.onPage({ ...page, failure: message });
      return { error: { code: error instanceof SandboxError ? error.code : "failed", message } };
    }
  }

  private answer(reply: MessagePort, answer: PageAnswer): void {
    reply.postMessage(answer, "ok" in answer ? [answer.ok.body] : []);
  }
}
