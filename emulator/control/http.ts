/**
 * HTTP/1.1 to servers in the guest, over a byte stream of the agent: one request per connection, the whole answer in
 * memory. The server is untrusted: its answer is bounded and checked (http-answer.ts).
 */
import { SandboxError, type FetchOptions } from "./api";
import { MAX_ANSWER, joined, readAnswer } from "./http-answer";

/** What crosses the worker boundary for a Response. */
export interface PlainResponse {
  url: string;
  status: number;
  statusText: string;
  headers: [name: string, value: string][];
  body: Uint8Array<ArrayBuffer>;
}

/** Where a request goes: `port` on the loopback address `host` of the guest. */
export interface Target {
  url: URL;
  host: string;
  port: number;
}

/** The part of a connection this needs (emulator/agent/connection.ts). */
export interface Stream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  close(): void;
}

const MIB = 1 << 20;
export const MAX_REQUEST_BODY = 16 * MIB;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_HEAD = 64 * 1024;
const MAX_HEADERS = 256;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Field values as they go over the wire: one line of Latin-1. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** These say how the connection is used, which is not the caller's to choose. */
const OURS = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Statuses for which `Response` takes no body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** Which server a URL names; `unsupported` for everything but plain http to the guest itself. */
export function targetOf(input: string | URL): Target {
  let url: URL;
  try {
    url = new URL(input);
  } catch {
    throw new TypeError(
      `"${String(input).slice(0, 200)}" is no URL; write http://localhost:8080/ for a published port.`,
    );
  }
  if (url.protocol !== "http:")
    throw new SandboxError(
      "unsupported",
      `${url.protocol}// cannot be fetched in the sandbox, only http://.`,
    );
  if (url.hostname !== "localhost" && url.hostname !== "127.0.0.1") {
    throw new SandboxError(
      "unsupported",
      `${url.hostname.slice(0, 100)} cannot be reached: only published ports of the sandbox can, as http://localhost:PORT/.`,
    );
  }
  if (url.username || url.password)
    throw new SandboxError(
      "unsupported",
      "A URL with a user name is not fetched; send an Authorization header.",
    );
  const port = url.port === "" ? 80 : Number(url.port);
  if (port === 0) throw new SandboxError("unsupported", "Nobody can listen on port 0.");
  return { url, host: "127.0.0.1", port };
}

/** The request as bytes. TypeError for what HTTP cannot carry, `too-large` for a body over 16 MiB. */
export function encodeRequest({ url }: Target, options: FetchOptions): { method: string; bytes: Uint8Array } {
  const given = options.method ?? "GET";
  const upper = given.toUpperCase();
  const method = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(upper) ? upper : given;
  if (!TOKEN.test(method) || method.length > 32)
    throw new TypeError(`"${method.slice(0, 40)}" is no HTTP method.`);
  if (upper === "CONNECT" || upper === "TRACE") throw new TypeError(`${upper} cannot be fetched.`);
  const body = typeof options.body === "string" ? new TextEncoder().encode(options.body) : options.body;
  if (body && (method === "GET" || method === "HEAD")) throw new TypeError(`${method} takes no body.`);
  if (body && body.length > MAX_REQUEST_BODY)
    throw new SandboxError("too-large", `The request's body is longer than ${MAX_REQUEST_BODY / MIB} MiB.`);

  const fields = new Map<string, [string, string]>();
  const set = (name: string, value: string) => fields.set(name.toLowerCase(), [name, value]);
  set("Host", url.host);
  set("User-Agent", "nestbox");
  set("Accept", "*/*");
  set("Accept-Encoding", "identity");
  if (typeof options.body === "string") set("Content-Type", "text/plain;charset=UTF-8");
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (!TOKEN.test(name) || !VALUE.test(value))
      throw new TypeError(`The header "${name.slice(0, 80)}" has a name or value that HTTP cannot carry.`);
    if (OURS.has(name.toLowerCase())) throw new TypeError(`The header ${name} is set by the sandbox itself.`);
    set(name, value);
  }
  set("Connection", "close");
  if (body || /^(POST|PUT|PATCH)$/.test(method)) set("Content-Length", String(body?.length ?? 0));
  const lines = [...fields.values()].map(([name, value]) => `${name}: ${value.trim()}\r\n`).join("");
  const head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines}\r\n`;
  if (fields.size > MAX_HEADERS || head.length > MAX_HEAD)
    throw new SandboxError("too-large", "The request's headers are more than 256 or longer than 64 KiB.");
  const bytes = new Uint8Array(head.length + (body?.length ?? 0));
  for (let i = 0; i < head.length; i++) bytes[i] = head.charCodeAt(i);
  if (body) bytes.set(body, head.length);
  return { method, bytes };
}

/**
 * One request and its answer. `open` makes the connection. Rejects with `failed` (nobody listens, or not HTTP),
 * `timeout`, `cancelled`, `too-large`, and what the agent stream fails with.
 */
export async function exchange(
  input: string | URL,
  options: FetchOptions,
  open: (target: Target) => Promise<Stream>,
): Promise<PlainResponse> {
  const target = targetOf(input);
  const { method, bytes } = encodeRequest(target, options);
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if (!(timeoutMs >= 0)) throw new TypeError("timeoutMs is a number of milliseconds, 0 for none.");
  const place = target.url.origin;
  const cancelled = () => new SandboxError("cancelled", "Cancelled.");
  if (signal?.aborted) throw cancelled();

  let giveUp: (error: SandboxError) => void = () => undefined;
  const gaveUp = new Promise<never>((_, reject) => (giveUp = reject));
  gaveUp.catch(() => undefined);
  const onAbort = () => giveUp(cancelled());
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer =
    timeoutMs > 0
      ? setTimeout(
          () => giveUp(new SandboxError("timeout", `${place} did not answer within ${timeoutMs / 1000} s.`)),
          Math.min(timeoutMs, 0x7fffffff),
        )
      : undefined;
  const opening = open(target);
  try {
    const stream = await Promise.race([opening, gaveUp]);
    // A server may answer without reading everything; what it says then is worth more than that.
    const writer = stream.writable.getWriter();
    writer.closed.catch(() => undefined);
    writer.write(bytes).catch(() => undefined);
    const answer = await Promise.race([readAnswer(stream.readable, method, place), gaveUp]);
    return { url: target.url.href, ...(await Promise.race([decoded(answer, place), gaveUp])) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    // However it ended: one connection per request.
    opening.then(
      (stream) => stream.close(),
      () => undefined,
    );
  }
}

/** The page's Response of what crossed the worker boundary. */
export function responseOf({ url, status, statusText, headers, body }: PlainResponse): Response {
  const response = new Response(WITHOUT_BODY.has(status) ? null : body, { status, statusText, headers });
  Object.defineProperty(response, "url", { value: url });
  return response;
}

/** Undoes gzip and deflate, as a browser's fetch does; other codings stay, with their header. */
async function decoded<T extends Omit<PlainResponse, "url">>(answer: T, place: string): Promise<T> {
  const coding = answer.headers
    .find(([name]) => name.toLowerCase() === "content-encoding")?.[1]
    .toLowerCase();
  const format = coding === "x-gzip" ? "gzip" : coding;
  if ((format !== "gzip" && format !== "deflate") || answer.body.length === 0) return answer;
  const parts: Uint8Array[] = [];
  let length = 0;
  const stream = new Blob([answer.body]).stream().pipeThrough(new DecompressionStream(format));
  try {
    for await (const part of stream) {
      length += part.length;
      if (length > MAX_ANSWER)
        throw new SandboxError("too-large", `${place} sent more than ${MAX_ANSWER / MIB} MiB, unpacked.`);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof SandboxError) throw error;
    throw new SandboxError("failed", `${place} sent a body that is not ${format} as it claims.`, {
      cause: error,
    });
  }
  const gone = new Set(["content-encoding", "content-length"]);
  return {
    ...answer,
    headers: answer.headers.filter(([name]) => !gone.has(name.toLowerCase())),
    body: joined(parts, length),
  };
}
