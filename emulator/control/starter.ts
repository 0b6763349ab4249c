/** How a sandbox gets its machine: the seam between the page's downloads and Node's files. */
import { V86_VERSION, type Machine, type MachineOptions, type Snapshot } from "../machine";
import type { BootProgress } from "./api";

export interface StartContext extends MachineOptions {
  progress(phase: BootProgress["phase"], bytes?: number, total?: number): void;
  /** Aborted when the sandbox is stopped or gives up. */
  signal: AbortSignal;
}

export interface MachineStarter {
  /** The machine boots from nothing, which takes longer than a restore. */
  cold: boolean;
  /** A machine ready to run. Errors carry a sentence to show. */
  start(context: StartContext): Promise<Machine>;
  /** Names what is in the machine that `start` gave (`buildName`); snapshots fit only their own build. */
  build(): string;
  /** A machine in a saved state, ready to run, without any download. After `start` only. */
  restore(snapshot: Snapshot, options: MachineOptions): Promise<Machine>;
}

/** The same in a page and under Node; `kernel` and `initrd` name their content. */
export function buildName(kernel: string, initrd: string): string {
  return `v86-${V86_VERSION}/${kernel}/${initrd}`;
}
