/**
 * A saved machine as one file: the line `NESTBOX-SNAPSHOT/1`, the length of a JSON description (u32, little-endian), the
 * description, and v86's raw state to the end. Whoever hands one in may have made it up, so all of it is checked before
 * the machine that runs is given up for it.
 */
import { isObject } from "../agent/messages";
import type { Snapshot } from "../machine";
import { SandboxError } from "./api";

/** What ended because of a restore says this, with code `stopped`. */
export const SET_BACK = "The machine was set back.";

const MAGIC = new TextEncoder().encode("NESTBOX-SNAPSHOT/1\n");
const PREFIX = MAGIC.length + 4;
const MIB = 1 << 20;
/** Most a description may be: what lies in share/ and outbox/ is in it. */
const MAX_DESCRIPTION = 400 * MIB;

interface Description {
  build: string;
  /** MiB. */
  memory: number;
  stateBytes: number;
  checksum: number;
  companion: unknown;
  containers: unknown;
}

/** What a snapshot must fit. */
export interface SnapshotPlace {
  /** Names the kernel, the guest's programs and the emulator. */
  build: string;
  /** MiB. */
  memory: number;
}

/** `containers`: the forest of that moment, shown until the engines have reported. Untrusted after `readSnapshot`. */
export interface SavedMachine {
  machine: Snapshot;
  containers: unknown;
}

export function setBack(): SandboxError {
  return new SandboxError("stopped", SET_BACK);
}

/** Rejects `too-large` when share/ and outbox/ hold more than a description can. */
export function writeSnapshot({ machine, containers }: SavedMachine, place: SnapshotPlace): Blob {
  const { state, companion } = machine;
  const description: Description = {
    ...place,
    stateBytes: state.length,
    checksum: checksum(state),
    companion,
    containers,
  };
  const text = encode(description);
  const head = new Uint8Array(PREFIX);
  head.set(MAGIC);
  new DataView(head.buffer).setUint32(MAGIC.length, text.length, true);
  return new Blob([head, text, state as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
}

/** Rejects with `unsupported`, in words, what is no snapshot, is damaged, or does not fit `place`. */
export async function readSnapshot(blob: Blob, place: SnapshotPlace): Promise<SavedMachine> {
  if (!(blob instanceof Blob)) throw refused("What was given is not a Blob");
  const head = new Uint8Array(await blob.slice(0, PREFIX).arrayBuffer());
  if (head.length < PREFIX || MAGIC.some((byte, i) => head[i] !== byte))
    throw refused("This file is not a snapshot of a Nestbox machine");
  const length = new DataView(head.buffer).getUint32(MAGIC.length, true);
  if (length > MAX_DESCRIPTION || PREFIX + length > blob.size) throw damaged("it is cut short");
  const description = decode(await blob.slice(PREFIX, PREFIX + length).text());
  const { build, memory, stateBytes } = description;
  if (build !== place.build) {
    throw refused(
      "This snapshot is of another build of Nestbox, whose machine is not this one's. Take a new one here",
    );
  }
  if (memory !== place.memory) {
    throw refused(
      `This snapshot is of a machine with ${String(memory)} MiB, this one has ${String(place.memory)} MiB. Start a machine of that size`,
    );
  }
  if (blob.size !== PREFIX + length + stateBytes)
    throw damaged(`it has ${String(blob.size)} bytes, not ${String(PREFIX + length + stateBytes)}`);
  const state = new Uint8Array(await blob.slice(PREFIX + length).arrayBuffer());
  if (checksum(state) !== description.checksum) throw damaged("its bytes are not those that were saved");
  return { machine: { state, companion: description.companion }, containers: description.containers };
}

function encode(description: Description): Uint8Array<ArrayBuffer> {
  try {
    const text = new TextEncoder().encode(JSON.stringify(description));
    if (text.length <= MAX_DESCRIPTION) return text;
  } catch (error) {
    // JavaScript has no longer strings.
    if (!(error instanceof RangeError)) throw error;
  }
  throw new SandboxError(
    "too-large",
    "The files in share/ and outbox/ are too many to go into a snapshot. Remove some of them there.",
  );
}

function decode(text: string): Description {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged("its description does not parse");
  }
  if (!isObject(value)) throw damaged("its description is none");
  const { build, memory, stateBytes, checksum: sum, companion, containers } = value;
  if (
    typeof build !== "string" ||
    !Number.isSafeInteger(memory) ||
    !Number.isSafeInteger(stateBytes) ||
    (stateBytes as number) < 0 ||
    !Number.isSafeInteger(sum)
  )
    throw damaged("its description lacks something");
  return {
    build,
    memory: memory as number,
    stateBytes: stateBytes as number,
    checksum: sum as number,
    companion,
    containers,
  };
}

/** Finds accidents, not intent; word by word, because a state has tens of megabytes. */
function checksum(bytes: Uint8Array): number {
  const words = bytes.length >>> 2;
  const aligned = bytes.byteOffset % 4 === 0;
  const view = aligned
    ? new Uint32Array(bytes.buffer, bytes.byteOffset, words)
    : new Uint32Array(bytes.slice(0, words * 4).buffer);
  let sum = bytes.length | 0;
  for (let i = 0; i < words; i++) sum = (Math.imul(sum, 31) + view[i]!) | 0;
  for (let i = words * 4; i < bytes.length; i++) sum = (Math.imul(sum, 31) + bytes[i]!) | 0;
  return sum >>> 0;
}

function refused(what: string): SandboxError {
  return new SandboxError("unsupported", `${what}. The machine runs on as it is.`);
}

function damaged(how: string): SandboxError {
  return refused(`This snapshot is damaged: ${how}. Use another`);
}
