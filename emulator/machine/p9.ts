import type { BufferChain, Emulator, Virtio9p } from "./internals";
import type { P9Server } from "./types";

/** size[4] type[1] tag[2] */
const HEADER = 7;

/** `[tag, head descriptor]` of a request whose reply is still owed. */
export type PendingRequest = readonly [tag: number, head: number];

/**
 * Carries 9P messages between v86's virtio device and the server: many in flight, replies late and in any order.
 * A reply finds its buffers by tag; one that comes twice, or after `close`, or whose buffers are gone, is dropped.
 */
export class P9Bridge {
  readonly #server: P9Server;
  #device: Virtio9p | undefined;

  constructor(server: P9Server) {
    this.#server = server;
  }

  /** v86's `handle9p`: called with each request after its chain was filed under its tag. v86's own reply is not used. */
  readonly handle = (request: Uint8Array): void => {
    const device = this.#device;
    if (!device) return;
    if (request.length < HEADER) {
      // Not a 9P message, so there is no tag to answer; forget the chain that v86 has filed under nonsense.
      for (const [tag, chain] of device.tag_bufchain) {
        if (chain.length_readable < HEADER) device.tag_bufchain.delete(tag);
      }
      return;
    }
    const tag = request[5]! | (request[6]! << 8);
    const chain = device.tag_bufchain.get(tag);
    if (chain) this.#ask(request, tag, chain);
  };

  /** Call once the emulator has loaded, before it runs. */
  attach(emulator: Emulator): void {
    this.#device = emulator.v86.cpu.devices.virtio_9p;
  }

  close(): void {
    this.#device = undefined;
  }

  /**
   * Runs `save` with the device's table of pending chains set aside, which `save_state` cannot write; returns what is
   * needed to rebuild it. The chains stay valid here: a machine that goes on after saving still gets its replies.
   */
  park(save: () => void): PendingRequest[] {
    const device = this.#attached();
    const chains = device.tag_bufchain;
    device.tag_bufchain = new Map();
    try {
      save();
    } finally {
      device.tag_bufchain = chains;
    }
    return [...chains].map(([tag, chain]) => [tag, chain.head_idx]);
  }

  /** In a restored machine: rebuilds the chains from guest memory and puts their requests to the server again. */
  replay(pending: readonly PendingRequest[]): void {
    const device = this.#attached();
    device.tag_bufchain = new Map();
    for (const [tag, head] of pending) {
      // A queue whose only available entry is `head`: it pops the chain again without touching the real index.
      const queue = Object.create(device.virtqueue) as typeof device.virtqueue;
      queue.avail_get_entry = () => head;
      queue.count_requests = () => 1;
      const chain = queue.pop_request();
      const request = new Uint8Array(chain.length_readable);
      chain.get_next_blob(request);
      device.tag_bufchain.set(tag, chain);
      this.#ask(request, tag, chain);
    }
  }

  #ask(request: Uint8Array, tag: number, chain: BufferChain): void {
    this.#server.handle(request, (response) => {
      const device = this.#device;
      if (device?.tag_bufchain.get(tag) !== chain) return;
      device.tag_bufchain.delete(tag);
      chain.set_next_blob(response);
      device.virtqueue.push_reply(chain);
      device.virtqueue.flush_replies();
    });
  }

  #attached(): Virtio9p {
    if (!this.#device) throw new Error("The 9P device is not attached to a running emulator.");
    return this.#device;
  }
}
