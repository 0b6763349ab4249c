import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AgentPort, SerialText } from "./console";
import { FakeChain, fakeEmulator } from "./machine.fakes.test-helper";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const buffers = (count: number, size = 4096) =>
  Array.from({ length: count }, (_, i) => new FakeChain(i, new Uint8Array(0), size));

test("bytes wait until the guest has buffers, then leave in order and gathered", () => {
  const { emulator, receive, ports, notified } = fakeEmulator();
  const port = new AgentPort(emulator);
  const data = Uint8Array.from({ length: 10_000 }, (_, i) => i % 251);
  for (let at = 0; at < data.length; at += 700) port.send(data.subarray(at, at + 700));
  expect(port.queued).toBe(10_000);

  receive.available = buffers(2);
  ports[0xb900]?.write16(4); // the guest says that it has room
  expect(notified).toEqual([4]);
  expect(port.queued).toBe(10_000 - 2 * 4096);
  expect(receive.flushes).toBe(1);

  receive.available = buffers(3);
  vi.advanceTimersByTime(20); // or does not say so
  expect(port.queued).toBe(0);
  expect(receive.available).toHaveLength(2);
  expect(Buffer.concat(receive.replied.map(({ written }) => written))).toEqual(Buffer.from(data));
});

test("a queue that is not set up is not touched; buffers smaller than a page lose nothing", () => {
  const { emulator, receive } = fakeEmulator();
  const port = new AgentPort(emulator);
  receive.configured = false;
  receive.available = buffers(1);
  port.send(Uint8Array.of(1, 2, 3));
  expect(receive.replied).toHaveLength(0);
  receive.configured = true;
  receive.available = buffers(3, 2);
  vi.advanceTimersByTime(20);
  expect(receive.replied.map(({ written }) => [...written])).toEqual([[1, 2], [3]]);
});

test("after close nothing is sent, queued or delivered", () => {
  const { emulator, emit, receive } = fakeEmulator();
  const port = new AgentPort(emulator);
  const seen: number[] = [];
  port.onData((bytes) => seen.push(...bytes));
  emit("virtio-console1-output-bytes", Uint8Array.of(7));
  port.send(Uint8Array.of(1));
  port.close();
  receive.available = buffers(1);
  vi.advanceTimersByTime(100);
  port.send(Uint8Array.of(2));
  emit("virtio-console1-output-bytes", Uint8Array.of(8));
  expect(seen).toEqual([7]);
  expect(receive.replied).toHaveLength(0);
  expect(port.queued).toBe(0);
});

test("port 1 is raw and named, port 0 stays a console", () => {
  const { emulator, virtio_console, events, names } = fakeEmulator();
  new AgentPort(emulator);
  for (const port of [0, 1]) {
    virtio_console.SendEvent(port, 4, 1);
    virtio_console.SendName(port, `virtio-${port}`);
    virtio_console.SendEvent(port, 6, 1);
  }
  expect(events).toEqual([
    [0, 4, 1],
    [0, 6, 1],
    [1, 6, 1],
  ]);
  expect(names).toEqual([
    [0, "virtio-0"],
    [1, "nest.agent"],
  ]);
  expect(virtio_console.ports).toBe(2);
});

test("console text comes by line, prompts after a pause, characters whole", () => {
  const { emulator, emit } = fakeEmulator();
  const texts: string[] = [];
  const serial = new SerialText(emulator, (text) => texts.push(text));
  const type = (text: string) => {
    for (const byte of new TextEncoder().encode(text)) emit("serial0-output-byte", byte);
  };
  type("one\n# é");
  expect(texts).toEqual(["one\n"]);
  vi.advanceTimersByTime(10);
  expect(texts).toEqual(["one\n", "# é"]);
  type("x".repeat(5000));
  expect(serial.tail).toBe("x".repeat(600));
});
