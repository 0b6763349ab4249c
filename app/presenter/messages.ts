/** What stage and notes window say to each other over a BroadcastChannel: versioned, and read with suspicion. */
import type { Phase, Position } from "./stepper";

export const CHANNEL = "nestbox-stage";
export const VERSION = 1;

export type NotesAct = "next" | "back" | "first" | "last" | "timer-reset";

interface Common {
  readonly nestbox: "stage";
  readonly v: typeof VERSION;
  /** Names one stage; a notes window without one takes the first stage of its talk. */
  readonly session: string;
  readonly talk: string;
}

/** From the stage, whenever something changed and as the answer to `hello`. */
export interface StateMessage extends Common, Position {
  readonly kind: "state";
  /** Unix milliseconds; null: the clock does not run. */
  readonly startedAt: number | null;
}

export type Message =
  | StateMessage
  /** The stage is being closed or loaded again. */
  | (Common & { readonly kind: "bye" })
  /** From the notes window, every few seconds; `session` may be "" (any). */
  | (Common & { readonly kind: "hello" })
  | (Common & { readonly kind: "left" })
  | (Common & { readonly kind: "act"; readonly act: NotesAct });

const ACTS: readonly NotesAct[] = ["next", "back", "first", "last", "timer-reset"];
const PHASES: readonly Phase[] = ["ready", "typing", "typed"];
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MOST_SLIDES = 1000;

/** The message; `"other-version"` when it is a stage's but not of this build's version; undefined: junk. */
export function readMessage(data: unknown): Message | "other-version" | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const from = data as Record<string, unknown>;
  if (from.nestbox !== "stage") return undefined;
  if (from.v !== VERSION) return "other-version";
  const { session, talk, kind } = from;
  if (typeof session !== "string" || typeof talk !== "string" || !NAME.test(talk)) return undefined;
  if (!NAME.test(session) && !(kind === "hello" && session === "")) return undefined;
  const common = { nestbox: "stage", v: VERSION, session, talk } as const;
  if (kind === "bye" || kind === "hello" || kind === "left") return { ...common, kind };
  if (kind === "act") {
    const act = ACTS.find((known) => known === from.act);
    return act && { ...common, kind, act };
  }
  return kind === "state" ? readState(common, from) : undefined;
}

function readState(common: Common, from: Record<string, unknown>): StateMessage | undefined {
  const { slide, startedAt } = from;
  const phase = PHASES.find((known) => known === from.phase);
  if (!isCount(slide) || !phase) return undefined;
  if (startedAt !== null && !(typeof startedAt === "number" && Number.isFinite(startedAt))) return undefined;
  const done: unknown = from.done;
  if (!Array.isArray(done) || done.length > MOST_SLIDES || !done.every(isCount)) return undefined;
  return { ...common, kind: "state", slide, done, phase, startedAt };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MOST_SLIDES;
}
