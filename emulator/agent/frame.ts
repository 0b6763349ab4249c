/**
 * Frames of the agent stream (PROTOCOL.md "Frames"): encoding, and an incremental decoder whose memory is bounded by
 * one frame. Both directions use the same format, so the tests' scripted guest uses this file too.
 */

export const FrameType = {
  HELLO: 1,
  OPEN: 2,
  DATA: 3,
  DATA_ERR: 4,
  EOF: 5,
  CREDIT: 6,
  RESIZE: 7,
  SIGNAL: 8,
  EXIT: 9,
  CLOSE: 10,
  EVENT: 11,
  REQUEST: 12,
  PROGRESS: 13,
  REPLY: 14,
  CANCEL: 15,
  CALL: 16,
  RESULT: 17,
} as const;

export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  type: FrameType;
  channel: number;
  payload: Uint8Array;
}

/** Largest payload of a frame, in bytes. */
export const MAX_PAYLOAD = 65536;
export const HEADER_SIZE = 8;
/** Opens every HELLO payload; what a reader that lost the stream looks for. */
export const MAGIC = new TextEncoder().encode("NESTBOX-AGENT/1\n");

const LAST_TYPE = FrameType.RESULT;

/** The stream does not follow PROTOCOL.md; the message says where. */
export class StreamBroken extends Error {
  override name = "StreamBroken";
}

function headerCheck(bytes: Uint8Array, at: number): number {
  let check = 0xa5;
  for (let i = 0; i < HEADER_SIZE - 1; i++) check ^= bytes[at + i]!;
  return check;
}

/** One frame as bytes. Throws RangeError for a payload over `MAX_PAYLOAD` or a channel over 16 bits. */
export function encodeFrame(
  type: FrameType,
  channel: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  if (payload.length > MAX_PAYLOAD) throw new RangeError(`payload of ${payload.length} bytes in one frame`);
  if (channel < 0 || channel > 0xffff) throw new RangeError(`channel ${channel}`);
  const bytes = new Uint8Array(HEADER_SIZE + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint16(4, channel, true);
  bytes[6] = type;
  bytes[7] = headerCheck(bytes, 0);
  bytes.set(payload, HEADER_SIZE);
  return bytes;
}

/**
 * Splits a byte stream into frames. It starts searching for a HELLO, and throws `StreamBroken` at the first byte that
 * cannot be right; call `search` to look for the next HELLO then.
 */
export class FrameDecoder {
  private searching = true;
  /** How often `search` was called, to notice it within a `push`. */
  private searches = 0;
  private readonly header = new Uint8Array(HEADER_SIZE);
  private headerFill = 0;
  private payload: Uint8Array | undefined;
  private payloadFill = 0;
  /** While searching: the last bytes seen, enough for a header and a magic cut in two. */
  private tail: Uint8Array = new Uint8Array(0);

  /** A frame has begun and not ended. */
  get inFrame(): boolean {
    return !this.searching && (this.headerFill > 0 || this.payload !== undefined);
  }

  /** Forgets what was begun and discards input until a whole HELLO header with its magic. */
  search(): void {
    this.searching = true;
    this.searches++;
    this.headerFill = 0;
    this.payload = undefined;
    this.payloadFill = 0;
    this.tail = new Uint8Array(0);
  }

  /**
   * Takes the next bytes and calls `onFrame` for each frame they complete; payloads are fresh copies.
   * What follows a break, or a `search` made by `onFrame`, within these bytes is searched by the next call only.
   */
  push(bytes: Uint8Array, onFrame: (frame: Frame) => void): void {
    let rest = bytes;
    if (this.searching) {
      const found = this.find(bytes);
      if (!found) return;
      rest = found;
      this.searching = false;
    }
    const searches = this.searches;
    let at = 0;
    while (at < rest.length && searches === this.searches) {
      if (!this.payload) {
        const take = Math.min(HEADER_SIZE - this.headerFill, rest.length - at);
        this.header.set(rest.subarray(at, at + take), this.headerFill);
        this.headerFill += take;
        at += take;
        if (this.headerFill < HEADER_SIZE) return;
        this.payload = new Uint8Array(this.checkedLength());
        this.payloadFill = 0;
      }
      const take = Math.min(this.payload.length - this.payloadFill, rest.length - at);
      this.payload.set(rest.subarray(at, at + take), this.payloadFill);
      this.payloadFill += take;
      at += take;
      if (this.payloadFill < this.payload.length) return;
      const frame: Frame = {
        type: this.header[6] as FrameType,
        channel: this.header[4]! | (this.header[5]! << 8),
        payload: this.payload,
      };
      this.headerFill = 0;
      this.payload = undefined;
      onFrame(frame);
    }
  }

  private checkedLength(): number {
    if (headerCheck(this.header, 0) !== this.header[7])
      throw new StreamBroken("a frame header has a wrong check byte");
    const length = new DataView(this.header.buffer).getUint32(0, true);
    if (length > MAX_PAYLOAD)
      throw new StreamBroken(`a frame claims ${length} bytes, more than ${MAX_PAYLOAD}`);
    const type = this.header[6]!;
    if (type < 1 || type > LAST_TYPE) throw new StreamBroken(`a frame has the unknown type ${type}`);
    return length;
  }

  /** The bytes from the next HELLO header on, or undefined (and the tail kept) when there is none yet. */
  private find(bytes: Uint8Array): Uint8Array | undefined {
    const joined = new Uint8Array(this.tail.length + bytes.length);
    joined.set(this.tail);
    joined.set(bytes, this.tail.length);
    for (let at = HEADER_SIZE; at + MAGIC.length <= joined.length; at++) {
      at = joined.indexOf(MAGIC[0]!, at);
      if (at < 0 || at + MAGIC.length > joined.length) break;
      if (MAGIC.every((byte, i) => joined[at + i] === byte) && isHelloHeader(joined, at - HEADER_SIZE)) {
        this.tail = new Uint8Array(0);
        return joined.subarray(at - HEADER_SIZE);
      }
    }
    this.tail = joined.slice(Math.max(0, joined.length - (HEADER_SIZE + MAGIC.length - 1)));
    return undefined;
  }
}

function isHelloHeader(bytes: Uint8Array, at: number): boolean {
  const length = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_SIZE).getUint32(0, true);
  return (
    headerCheck(bytes, at) === bytes[at + 7] &&
    bytes[at + 6] === FrameType.HELLO &&
    bytes[at + 4] === 0 &&
    bytes[at + 5] === 0 &&
    length >= MAGIC.length &&
    length <= MAX_PAYLOAD
  );
}
