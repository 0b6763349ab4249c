import type { Emulator } from "./internals";
import type { P9Bridge, PendingRequest } from "./p9";
import type { P9Server, Snapshot } from "./types";

/** The emulator whose state format and internals this folder knows. */
export const V86_VERSION = "0.5.462";
/** Descriptors in the 9P device's ring. */
const MAX_PENDING = 1024;

interface Companion {
  format: 1;
  v86: string;
  /** MiB. */
  memory: number;
  pending: PendingRequest[];
  p9: unknown;
}

/** Saves a stopped machine. Synchronous, so that no 9P reply can fall between the parts. */
export function saveStopped(
  emulator: Emulator,
  memory: number,
  bridge: P9Bridge,
  server: P9Server,
): Snapshot {
  let state = new ArrayBuffer(0);
  const pending = bridge.park(() => {
    state = emulator.v86.save_state();
  });
  const companion: Companion = { format: 1, v86: V86_VERSION, memory, pending, p9: server.save() };
  return { state: new Uint8Array(state), companion };
}

/** Loads a snapshot into a fresh, stopped emulator made with the same options; pending 9P requests are asked again. */
export async function restoreFresh(
  emulator: Emulator,
  snapshot: Snapshot,
  memory: number,
  bridge: P9Bridge,
  server: P9Server,
): Promise<void> {
  const companion = readCompanion(snapshot.companion, memory);
  await server.restore(companion.p9);
  const { cpu } = emulator.v86;
  // v86 replaces these three views of the CPU's registers by plain arrays, so the values never reach the CPU and
  // flags come back wrong; keep the views and write through them.
  const views = { last_result: cpu.last_result, fpu_status_word: cpu.fpu_status_word, mxcsr: cpu.mxcsr };
  // It would first zero the whole memory, which is zero in a fresh emulator: 200 ms, and every page of it made resident.
  const { zero_memory: zeroMemory } = cpu;
  cpu.zero_memory = () => undefined;
  try {
    emulator.v86.restore_state(snapshot.state);
  } finally {
    cpu.zero_memory = zeroMemory;
  }
  for (const name of ["last_result", "fpu_status_word", "mxcsr"] as const) {
    const saved = cpu[name][0];
    if (saved === undefined)
      throw new Error(`The snapshot lacks the CPU's ${name}: it was not made by v86 ${V86_VERSION}.`);
    views[name][0] = saved;
    cpu[name] = views[name];
  }
  bridge.replay(companion.pending);
}

/** The companion, or an Error that says why it cannot be restored into a machine of `memory` MiB. */
export function readCompanion(value: unknown, memory: number): Companion {
  const companion = value as Partial<Companion> | null;
  if (typeof companion !== "object" || companion?.format !== 1 || !isPending(companion.pending)) {
    throw new Error(
      "The snapshot's description is not one of this version. Build it again with `npm run snapshot`.",
    );
  }
  if (companion.v86 !== V86_VERSION) {
    throw new Error(
      `The snapshot was made by v86 ${String(companion.v86)}, this is ${V86_VERSION}. Build it again.`,
    );
  }
  if (companion.memory !== memory) {
    throw new Error(
      `The snapshot is of a machine with ${String(companion.memory)} MiB, asked for were ${String(memory)} MiB. Use the same size.`,
    );
  }
  return companion as Companion;
}

function isPending(value: unknown): value is PendingRequest[] {
  const u16 = (number: unknown) => Number.isInteger(number) && (number as number) >>> 16 === 0;
  return (
    Array.isArray(value) &&
    value.length <= MAX_PENDING &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(u16))
  );
}
