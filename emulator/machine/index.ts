export { bootMachine, restoreMachine, DEFAULT_MEMORY } from "./machine";
export { unpackSnapshot, type PackedSnapshot } from "./unpack";
export { V86_VERSION } from "./snapshot";
export type { ByteLink, Machine, MachineOptions, MachineParts, P9Server, Snapshot } from "./types";
