import { describe, expect, it } from "vitest";
import { helloFrame } from "./fake";
import { FrameDecoder, FrameType, MAGIC, MAX_PAYLOAD, StreamBroken, encodeFrame, type Frame } from "./frame";

const hello = helloFrame({ protocol: 1 });

function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function decode(...chunks: Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder();
  for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(frame));
  return frames;
}

describe("frames", () => {
  it("lays the header out as PROTOCOL.md says", () => {
    const bytes = encodeFrame(FrameType.DATA, 0x1234, Uint8Array.of(1, 2, 3));
    expect([...bytes]).toEqual([3, 0, 0, 0, 0x34, 0x12, 3, 0xa5 ^ 3 ^ 0x34 ^ 0x12 ^ 3, 1, 2, 3]);
  });

  it("decodes the same frames however the stream is cut", () => {
    const stream = concat(
      hello,
      encodeFrame(FrameType.EVENT, 0, new TextEncoder().encode("{}")),
      encodeFrame(FrameType.CANCEL, 0x8001),
      encodeFrame(FrameType.DATA, 7, Uint8Array.of(9, 8, 7)),
    );
    const whole = decode(stream);
    expect(whole.map((frame) => frame.type)).toEqual([1, 11, 15, 3]);
    for (let cut = 1; cut < stream.length; cut++) {
      expect(decode(stream.subarray(0, cut), stream.subarray(cut)), `cut at ${cut}`).toEqual(whole);
    }
    expect(decode(...Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  it("gives payloads that do not share the chunk's memory", () => {
    const stream = concat(hello, encodeFrame(FrameType.DATA, 1, Uint8Array.of(5)));
    const frames = decode(stream);
    stream.fill(0);
    expect([...frames[1]!.payload]).toEqual([5]);
  });

  it("discards everything before the first HELLO, whatever it is and however it is cut", () => {
    const noise = concat(
      encodeFrame(FrameType.DATA, 1, new Uint8Array(300)),
      MAGIC,
      new Uint8Array(7).fill(0x4e),
    );
    for (let cut = 0; cut < noise.length + hello.length; cut += 3) {
      const stream = concat(noise, hello);
      const frames = decode(stream.subarray(0, cut), stream.subarray(cut));
      expect(frames.map((frame) => frame.type)).toEqual([FrameType.HELLO]);
    }
  });

  it("goes on searching past the magic without a HELLO header before it", () => {
    expect(decode(concat(new Uint8Array(8), MAGIC, hello)).length).toBe(1);
    const wrongCheck = hello.slice();
    wrongCheck[7]! ^= 1;
    expect(decode(wrongCheck)).toEqual([]);
  });

  it.each([
    ["a wrong check", (frame: Uint8Array) => (frame[7]! ^= 0x10)],
    ["a payload over the bound", (frame: Uint8Array) => ((frame[2] = 2), (frame[7]! ^= 2))],
    ["an unknown type", (frame: Uint8Array) => ((frame[6] = 18), (frame[7]! ^= 18 ^ FrameType.DATA))],
  ])("breaks at %s", (_, spoil) => {
    const frame = encodeFrame(FrameType.DATA, 1, new Uint8Array(4));
    spoil(frame);
    expect(() => decode(hello, frame)).toThrow(StreamBroken);
  });

  it("takes the longest payload and refuses to send more", () => {
    const longest = encodeFrame(FrameType.DATA, 1, new Uint8Array(MAX_PAYLOAD));
    expect(decode(hello, longest)[1]!.payload.length).toBe(MAX_PAYLOAD);
    expect(() => encodeFrame(FrameType.DATA, 1, new Uint8Array(MAX_PAYLOAD + 1))).toThrow(RangeError);
    expect(() => encodeFrame(FrameType.DATA, 0x10000)).toThrow(RangeError);
  });

  it("says whether a frame is unfinished, and forgets it on search", () => {
    const decoder = new FrameDecoder();
    const frames: Frame[] = [];
    decoder.push(concat(hello, Uint8Array.of(1)), (frame) => frames.push(frame));
    expect(decoder.inFrame).toBe(true);
    decoder.search();
    expect(decoder.inFrame).toBe(false);
    decoder.push(hello, (frame) => frames.push(frame));
    expect(frames.length).toBe(2);
  });
});
