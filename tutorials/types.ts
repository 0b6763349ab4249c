/** What the build makes of `tutorials/` (FORMAT.md): plain data for the player and the stage. HTML comes from our own Markdown only. */

/** Lines for a terminal; absent `container`: a shell on the host. */
export interface Command {
  lines: string[];
  /** Name of the terminal, default "host". */
  terminal: string;
  /** Path from the outermost container. */
  container?: string[];
}

export interface Task {
  id: string;
  title: string;
  run: string;
  expect: string;
  hintcheck?: string;
  failcheck?: string;
  needs: string[];
  /** Seconds. */
  timeout: number;
  machine: string;
  container?: string[];
  terminal: string;
  solution: string[];
  undo: string[];
}

export type View = "nesting" | "containers" | "terminal" | "preview";

export type Block =
  | { kind: "html"; html: string }
  | { kind: "command"; command: Command }
  | { kind: "task"; id: string }
  | { kind: "hint"; title: string; blocks: Block[] }
  | { kind: "quiz"; question: string; options: { html: string; right: boolean }[]; explanation: string }
  | { kind: "look"; text: string; view: View };

export interface Step {
  slug: string;
  title: string;
  tasks: Task[];
  blocks: Block[];
}

export interface LessonSummary {
  /** "<course>/<NN-lesson>" */
  id: string;
  title: string;
  summary: string;
  minutes: number;
  steps: number;
}

export interface Lesson extends LessonSummary {
  intro: Block[];
  images: string[];
  setup?: string;
  content: Step[];
}

export interface Course {
  id: string;
  title: string;
  summary: string;
  lessons: LessonSummary[];
}

export interface Slide {
  html: string;
  commands: Command[];
  /** HTML for the speaker. */
  notes: string;
}

export interface TalkSummary {
  id: string;
  title: string;
  minutes: number;
}

export interface Talk extends TalkSummary {
  images: string[];
  setup?: string;
  slides: Slide[];
}
