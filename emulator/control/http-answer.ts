/** Reads one HTTP/1.x answer from a byte stream. Everything a server may send is bounded; what is not HTTP is refused. */
import { SandboxError } from "./api";

export interface Answer {
  status: number;
  statusText: string;
  headers: [name: string, value: string][];
  body: Uint8Array<ArrayBuffer>;
}

const MIB = 1 << 20;
/** Bytes of a body. */
export const MAX_ANSWER = 64 * MIB;
/** Bytes and lines of all heads and trailers together. */
const MAX_HEAD = 64 * 1024;
const MAX_LINES = 256;
const MAX_CHUNK_LINE = 1024;
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: (.*))?$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*(.*?)[\t ]*$/;
const LF = 10;

/**
 * The final answer (1xx are skipped) to a request made with `method`. Rejects with `failed` when it is malformed or cut
 * short, `too-large` beyond the bounds, and with what the stream fails with. `place` names the server in messages.
 */
export async function readAnswer(
  stream: ReadableStream<Uint8Array>,
  method: string,
  place: string,
): Promise<Answer> {
  const input = new Input(stream.getReader(), place);
  for (;;) {
    const { status, statusText, headers } = await readHead(input);
    if (status === 101) throw input.malformed("it changes to another protocol, which was not asked for");
    if (status < 200) continue;
    if (status > 599) throw input.malformed(`there is no status ${status}`);
    const body =
      method === "HEAD" || status === 204 || status === 304
        ? new Uint8Array(0)
        : await readBody(input, headers);
    return { status, statusText, headers, body };
  }
}

async function readHead(input: Input): Promise<Omit<Answer, "body">> {
  const first = await input.headLine();
  const match = STATUS_LINE.exec(first);
  if (!match)
    throw input.malformed(
      `it begins with ${JSON.stringify(first.slice(0, 60))}, which is no HTTP status line`,
    );
  return { status: Number(match[1]), statusText: match[2] ?? "", headers: await readFields(input) };
}

async function readFields(input: Input): Promise<[string, string][]> {
  const fields: [string, string][] = [];
  for (;;) {
    const line = await input.headLine();
    if (line === "") return fields;
    const match = FIELD.exec(line);
    if (!match) throw input.malformed(`${JSON.stringify(line.slice(0, 60))} is no header line`);
    fields.push([match[1]!, match[2]!]);
  }
}

async function readBody(
  input: Input,
  headers: readonly [string, string][],
): Promise<Uint8Array<ArrayBuffer>> {
  const values = (wanted: string) =>
    headers
      .filter(([name]) => name.toLowerCase() === wanted)
      .flatMap(([, value]) => value.split(","))
      .map((value) => value.trim().toLowerCase());
  const body = new Body(input);
  const codings = values("transfer-encoding");
  if (codings.length > 0) {
    if (codings.join() !== "chunked")
      throw input.malformed(`its transfer encoding is ${codings.join(", ").slice(0, 60)}`);
    await readChunks(input, body);
    return body.bytes();
  }
  const lengths = new Set(values("content-length"));
  if (lengths.size > 1) throw input.malformed("it has several content lengths");
  const [length] = lengths;
  if (length === undefined) while (await body.take(Infinity));
  else if (!/^\d{1,15}$/.test(length))
    throw input.malformed(`its content length is ${JSON.stringify(length.slice(0, 30))}`);
  else await body.takeAll(Number(length));
  return body.bytes();
}

async function readChunks(input: Input, body: Body): Promise<void> {
  for (;;) {
    const line = await input.line(MAX_CHUNK_LINE, "a chunk's size");
    const size = /^([0-9a-fA-F]{1,12})[\t ]*(?:;.*)?$/.exec(line)?.[1];
    if (size === undefined) throw input.malformed(`${JSON.stringify(line.slice(0, 30))} is no chunk size`);
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    await body.takeAll(length);
    if ((await input.line(2, "a chunk's end")) !== "")
      throw input.malformed("a chunk is longer than its size");
  }
  await readFields(input); // trailers, which nobody asked for
}

/** Collects a body up to its bound. */
class Body {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  constructor(private readonly input: Input) {}

  /** At most `most` bytes; false at the end of the stream. */
  async take(most: number): Promise<number | false> {
    const bytes = await this.input.some(most);
    if (!bytes) return false;
    this.reserve(bytes.length);
    this.parts.push(bytes);
    this.length += bytes.length;
    return bytes.length;
  }

  async takeAll(count: number): Promise<void> {
    this.reserve(count);
    for (let left = count; left > 0;) {
      const taken = await this.take(left);
      if (taken === false) throw this.input.malformed(`it ends ${left} bytes too early`);
      left -= taken;
    }
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return joined(this.parts, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more > MAX_ANSWER)
      throw this.input.tooLarge(`a body of more than ${MAX_ANSWER / MIB} MiB`);
  }
}

/** The stream by lines and pieces. */
class Input {
  private rest: Uint8Array = new Uint8Array(0);
  private headBytes = 0;
  private headLines = 0;
  private begun = false;

  constructor(
    private readonly reader: ReadableStreamDefaultReader<Uint8Array>,
    private readonly place: string,
  ) {}

  malformed(reason: string): SandboxError {
    return new SandboxError("failed", `The answer of ${this.place} cannot be read: ${reason}.`);
  }

  tooLarge(what: string): SandboxError {
    return new SandboxError("too-large", `${this.place} sent ${what}.`);
  }

  /** A line of a head, within the bounds of all of them. */
  async headLine(): Promise<string> {
    if (++this.headLines > MAX_LINES) throw this.tooLarge(`more than ${MAX_LINES} header lines`);
    const line = await this.line(MAX_HEAD - this.headBytes, "a head");
    this.headBytes += line.length + 2;
    return line;
  }

  /** Up to the next line feed, which with a carriage return before it is left out; Latin-1. */
  async line(limit: number, what: string): Promise<string> {
    let text = "";
    for (;;) {
      const end = this.rest.indexOf(LF);
      const part = end < 0 ? this.rest : this.rest.subarray(0, end);
      if (text.length + part.length > limit) throw this.tooLarge(`${what} that is too long`);
      text += latin1(part);
      if (end >= 0) {
        this.rest = this.rest.subarray(end + 1);
        break;
      }
      if (!(await this.fill())) {
        throw this.begun
          ? this.malformed(`it ends in the middle of ${what}`)
          : new SandboxError("failed", `${this.place} ended the connection without an answer.`);
      }
    }
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    // eslint-disable-next-line no-control-regex
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) throw this.malformed(`control characters stand in ${what}`);
    return line;
  }

  /** The next bytes, at most `most`; undefined at the end. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.rest.length === 0) if (!(await this.fill())) return undefined;
    const bytes = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(bytes.length);
    return bytes;
  }

  /** Replaces the rest, which has been used up. */
  private async fill(): Promise<boolean> {
    let result: ReadableStreamReadResult<Uint8Array>;
    try {
      result = await this.reader.read();
    } catch (error) {
      if (this.begun || !(error instanceof SandboxError) || error.code !== "failed") throw error;
      throw new SandboxError(
        "failed",
        `Nobody answers at ${this.place} (${error.message}). A container's server is there while it runs and was started with -p.`,
        { cause: error },
      );
    }
    this.rest = result.value ?? new Uint8Array(0);
    this.begun ||= this.rest.length > 0;
    return !result.done;
  }
}

/** One array of many, which are `length` bytes together. */
export function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  // In pieces, for the number of arguments is bounded.
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}
