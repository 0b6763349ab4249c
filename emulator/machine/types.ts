/** The seam between the machine adapter (the only importer of v86) and everything above it. */

/** A byte stream to and from a raw virtio-console port. */
export interface ByteLink {
  /** Queues bytes for the guest; they leave as the guest offers buffers, in order, never dropped. The array is taken over. */
  send(bytes: Uint8Array): void;
  /** Bytes queued and not yet taken by the guest. */
  readonly queued: number;
  /** One handler at a time; its bytes are its own to keep. */
  onData(handler: (bytes: Uint8Array) => void): void;
}

/** A 9P2000.L server: one call for each request message; `reply` is called exactly once, now or later. */
export interface P9Server {
  handle(request: Uint8Array, reply: (response: Uint8Array) => void): void;
  /** Fids and whatever else the guest's view rests on; JSON-serialisable. Called on a stopped machine. */
  save(): unknown;
  /** Takes what `save` gave. Requests that were pending at save time come again through `handle`. */
  restore(state: unknown): Promise<void>;
}

/** Where the machine's parts come from. Bytes, so that page and Node can fetch them their own way. */
export interface MachineParts {
  /** Compiled v86 wasm. */
  wasm: WebAssembly.Module;
  kernel: Uint8Array;
  initrd: Uint8Array;
}

export interface MachineOptions {
  /** MiB of guest memory; default 256. Must be the same at save and restore. */
  memory?: number;
  p9: P9Server;
  /** Kernel console output, as it comes. */
  onConsole?: (text: string) => void;
  /** Called at most once when the machine can go no further by itself (panic, reboot, halt, a broken virtio ring); it still has to be destroyed. */
  onFailure?: (error: Error) => void;
}

/** A machine saved by `Machine.save`; `state` is raw (uncompressed). */
export interface Snapshot {
  state: Uint8Array;
  /** JSON-serialisable companion: pending 9P chains, the server's state, memory size, versions. */
  companion: unknown;
}

export interface Machine {
  readonly agent: ByteLink;
  /** MiB. */
  readonly memory: number;
  /** Writes to the kernel console (ttyS0). */
  typeConsole(text: string): void;
  run(): void;
  stop(): Promise<void>;
  /** Stops, saves, and runs again if it was running. */
  save(): Promise<Snapshot>;
  /** Frees worker, memory and ports; afterwards the object is dead. */
  destroy(): Promise<void>;
}
