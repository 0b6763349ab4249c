/** How a sandbox gets its machine: the seam between the page's downloads and Node's files. */
import type { Machine, MachineOptions } from "../machine";
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
}
