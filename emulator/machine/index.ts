export { bootMachine, restoreMachine, DEFAULT_MEMORY } from "./machine";
export { unpackSnapshot, type PackedSnapshot } from "./unpack";
export type { ByteLink, Machine, MachineOptions, MachineParts, P9Server, Snapshot } from "./types";
