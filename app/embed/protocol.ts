/**
 * What a page and a box's frame say to each other. First two messages between the windows, with the origins checked;
 * then everything on a MessagePort that only the two have. Version 1; another version is answered with an error.
 */
import type { SandboxEvent } from "../../emulator/control/api";

export const VERSION = 1;

/** Frame → page, by window: the frame is there and waits for `Hello`, or says why it will never be. */
export type Announcement =
  | { nestbox: typeof VERSION; type: "here"; container: string }
  | { nestbox: typeof VERSION; type: "failed"; reason: string }
  | { nestbox: typeof VERSION; type: "error"; message: string };

/** Page → frame, by window, with one MessagePort: from now on the port is used. */
export interface Hello {
  nestbox: typeof VERSION;
  type: "hello";
}

/** Page → frame on the port. `machine` and the answer to `share` carry a MessagePort. */
export interface Call {
  id: number;
  call: CallName;
  args: readonly unknown[];
}

export const CALLS = ["ready", "exec", "cancel", "type", "listen", "share", "machine", "lost"] as const;
export type CallName = (typeof CALLS)[number];

/** Frame → page on the port. `id: null` answers what had no usable id. */
export type FrameMessage =
  | { id: number; value: unknown }
  | { id: number | null; error: PlainReason }
  | { event: SandboxEvent; detail: unknown }
  /** The box needs a machine: the page answers with the call `machine`. */
  | { ask: "machine" }
  /** The box's program runs in a new container. */
  | { container: string }
  /** The machine this frame owned is gone. */
  | { gone: string };

export interface PlainReason {
  code: string;
  message: string;
}

export const EVENTS: readonly SandboxEvent[] = [
  "progress",
  "containers",
  "images",
  "pull",
  "console",
  "restored",
  "problem",
];

/** Bounds on what a page may send; beyond them it gets an error. */
export const LIMITS = {
  /** Calls under way. */
  calls: 64,
  argv: 1024,
  /** Characters in an argument list, or of all variables. */
  argvChars: 128 * 1024,
  stdinBytes: 4 * 1024 * 1024,
  typeChars: 16 * 1024,
  /** Longest text of any other kind. */
  text: 4096,
} as const;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A message of this protocol, whatever its version; undefined for everything else that windows are sent. */
export function versionOf(data: unknown): number | "unreadable" | undefined {
  if (!isObject(data) || !("nestbox" in data)) return undefined;
  return typeof data["nestbox"] === "number" ? data["nestbox"] : "unreadable";
}

/** Text for a message: one line, bounded. */
export function shown(value: unknown, most = 80): string {
  const text = typeof value === "string" ? value : typeof value;
  // eslint-disable-next-line no-control-regex -- removing control characters is the purpose
  const line = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ");
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
