/** Reads what a page asks of the frame: every argument checked and bounded before anything acts on it. */
import type { ExecOptions, SandboxEvent } from "../../emulator/control/api";
import { CALLS, EVENTS, isObject, LIMITS, shown, type CallName } from "./protocol";

export class CallError extends Error {
  readonly code = "bad-call";
}

/** Id and name of a call; the id is undefined when there is none to answer to. */
export function readCall(
  data: unknown,
): { id: number; call: CallName; args: readonly unknown[] } | CallError {
  if (!isObject(data)) return new CallError("A message must be an object { id, call, args }.");
  const { id, call, args } = data;
  if (typeof id !== "number" || !Number.isSafeInteger(id))
    return new CallError("A call needs a whole number as its id.");
  const known = CALLS.find((name) => name === call);
  if (known === undefined)
    return new CallError(`There is no call “${shown(call)}”; known calls: ${CALLS.join(", ")}.`);
  if (!Array.isArray(args) || args.length > 4)
    return new CallError(`${known}: args must be a list of at most 4.`);
  return { id, call: known, args: args as readonly unknown[] };
}

const EXEC_OPTIONS = ["container", "machine", "cwd", "env", "stdin", "timeoutMs", "maxOutput"] as const;

/** Arguments of `exec`. */
export function readExec([argv, options = {}]: readonly unknown[]): {
  argv: string[];
  options: Omit<ExecOptions, "signal">;
} {
  const words = texts("argv", argv, LIMITS.argv);
  if (words.length === 0) throw new CallError("exec: argv is empty; it needs the name of a program.");
  if (!isObject(options)) throw new CallError("exec: the options must be an object.");
  const read: Omit<ExecOptions, "signal"> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    switch (name as (typeof EXEC_OPTIONS)[number]) {
      case "container":
        read.container = typeof value === "string" ? text(name, value) : texts(name, value, 32);
        break;
      case "machine":
        read.machine = text(name, value);
        break;
      case "cwd":
        read.cwd = text(name, value);
        break;
      case "env":
        read.env = variables(value);
        break;
      case "stdin":
        read.stdin = input(value);
        break;
      case "timeoutMs":
        read.timeoutMs = amount(name, value, 3_600_000);
        break;
      case "maxOutput":
        read.maxOutput = amount(name, value, 16 * 1024 * 1024);
        break;
      default:
        throw new CallError(
          `exec: there is no option “${shown(name)}”; known options: ${EXEC_OPTIONS.join(", ")}, signal.`,
        );
    }
  }
  return { argv: words, options: read };
}

/** The argument of `type`. */
export function readType([value]: readonly unknown[]): string {
  if (typeof value !== "string") throw new CallError("type: the text must be a string.");
  if (value.length > LIMITS.typeChars)
    throw new CallError(`type: ${value.length} characters; at most ${LIMITS.typeChars} at once.`);
  return value;
}

/** The argument of `listen`. */
export function readEvent([value]: readonly unknown[]): SandboxEvent {
  const event = EVENTS.find((name) => name === value);
  if (event === undefined)
    throw new CallError(`listen: there is no event “${shown(value)}”; known: ${EVENTS.join(", ")}.`);
  return event;
}

function text(name: string, value: unknown): string {
  if (typeof value !== "string") throw new CallError(`exec: ${name} must be a string.`);
  if (value.length > LIMITS.text)
    throw new CallError(`exec: ${name} has ${value.length} characters; at most ${LIMITS.text}.`);
  return value;
}

function texts(name: string, value: unknown, most: number): string[] {
  if (!Array.isArray(value)) throw new CallError(`exec: ${name} must be a list of strings.`);
  if (value.length > most) throw new CallError(`exec: ${name} has ${value.length} entries; at most ${most}.`);
  let chars = 0;
  return value.map((entry: unknown) => {
    if (typeof entry !== "string") throw new CallError(`exec: ${name} must be a list of strings.`);
    chars += entry.length;
    if (chars > LIMITS.argvChars)
      throw new CallError(`exec: ${name} is longer than ${LIMITS.argvChars} characters.`);
    return entry;
  });
}

function variables(value: unknown): Record<string, string> {
  if (!isObject(value)) throw new CallError("exec: env must be an object of strings.");
  const entries = Object.entries(value);
  texts("env", entries.flat(), 2 * LIMITS.argv);
  return Object.fromEntries(entries) as Record<string, string>;
}

function input(value: unknown): string | Uint8Array {
  const size = typeof value === "string" ? value.length : value instanceof Uint8Array ? value.byteLength : -1;
  if (size < 0) throw new CallError("exec: stdin must be a string or a Uint8Array.");
  if (size > LIMITS.stdinBytes)
    throw new CallError(`exec: stdin has ${size} bytes; at most ${LIMITS.stdinBytes}.`);
  return value as string | Uint8Array;
}

function amount(name: string, value: unknown, most: number): number {
  if (typeof value !== "number" || !(value >= 0 && value <= most))
    throw new CallError(`exec: ${name} must be a number from 0 to ${most}.`);
  return Math.trunc(value);
}
