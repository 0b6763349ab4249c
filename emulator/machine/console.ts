import type { Cpu, Emulator, VirtioConsole } from "./internals";
import type { ByteLink } from "./types";

/** The raw port of the agent; port 0 stays the guest's hvc0. */
const PORT = 1;
export const PORT_NAME = "nest.agent";
/** Receive queue of a port > 0 (virtio 1.2, 5.3.2). */
const RECEIVE_QUEUE = 2 * PORT + 2;
const EVENT_CONSOLE_PORT = 4;
/** I/O port to which the guest writes the number of a receive queue that has new buffers. */
const NOTIFY_RECEIVE = 0xb900;
/** What one guest buffer takes at most: Linux queues single pages. */
const PIECE = 4096;
/** When the notification should have come and did not, look again after this many milliseconds. */
const RETRY_MS = 20;

/**
 * Makes console port 1 a raw `/dev/vport*` named nest.agent and offers it as a byte stream.
 *
 * v86 drops host input for which the guest has no buffer queued, so bytes wait here and leave when the guest has room:
 * at once, when it announces a fresh buffer, or at the latest on a timer.
 */
export class AgentPort implements ByteLink {
  readonly #device: VirtioConsole;
  readonly #waiting: Uint8Array[] = [];
  /** Bytes of `#waiting[0]` already gone. */
  #offset = 0;
  #queued = 0;
  #handler: (bytes: Uint8Array) => void = () => undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(emulator: Emulator) {
    this.#device = emulator.v86.cpu.devices.virtio_console;
    makeRaw(this.#device);
    this.#onRoom(emulator.v86.cpu);
    emulator.add_listener(`virtio-console${PORT}-output-bytes`, (bytes: Uint8Array) => {
      if (!this.#closed) this.#handler(bytes);
    });
  }

  get queued(): number {
    return this.#queued;
  }

  send(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#queued += bytes.length;
    this.#pump();
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    this.#handler = handler;
  }

  /** Nothing more is taken or given. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#queued = 0;
  }

  #onRoom(cpu: Cpu): void {
    const port = cpu.io.ports[NOTIFY_RECEIVE];
    if (!port) throw new Error("v86 has no I/O port for the console's notifications: not version 0.5.462?");
    const notify = port.write16;
    const pump = () => {
      this.#pump();
    };
    port.write16 = function (value) {
      notify.call(this, value);
      pump();
    };
  }

  #pump(): void {
    const queue = this.#device.virtio.queues[RECEIVE_QUEUE];
    // An unconfigured queue reads its index from address 0, where anything may be.
    if (queue?.is_configured()) {
      let used = false;
      while (this.#queued > 0 && queue.has_request()) {
        const chain = queue.pop_request();
        chain.set_next_blob(this.#take(Math.min(chain.length_writable, PIECE)));
        queue.push_reply(chain);
        used = true;
      }
      if (used) queue.flush_replies();
    }
    clearTimeout(this.#timer);
    if (this.#queued > 0) {
      this.#timer = setTimeout(() => {
        this.#pump();
      }, RETRY_MS);
    }
  }

  /** The next bytes, at most `limit`, gathered from as many sends as it takes. */
  #take(limit: number): Uint8Array {
    const piece = new Uint8Array(Math.max(0, Math.min(limit, this.#queued)));
    let filled = 0;
    let sent = 0;
    while (filled < piece.length) {
      const first = this.#waiting[sent];
      if (!first) break;
      const part = first.subarray(this.#offset, this.#offset + piece.length - filled);
      piece.set(part, filled);
      filled += part.length;
      this.#offset += part.length;
      if (this.#offset === first.length) {
        this.#offset = 0;
        sent++;
      }
    }
    this.#waiting.splice(0, sent);
    this.#queued -= filled;
    return piece;
  }
}

/** Two ports only, and no CONSOLE_PORT event for the second: Linux then leaves it raw instead of making it an hvc tty. */
function makeRaw(device: VirtioConsole): void {
  device.ports = 2;
  const { SendEvent: sendEvent, SendName: sendName } = device;
  device.SendEvent = function (port, event, value) {
    if (event === EVENT_CONSOLE_PORT && port > 0) return;
    sendEvent.call(this, port, event, value);
  };
  device.SendName = function (port, name) {
    sendName.call(this, port, port === PORT ? PORT_NAME : name);
  };
}

/** Kernel console output as text: whole lines at once, an unfinished line (a prompt) after a short pause. */
export class SerialText {
  readonly #decoder = new TextDecoder();
  readonly #bytes = new Uint8Array(1024);
  readonly #deliver: (text: string) => void;
  #length = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tail = "";

  constructor(emulator: Emulator, deliver: (text: string) => void) {
    this.#deliver = deliver;
    emulator.add_listener("serial0-output-byte", (byte: number) => {
      this.#bytes[this.#length++] = byte;
      if (byte === 0x0a || this.#length === this.#bytes.length) this.flush();
      else
        this.#timer ??= setTimeout(() => {
          this.flush();
        }, 10);
    });
  }

  /** The last output, at most 600 characters: what a dying kernel said. */
  get tail(): string {
    this.flush();
    return this.#tail;
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#length === 0) return;
    const text = this.#decoder.decode(this.#bytes.subarray(0, this.#length), { stream: true });
    this.#length = 0;
    this.#tail = (this.#tail + text).slice(-600);
    this.#deliver(text);
  }
}
