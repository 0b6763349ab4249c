/** Test doubles: a link without a machine, and a guest end that speaks PROTOCOL.md by script. */
import type { ByteLink } from "../machine/types";
import { FrameDecoder, FrameType, MAGIC, encodeFrame, type Frame } from "./frame";

/** A link whose guest side is the test: `sent` takes what the host sends, `deliver` is the guest speaking. */
export class FakeLink implements ByteLink {
  queued = 0;
  sent: (bytes: Uint8Array) => void = () => undefined;
  private handler: (bytes: Uint8Array) => void = () => undefined;

  send(bytes: Uint8Array): void {
    this.sent(bytes);
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    this.handler = handler;
  }

  deliver(bytes: Uint8Array): void {
    this.handler(bytes);
  }
}

/** Decodes what the host says, answers HELLO, and hands every other frame to `on`. */
export class ScriptedGuest {
  readonly link = new FakeLink();
  readonly frames: Frame[] = [];
  hellos = 0;
  answerHello = true;
  on: (frame: Frame) => void = () => undefined;
  private readonly decoder = new FrameDecoder();

  constructor() {
    this.link.sent = (bytes) => this.decoder.push(bytes, (frame) => this.take(frame));
  }

  /** Sends one frame; objects as JSON. */
  say(type: FrameType, channel: number, payload: Uint8Array | object = new Uint8Array(0)): void {
    const bytes = payload instanceof Uint8Array ? payload : new TextEncoder().encode(JSON.stringify(payload));
    this.link.deliver(encodeFrame(type, channel, bytes));
  }

  sayHello(session?: number): void {
    this.link.deliver(helloFrame({ protocol: 1, session, version: "test", kernel: "6.12", memory: 1 << 28 }));
  }

  /** The last frame of a type, or a failed test. */
  last(type: FrameType): Frame {
    const frame = this.frames.findLast((candidate) => candidate.type === type);
    if (!frame) throw new Error(`no frame of type ${type} came`);
    return frame;
  }

  private take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.type !== FrameType.HELLO) return this.on(frame);
    this.hellos++;
    if (this.answerHello) this.sayHello(json(frame, MAGIC.length).session as number);
  }
}

/** A HELLO frame around any JSON. */
export function helloFrame(body: object): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(body));
  const payload = new Uint8Array(MAGIC.length + text.length);
  payload.set(MAGIC);
  payload.set(text, MAGIC.length);
  return encodeFrame(FrameType.HELLO, 0, payload);
}

export function json(frame: Frame, from = 0): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(frame.payload.subarray(from))) as Record<string, unknown>;
}

/** Seeded random numbers (mulberry32), for tests that must be repeatable. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}
