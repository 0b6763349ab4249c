import type { Cpu } from "./internals";

/** `init_on_free` keeps freed memory out of snapshots; `panic=-1` turns a panic into a reboot, which the machine reports. */
export const COMMAND_LINE =
  "quiet console=ttyS0 tsc=reliable random.trust_cpu=on nowatchdog init_on_free=on panic=-1";

/** Where v86 puts the kernel's real-mode part. */
const SETUP = 0x80000;
/** Ours: the zero page, and the stack the kernel starts on. */
const PARAMS = 0x90000;
const STACK = 0x8f000;
/** Interrupt lines of PCI pins A … D, as a PC BIOS would route them. */
const PCI_LINES = [10, 11, 10, 11] as const;
const RAM = 1;
const RESERVED = 2;

/**
 * Puts a freshly loaded CPU where a boot loader would: flat 32-bit protected mode at the kernel's entry, with the
 * zero page and the PCI interrupt routing that a BIOS would have left. v86 has already copied kernel, initrd and
 * command line into memory. (Linux Documentation/arch/x86/boot.rst, "32-bit Boot Protocol".)
 */
export function enterKernel(cpu: Cpu): void {
  const entry = writeZeroPage(cpu);
  enterProtectedMode(cpu, entry);
  routePciInterrupts(cpu);
}

/** Returns the entry point, the header's code32_start. */
function writeZeroPage(cpu: Cpu): number {
  const setup = cpu.read_blob(SETUP, 4096).slice();
  const params = new Uint8Array(4096);
  const view = new DataView(params.buffer);
  // The setup header runs from 0x1f1 to 0x202 + the byte at 0x201.
  params.set(setup.subarray(0x1f1, 0x202 + (setup[0x201] ?? 0)), 0x1f1);
  if (view.getUint32(0x202, true) !== 0x53726448) {
    throw new Error("The kernel is not a bzImage: no HdrS signature. Rebuild it with kernel/build.sh.");
  }
  view.setUint8(0x210, 0xff); // type_of_loader: undefined
  const memory = cpu.memory_size[0] ?? 0;
  const e820 = [
    [0, 0x9fc00, RAM],
    [0x9fc00, 0x400, RESERVED],
    [0xf0000, 0x10000, RESERVED],
    [0x100000, memory - 0x100000, RAM],
  ] as const;
  view.setUint8(0x1e8, e820.length);
  e820.forEach(([start, length, kind], i) => {
    const at = 0x2d0 + 20 * i;
    view.setUint32(at, start, true);
    view.setUint32(at + 8, length, true);
    view.setUint32(at + 16, kind, true);
  });
  cpu.write_blob(params, PARAMS);
  return view.getUint32(0x214, true) || 0x100000;
}

function enterProtectedMode(cpu: Cpu, entry: number): void {
  const CODE = 1;
  cpu.cr[0] = 1;
  cpu.protected_mode[0] = 1;
  cpu.is_32[0] = 1;
  cpu.stack_size_32[0] = 1;
  cpu.flags[0] = 2;
  cpu.flags_changed[0] = 0;
  cpu.cpl[0] = 0;
  for (let i = 0; i < 6; i++) {
    cpu.segment_is_null[i] = 0;
    cpu.segment_offsets[i] = 0;
    cpu.segment_limits[i] = 0xffffffff;
    cpu.segment_access_bytes[i] = i === CODE ? 0x9b : 0x93;
    cpu.sreg[i] = i === CODE ? 0x10 : 0x18;
  }
  const [EBX, ESP, EBP, ESI, EDI] = [3, 4, 5, 6, 7];
  cpu.reg32[ESI] = PARAMS;
  cpu.reg32[ESP] = STACK;
  cpu.reg32[EBP] = cpu.reg32[EDI] = cpu.reg32[EBX] = 0;
  cpu.instruction_pointer[0] = entry;
  cpu.update_state_flags();
  cpu.full_clear_tlb();
}

function routePciInterrupts(cpu: Cpu): void {
  const { pci } = cpu.devices;
  PCI_LINES.forEach((line, pin) => {
    pci.isa_bridge_space8[0x60 + pin] = line;
  });
  pci.device_spaces.forEach((space, id) => {
    // Config register 0x3c: interrupt line in the low byte, pin (1 … 4, 0 for none) above it.
    const register = space?.[0xf] ?? 0;
    const pin = (register >> 8) & 0xff;
    if (!space || !pin) return;
    const line = PCI_LINES[(pin - 1 + (((id >> 3) - 1) & 0xff)) & 3] ?? 0;
    space[0xf] = (register & ~0xff) | line;
  });
  // Edge/level control: lines 10 and 11 are level-triggered.
  const elcr = 10;
  const pic = new Uint8Array(cpu.wasm_memory.buffer, cpu.get_pic_addr_slave(), 13);
  pic[elcr] = (pic[elcr] ?? 0) | (1 << 2) | (1 << 3);
}
