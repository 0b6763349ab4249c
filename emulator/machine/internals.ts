/**
 * What this folder touches of v86 0.5.462 beyond its public typings, and nothing else.
 * The npm build is not mangled, but none of this is API: a version change means reading v86 again.
 */

/** A typed array that always looks at the current wasm memory, even after it has grown. */
type View = Uint8Array | Uint16Array | Int32Array | Uint32Array;

/** A chain of guest buffers taken from a virtqueue. Its lengths and addresses are the guest's word. */
export interface BufferChain {
  readonly head_idx: number;
  readonly length_readable: number;
  readonly length_writable: number;
  get_next_blob(into: Uint8Array): number;
  set_next_blob(bytes: Uint8Array): number;
}

export interface VirtQueue {
  is_configured(): unknown;
  has_request(): boolean;
  count_requests(): number;
  avail_get_entry(index: number): number;
  pop_request(): BufferChain;
  push_reply(chain: BufferChain): void;
  flush_replies(): void;
}

export interface VirtioConsole {
  ports: number;
  readonly virtio: { readonly queues: readonly VirtQueue[] };
  SendEvent: (this: VirtioConsole, port: number, event: number, value: number) => void;
  SendName: (this: VirtioConsole, port: number, name: string) => void;
}

export interface Virtio9p {
  /** Requests without a reply, by 9P tag. */
  tag_bufchain: Map<number, BufferChain>;
  readonly virtqueue: VirtQueue;
}

interface IoPort {
  write16: (this: unknown, value: number) => void;
}

export interface Cpu {
  readonly memory_size: View;
  /** Counts up and wraps. */
  readonly instruction_counter: View;
  zero_memory: (address: number, length: number) => void;
  set_jit_config(index: number, value: number): void;
  readonly cr: View;
  readonly protected_mode: View;
  readonly is_32: View;
  readonly stack_size_32: View;
  readonly flags: View;
  readonly flags_changed: View;
  readonly cpl: View;
  readonly segment_is_null: View;
  readonly segment_offsets: View;
  readonly segment_limits: View;
  readonly segment_access_bytes: View;
  readonly sreg: View;
  readonly reg32: View;
  readonly instruction_pointer: View;
  last_result: View;
  fpu_status_word: View;
  mxcsr: View;
  readonly wasm_memory: WebAssembly.Memory;
  readonly io: { readonly ports: readonly IoPort[] };
  readonly devices: {
    readonly pci: {
      readonly isa_bridge_space8: Uint8Array;
      readonly device_spaces: readonly (Int32Array | undefined)[];
    };
    readonly virtio_console: VirtioConsole;
    readonly virtio_9p: Virtio9p;
  };
  read_blob(address: number, length: number): Uint8Array;
  write_blob(bytes: Uint8Array, address: number): void;
  update_state_flags(): void;
  full_clear_tlb(): void;
  get_pic_addr_slave(): number;
  reboot_internal(): void;
  zstd_create_ctx(sourceLength: number): number;
  zstd_get_src_ptr(context: number): number;
  zstd_read(context: number, length: number): number;
  zstd_read_free(pointer: number, length: number): void;
  zstd_free_ctx(context: number): void;
}

/** The main loop: `next_tick` asks `yield` to call `yield_callback(tick)` after a pause of `t` milliseconds. */
export interface MainLoop {
  readonly cpu: Cpu;
  /** The CPU's end: what it sends, the emulator's listeners hear. */
  readonly bus: Bus;
  running: boolean;
  readonly idle: boolean;
  yield(t: number, tick: number): void;
  yield_callback(tick: number): void;
  register_yield(): void;
  unregister_yield(): void;
  next_tick(t: number): void;
  save_state(): ArrayBuffer;
  restore_state(state: ArrayBuffer | Uint8Array): void;
}

export interface Bus {
  send(event: string, value?: unknown): void;
}

export interface Emulator {
  readonly v86: MainLoop;
  /** The host's end: what it sends, the devices hear. */
  readonly bus: Bus;
  run(): Promise<void>;
  stop(): Promise<void>;
  destroy(): Promise<void>;
  is_running(): boolean;
  add_listener(event: string, handler: (value: never) => void): void;
}
