/** The stage: a talk, its machine and terminals, and what keys do with them. */
import type { Talk } from "../../tutorials/types";
import { reasonOf, type Notices } from "../ui/notices.svelte";
import type { StageAction } from "./keys";
import type { Look } from "./look.svelte";
import { TalkMachine, type TalkNestbox } from "./machine.svelte";
import type { NotesAct } from "./messages";
import { linesOf, startOf, step, type Effect, type Line, type Position, type StepEvent } from "./stepper";
import { HOST_TERMINAL, StageTerminals, type StageTerminal } from "./terminals.svelte";
import { Typist, type Pace } from "./typist";

/** R twice within this time. */
const CONFIRM_MS = 4000;

export interface StageOptions {
  /** The slide to begin with, from 0. */
  slide?: number;
  cold?: boolean;
  /** Undefined: lines are typed at once. */
  pace: Pace | undefined;
}

export class Stage {
  readonly lines: readonly (readonly Line[])[];
  readonly machine: TalkMachine;
  readonly terminals: StageTerminals;
  position: Position = $state.raw(startOf(0));
  /** Unix milliseconds of the first key; null: the clock does not run. */
  startedAt: number | null = $state(null);
  /** R was pressed once. */
  confirming = $state(false);
  resetting = $state(false);
  /** The last line went to this terminal. */
  #at: StageTerminal | undefined;
  #typing: { typist: Typist; abort: AbortController } | undefined;
  #confirmTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #counts: readonly number[];

  constructor(
    nestbox: TalkNestbox,
    readonly talk: Talk,
    readonly look: Look,
    readonly notices: Notices,
    private readonly options: StageOptions,
  ) {
    this.lines = talk.slides.map(linesOf);
    this.#counts = this.lines.map((lines) => lines.length);
    this.position = startOf(talk.slides.length, options.slide);
    this.machine = new TalkMachine(nestbox, talk, notices, options.cold);
    this.terminals = new StageTerminals(
      nestbox,
      () => this.machine.prepared,
      (terminal) => {
        if (terminal === this.#at) this.#step("entered");
      },
    );
    this.terminals.show(HOST_TERMINAL);
  }

  get slide(): number {
    return this.position.slide;
  }

  /** The command that is typed, stands at the prompt, or comes next on this slide. */
  get line(): Line | undefined {
    return this.lines[this.slide]?.[this.position.done[this.slide] ?? 0];
  }

  /** False: not for the stage's state, the page does it (focus, windows, theme). */
  act(action: StageAction | NotesAct): boolean {
    if (action !== "reset") this.#calm();
    switch (action) {
      case "next":
      case "back":
      case "first":
      case "last":
        this.go(action);
        return true;
      case "layout":
        this.look.nextLayout();
        return true;
      case "bigger":
        this.look.bigger();
        return true;
      case "smaller":
        this.look.smaller();
        return true;
      case "reset":
        this.#reset();
        return true;
      case "timer-reset":
        this.startedAt = null;
        return true;
      default:
        return false;
    }
  }

  go(event: StepEvent): void {
    if (this.resetting) return;
    if (event === "next") this.startedAt ??= Date.now();
    this.#step(event);
  }

  #step(event: StepEvent): void {
    const { line } = this;
    const { position, effect } = step(this.#counts, this.position, event);
    this.position = position;
    if (event === "entered") this.#stopTyping();
    if (effect) this.#do(effect, line);
  }

  #do(effect: Effect, line: Line | undefined): void {
    if (effect === "type" && line) void this.#type(line);
    else if (effect === "finish") this.#typing?.typist.finish();
    else if (effect === "enter") this.#at?.send("\r");
    else if (effect === "erase") {
      this.#stopTyping();
      this.#at?.eraseLine();
    }
  }

  async #type(line: Line): Promise<void> {
    this.#stopTyping();
    const typist = new Typist(this.options.pace);
    const abort = new AbortController();
    const typing = (this.#typing = { typist, abort });
    const terminal = (this.#at = this.terminals.show(line));
    this.look.showTerminal();
    try {
      await terminal.live(abort.signal);
      if ((await typist.type(line.text, (text) => terminal.send(text))) === "done") this.#step("typed");
    } catch (cause) {
      if (abort.signal.aborted) return;
      this.notices.failure(`“${line.text}” could not be typed and is passed over`, cause);
      this.#step("failed");
    } finally {
      if (this.#typing === typing) this.#typing = undefined;
    }
  }

  #stopTyping(): void {
    this.#typing?.typist.cancel();
    this.#typing?.abort.abort();
    this.#typing = undefined;
  }

  /** Asked once, done the second time. */
  #reset(): void {
    if (this.resetting) return;
    if (!this.confirming) {
      this.confirming = true;
      this.#confirmTimer = setTimeout(() => this.#calm(), CONFIRM_MS);
      return;
    }
    this.#calm();
    void this.startAnew();
  }

  #calm(): void {
    clearTimeout(this.#confirmTimer);
    this.confirming = false;
  }

  /** Machine, terminals, slides and clock back to the talk's start. Never rejects: what went wrong is shown. */
  async startAnew(how: () => Promise<void> = () => this.machine.reset()): Promise<void> {
    if (this.resetting) return;
    this.resetting = true;
    this.#stopTyping();
    this.#at = undefined;
    this.terminals.closeAll();
    this.startedAt = null;
    this.position = startOf(this.talk.slides.length);
    try {
      await how();
    } catch (cause) {
      // A machine that did not start says so itself, with what can be done.
      if (!this.machine.boot.failure) this.notices.failure("The machine could not be set back", cause);
      console.warn(`Not set back: ${reasonOf(cause)}`);
    } finally {
      this.resetting = false;
      this.terminals.show(HOST_TERMINAL);
    }
  }
}
