/** Payloads of the agent stream: shapes, JSON packing, and the checks on what the guest sends. */
import { FrameType, MAGIC, MAX_PAYLOAD, StreamBroken, encodeFrame } from "./frame";

/** What the agent said of its guest; every string bounded. */
export interface GuestHello {
  version: string;
  kernel: string;
  /** Bytes. */
  memory: number;
}

/** Parameters of OPEN; see PROTOCOL.md. */
export interface OpenRequest {
  argv: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  pty?: { cols: number; rows: number };
  /** Milliseconds; 0 or absent: none. */
  timeoutMs?: number;
  /** With `pty`: keep another such program ready for the next OPEN like this one. */
  spare?: boolean;
}

/** How a program ended; `error` says why it never started. */
export interface ExitStatus {
  code: number;
  signal?: number;
  timedOut?: boolean;
  error?: string;
}

export type JsonObject = Record<string, unknown>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One JSON frame; throws RangeError when the JSON is longer than a frame may be. */
export function encodeJson(type: FrameType, channel: number, value: object): Uint8Array {
  return encodeFrame(type, channel, encoder.encode(JSON.stringify(value)));
}

/** A JSON object from the guest, or StreamBroken. */
export function parseObject(payload: Uint8Array, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(payload));
  } catch {
    throw new StreamBroken(`${what} carries JSON that does not parse`);
  }
  if (!isObject(value)) throw new StreamBroken(`${what} carries JSON that is not an object`);
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Untrusted text of at most `limit` UTF-16 units; "" for anything that is no string. */
export function boundedText(value: unknown, limit = 256): string {
  return typeof value === "string" ? value.slice(0, limit) : "";
}

/** An untrusted whole number within [min, max]; `fallback` for anything else. */
export function boundedInteger(value: unknown, min: number, max: number, fallback: number): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max
    ? value
    : fallback;
}

export interface HostHello {
  session: number;
  /** Unix nanoseconds. */
  time: bigint;
  /** 32 … 256 bytes. */
  entropy: Uint8Array;
  hostname?: string;
}

/** The frame that (re)starts the stream. */
export function encodeHello(hello: HostHello): Uint8Array {
  const json = encoder.encode(
    JSON.stringify({
      protocol: 1,
      session: hello.session,
      time: hello.time.toString(),
      entropy: btoa(String.fromCharCode(...hello.entropy)),
      ...(hello.hostname === undefined ? {} : { hostname: hello.hostname }),
    }),
  );
  const payload = new Uint8Array(MAGIC.length + json.length);
  payload.set(MAGIC);
  payload.set(json, MAGIC.length);
  return encodeFrame(FrameType.HELLO, 0, payload);
}

/** The agent's HELLO; `session` is undefined when it came unasked. */
export function parseHello(
  payload: Uint8Array,
): GuestHello & { session: number | undefined; protocol: unknown } {
  if (payload.length < MAGIC.length || !MAGIC.every((byte, i) => payload[i] === byte)) {
    throw new StreamBroken("HELLO without its opening bytes");
  }
  const json = parseObject(payload.subarray(MAGIC.length), "HELLO");
  return {
    protocol: json.protocol,
    session: typeof json.session === "number" ? json.session : undefined,
    version: boundedText(json.version, 64),
    kernel: boundedText(json.kernel, 64),
    memory: boundedInteger(json.memory, 0, Number.MAX_SAFE_INTEGER, 0),
  };
}

export function parseExit(payload: Uint8Array): ExitStatus {
  const json = parseObject(payload, "EXIT");
  const code = boundedInteger(json.code, 0, 255, -1);
  if (code < 0) throw new StreamBroken("EXIT without an exit code of 0 … 255");
  const status: ExitStatus = { code };
  const signal = boundedInteger(json.signal, 1, 64, 0);
  if (signal) status.signal = signal;
  if (json.timedOut === true) status.timedOut = true;
  const error = boundedText(json.error, 1024);
  if (error) status.error = error;
  return status;
}

export function encodeCredit(channel: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, bytes, true);
  return encodeFrame(FrameType.CREDIT, channel, payload);
}

export function parseCredit(payload: Uint8Array): number {
  if (payload.length !== 4) throw new StreamBroken(`CREDIT of ${payload.length} bytes instead of 4`);
  return new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0, true);
}

export function encodeResize(channel: number, cols: number, rows: number): Uint8Array {
  const payload = new Uint8Array(4);
  const view = new DataView(payload.buffer);
  view.setUint16(0, cols, true);
  view.setUint16(2, rows, true);
  return encodeFrame(FrameType.RESIZE, channel, payload);
}

/** True when `value` fits a JSON frame; used before taking a channel. */
export function fitsFrame(value: object): boolean {
  return encoder.encode(JSON.stringify(value)).length <= MAX_PAYLOAD;
}
