import { V86 } from "v86";
import { COMMAND_LINE, enterKernel } from "./boot";
import { AgentPort, SerialText } from "./console";
import type { Emulator } from "./internals";
import { delayJit } from "./jit";
import { P9Bridge } from "./p9";
import { restoreFresh, saveStopped } from "./snapshot";
import type { ByteLink, Machine, MachineOptions, MachineParts, Snapshot } from "./types";
import { installYield } from "./yield";

export const DEFAULT_MEMORY = 256;
const MIB = 1 << 20;
/** wasm and devices take well under a second; a v86 that never says it loaded would otherwise hang the page. */
const LOAD_TIMEOUT_MS = 30_000;

/** A machine at the kernel's entry point, not yet running. */
export async function bootMachine(parts: MachineParts, options: MachineOptions): Promise<Machine> {
  const machine = await EmulatedMachine.create(parts, options, {
    bzimage: { buffer: ownBuffer(parts.kernel) },
    initrd: { buffer: ownBuffer(parts.initrd) },
    cmdline: COMMAND_LINE,
  });
  return machine.prepare(() => {
    enterKernel(machine.emulator.v86.cpu);
  });
}

/**
 * A machine in the saved state, not yet running. Needs no kernel and no initrd: they are in the snapshot's memory.
 * The snapshot may still be on its way, while the emulator is being set up.
 */
export async function restoreMachine(
  parts: Pick<MachineParts, "wasm">,
  snapshot: Snapshot | PromiseLike<Snapshot>,
  options: MachineOptions,
): Promise<Machine> {
  const machine = await EmulatedMachine.create(parts, options, {});
  return machine.prepare(async () =>
    restoreFresh(machine.emulator, await snapshot, machine.memory, machine.bridge, options.p9),
  );
}

class EmulatedMachine implements Machine {
  readonly bridge: P9Bridge;
  readonly agent: ByteLink;
  readonly #port: AgentPort;
  readonly #serial: SerialText;
  #dead = false;
  #failed = false;

  private constructor(
    readonly emulator: Emulator,
    readonly memory: number,
    private readonly options: MachineOptions,
    bridge: P9Bridge,
  ) {
    this.bridge = bridge;
    bridge.attach(emulator);
    this.agent = this.#port = new AgentPort(emulator);
    this.#serial = new SerialText(emulator, (text) => options.onConsole?.(text));
    delayJit(emulator.v86);
    installYield(emulator.v86, (error) => {
      this.#fail(error instanceof Error ? error.message : String(error));
    });
    // There is no firmware to reboot into, so a reboot (a panic, with panic=-1) is the end.
    emulator.v86.cpu.reboot_internal = () => {
      throw new Error("the guest rebooted, which is what its kernel does after a panic");
    };
    emulator.add_listener("cpu-event-halt", () => {
      this.#fail("the guest halted its CPU");
    });
  }

  static async create(
    parts: Pick<MachineParts, "wasm">,
    options: MachineOptions,
    images: { bzimage?: { buffer: ArrayBuffer }; initrd?: { buffer: ArrayBuffer }; cmdline?: string },
  ): Promise<EmulatedMachine> {
    const memory = options.memory ?? DEFAULT_MEMORY;
    const bridge = new P9Bridge(options.p9);
    const emulator = new V86({
      ...images,
      wasm_fn: async (imports) => (await WebAssembly.instantiate(parts.wasm, imports)).exports,
      memory_size: memory * MIB,
      vga_memory_size: MIB,
      disable_keyboard: true,
      disable_mouse: true,
      disable_speaker: true,
      autostart: false,
      filesystem: { handle9p: bridge.handle },
      virtio_console: { type: "none" },
      // Without a relay: frames go nowhere for now, but the device is part of every snapshot.
      net_device: { type: "virtio", mtu: 9000 },
      preserve_mac_from_state_image: true,
    }) as unknown as Emulator;
    await loaded(emulator);
    return new EmulatedMachine(emulator, memory, options, bridge);
  }

  /** Runs the last step before the machine may run; a machine that cannot take it is taken down. */
  async prepare(step: () => void | Promise<void>): Promise<Machine> {
    try {
      await step();
    } catch (error) {
      await this.destroy();
      throw error;
    }
    return this;
  }

  typeConsole(text: string): void {
    if (this.#dead) return;
    for (const byte of new TextEncoder().encode(text)) this.emulator.bus.send("serial0-input", byte);
  }

  run(): void {
    if (!this.#dead && !this.#failed) void this.emulator.run();
  }

  async stop(): Promise<void> {
    if (this.#dead) return;
    const stopped = this.emulator.stop();
    // An idle CPU sleeps up to a timer tick or longer; wake it so that it notices.
    if (this.emulator.is_running() && this.emulator.v86.idle) this.emulator.v86.next_tick(0);
    await stopped;
  }

  async save(): Promise<Snapshot> {
    if (this.#dead || this.#failed)
      throw new Error("The machine is no longer running, so it cannot be saved.");
    const running = this.emulator.is_running();
    await this.stop();
    try {
      return saveStopped(this.emulator, this.memory, this.bridge, this.options.p9);
    } finally {
      if (running) this.run();
    }
  }

  async destroy(): Promise<void> {
    if (this.#dead) return;
    await this.stop();
    this.#dead = true;
    this.#serial.flush();
    this.#port.close();
    this.bridge.close();
    await this.emulator.destroy();
  }

  #fail(reason: string): void {
    if (this.#failed || this.#dead) return;
    this.#failed = true;
    const { v86 } = this.emulator;
    v86.unregister_yield();
    v86.running = false;
    v86.bus.send("emulator-stopped");
    const words = this.#serial.tail.trim();
    this.options.onFailure?.(
      new Error(`The machine stopped: ${reason}.${words ? ` Its last words: ${words}` : ""}`),
    );
  }
}

function loaded(emulator: Emulator): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new Error(
          `The emulator did not load within ${String(LOAD_TIMEOUT_MS / 1000)} s. Reload the page to try again.`,
        ),
      );
    }, LOAD_TIMEOUT_MS);
    emulator.add_listener("emulator-loaded", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** v86 takes whole ArrayBuffers and writes into the kernel's header, so it gets a copy. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
