/** Stand-ins for the parts of v86 that the adapter's unit tests need. */
import type { BufferChain, Emulator, VirtQueue } from "./internals";

/** A chain whose request is `readable` and which takes `writable` bytes of reply into `written`. */
export class FakeChain implements BufferChain {
  written = new Uint8Array(0);
  constructor(
    readonly head_idx: number,
    readonly readable: Uint8Array,
    readonly length_writable: number,
  ) {}
  get length_readable(): number {
    return this.readable.length;
  }
  get_next_blob(into: Uint8Array): number {
    into.set(this.readable.subarray(0, into.length));
    return into.length;
  }
  set_next_blob(bytes: Uint8Array): number {
    this.written = bytes.slice(0, this.length_writable);
    return this.written.length;
  }
}

export class FakeQueue implements VirtQueue {
  available: FakeChain[] = [];
  readonly replied: FakeChain[] = [];
  flushes = 0;
  configured = true;
  is_configured(): boolean {
    return this.configured;
  }
  has_request(): boolean {
    return this.count_requests() > 0;
  }
  count_requests(): number {
    return this.available.length;
  }
  avail_get_entry(): number {
    return this.available[0]?.head_idx ?? 0;
  }
  pop_request(): FakeChain {
    const head = this.avail_get_entry();
    const chain = this.available.find(({ head_idx }) => head_idx === head);
    if (!chain) throw new Error("popped an empty queue");
    this.available = this.available.filter((other) => other !== chain);
    return chain;
  }
  push_reply(chain: FakeChain): void {
    this.replied.push(chain);
  }
  flush_replies(): void {
    this.flushes++;
  }
}

/** An emulator with a console of two ports and a 9P device; `emit` is what its devices send. */
export function fakeEmulator() {
  const handlers = new Map<string, ((value: never) => void)[]>();
  const receive = new FakeQueue();
  const p9Queue = new FakeQueue();
  const events: [port: number, event: number, value: number][] = [];
  const names: [port: number, name: string][] = [];
  const notified: number[] = [];
  const ports: { write16: (value: number) => void }[] = [];
  ports[0xb900] = { write16: (value) => notified.push(value) };
  const virtio_console = {
    ports: 4,
    virtio: { queues: Object.assign([] as FakeQueue[], { 4: receive }) },
    SendEvent: (port: number, event: number, value: number) => events.push([port, event, value]),
    SendName: (port: number, name: string) => names.push([port, name]),
  };
  const virtio_9p = { tag_bufchain: new Map<number, BufferChain>(), virtqueue: p9Queue };
  const emulator = {
    v86: { cpu: { io: { ports }, devices: { virtio_console, virtio_9p } } },
    add_listener: (event: string, handler: (value: never) => void) =>
      handlers.set(event, [...(handlers.get(event) ?? []), handler]),
  } as unknown as Emulator;
  const emit = (event: string, value: unknown): void => {
    for (const handler of handlers.get(event) ?? []) handler(value as never);
  };
  return { emulator, emit, receive, p9Queue, virtio_9p, virtio_console, events, names, ports, notified };
}
