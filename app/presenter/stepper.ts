/** The talk as a state machine: which slide, how many of its commands have been run, and what the next key does. Pure. */
import type { Slide } from "../../tutorials/types";

/** One command line and the terminal it belongs to. */
export interface Line {
  readonly text: string;
  readonly terminal: string;
  /** Names from the outermost container; absent: the guest host. */
  readonly container?: readonly string[];
}

/** `typing`: the line is being typed; `typed`: it stands at the prompt and waits for Enter. */
export type Phase = "ready" | "typing" | "typed";

export interface Position {
  readonly slide: number;
  /** For each slide, how many of its commands have been run (or given up): going back never un-runs. */
  readonly done: readonly number[];
  readonly phase: Phase;
}

export type StepEvent =
  | "next"
  | "back"
  | "first"
  | "last"
  | { readonly goto: number }
  /** The typist has written the whole line. */
  | "typed"
  /** The presenter pressed Enter in the terminal. */
  | "entered"
  /** The line could not be typed; it is passed over. */
  | "failed";

/** What the stage has to do: type the current line, hurry that up, press Enter, or take the line back. */
export type Effect = "type" | "finish" | "enter" | "erase";

export interface Step {
  readonly position: Position;
  readonly effect?: Effect;
}

export function linesOf(slide: Slide): Line[] {
  return slide.commands.flatMap(({ lines, terminal, container }) =>
    lines.map((text) => ({ text, terminal, ...(container && { container }) })),
  );
}

export function startOf(slides: number, at = 0): Position {
  const slide = Number.isInteger(at) ? Math.min(Math.max(at, 0), Math.max(slides - 1, 0)) : 0;
  return { slide, done: Array.from({ length: slides }, () => 0), phase: "ready" };
}

/** `counts`: the number of command lines of each slide. An event that means nothing now changes nothing. */
export function step(counts: readonly number[], position: Position, event: StepEvent): Step {
  const { slide, done, phase } = position;
  const last = counts.length - 1;

  if (typeof event === "object") return leave(position, event.goto, last);
  switch (event) {
    case "next":
      if (phase === "typing") return { position, effect: "finish" };
      if (phase === "typed") return { position: passed(position), effect: "enter" };
      if ((done[slide] ?? 0) < (counts[slide] ?? 0))
        return { position: { ...position, phase: "typing" }, effect: "type" };
      return { position: { ...position, slide: Math.min(slide + 1, last) } };
    case "back":
      if (phase !== "ready") return { position: { ...position, phase: "ready" }, effect: "erase" };
      return { position: { ...position, slide: Math.max(slide - 1, 0) } };
    case "first":
      return leave(position, 0, last);
    case "last":
      return leave(position, last, last);
    case "typed":
      return { position: phase === "typing" ? { ...position, phase: "typed" } : position };
    case "entered":
    case "failed":
      return { position: phase === "ready" ? position : passed(position) };
  }
}

/** Also what stands at a prompt but was not entered is taken back: it belongs to the slide that is left. */
function leave(position: Position, to: number, last: number): Step {
  if (!Number.isInteger(to) || to < 0 || to > last) return { position };
  const moved: Position = { ...position, slide: to, phase: "ready" };
  return position.phase === "ready" ? { position: moved } : { position: moved, effect: "erase" };
}

function passed(position: Position): Position {
  const done = position.done.map((count, slide) => (slide === position.slide ? count + 1 : count));
  return { ...position, done, phase: "ready" };
}
