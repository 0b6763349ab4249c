/** Watches one terminal's program from the side: has it prompted, is it a full-screen one, did the presenter press Enter. */
import type { Nestbox, Terminal } from "../../emulator/control/api";

/** Nothing printed for this long: the prompt is there. */
const QUIET_MS = 60;
/** A program that never is quiet does not hold up the script for longer. */
const NOISY_MS = 1500;
const LOOK_EVERY_MS = 20;
/** Alternate screen on or off. */
// eslint-disable-next-line no-control-regex -- an escape sequence is what is looked for
const SCREEN = /\x1b\[\?(?:1049|1047|47)([hl])/g;
/** Longest beginning of such a sequence that may end a chunk. */
const TAIL = 8;

type Machine = Pick<Nestbox, "ready" | "terminals">;

export class Watch implements Machine {
  /** Why the program could not be started. */
  failure: Error | undefined;
  #printedAt: number | undefined;
  #alternate = false;
  #tail = "";
  #ours = false;

  constructor(
    private readonly nestbox: Pick<Nestbox, "terminals">,
    private readonly prepared: () => Promise<void>,
    /** Enter came from the keyboard, not from `ours`. */
    private readonly onEnter: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get ready(): Promise<void> {
    return this.prepared();
  }

  readonly terminals: Nestbox["terminals"] = {
    open: async (options) => {
      this.forget();
      try {
        return this.#wrap(await this.nestbox.terminals.open(options));
      } catch (cause) {
        this.failure = cause instanceof Error ? cause : new Error(String(cause));
        throw cause;
      }
    },
  };

  /** A program that draws the whole screen (an editor, a pager) is in front. */
  get fullScreen(): boolean {
    return this.#alternate;
  }

  /** What `write` sends into the terminal meanwhile is the script's, not the presenter's. */
  ours(write: () => void): void {
    this.#ours = true;
    try {
      write();
    } finally {
      this.#ours = false;
    }
  }

  /** The program is about to be started again. */
  forget(): void {
    this.failure = undefined;
    this.#printedAt = undefined;
    this.#alternate = false;
    this.#tail = "";
  }

  /**
   * Resolves when the program has printed something and then been quiet. Rejects when it could not be started, after
   * `timeoutMs`, and when `signal` aborts.
   */
  async prompted(timeoutMs: number, signal: AbortSignal): Promise<void> {
    for (const began = this.now(); ;) {
      signal.throwIfAborted();
      const now = this.now();
      if (this.failure) throw this.failure;
      const printedAt = this.#printedAt;
      if (printedAt !== undefined && (now - printedAt >= QUIET_MS || now - began >= NOISY_MS)) return;
      if (now - began > timeoutMs)
        throw new Error(`Its shell has shown no prompt for ${timeoutMs / 1000} s; the machine may be busy.`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  #wrap(terminal: Terminal): Terminal {
    return {
      id: terminal.id,
      exited: terminal.exited,
      write: (data) => {
        terminal.write(data);
        if (!this.#ours && typeof data === "string" && data.includes("\r")) this.onEnter();
      },
      resize: (cols, rows) => terminal.resize(cols, rows),
      close: () => terminal.close(),
      onData: (handler) =>
        terminal.onData((data, consumed) => {
          this.#note(data);
          handler(data, consumed);
        }),
    };
  }

  #note(data: Uint8Array): void {
    this.#printedAt = this.now();
    // Most output has no escape at all; floods must stay cheap.
    if (this.#tail === "" && !data.includes(0x1b)) return;
    const text = this.#tail + new TextDecoder("latin1").decode(data);
    for (const [, mode] of text.matchAll(SCREEN)) this.#alternate = mode === "h";
    const escape = text.lastIndexOf("\x1b");
    this.#tail = escape >= text.length - TAIL && escape >= 0 ? text.slice(escape) : "";
  }
}
