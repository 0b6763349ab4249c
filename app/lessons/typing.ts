/** Types lines into a shell one after the other, each when the one before has ended: what is typed ahead may go to the wrong program. */

/** A terminal as the typist sees it. */
export interface Keyboard {
  write(text: string): void;
  /** Hears the program's output as text; returns what stops that. */
  onOutput(handler: (text: string) => void): () => void;
}

export interface TypingOptions {
  signal?: AbortSignal;
  /** The shell has just been started: its first prompt is waited for. */
  fresh?: boolean;
  /** Without a prompt, the next line comes when nothing was printed for this long. Default 8 s. */
  quietMs?: number;
}

/** A shell's or program's prompt at the end of the output, and perhaps its question for the cursor's position. */
// eslint-disable-next-line no-control-regex -- escape sequences are what is read
const PROMPT = /(?:^|[\r\n])[^\r\n]{0,300}(?:[#$>] |[#$>])(?:\x1b\[[0-9;?]*[A-Za-z])*$/;
/** More output right after a prompt means that it was none. */
const SETTLE_MS = 80;
const QUIET_MS = 8000;
const FIRST_PROMPT_MS = 5000;
const TAIL = 600;
/** Deletes what stands at the prompt half typed. */
const ERASE_LINE = "\x15";

/** Resolves when the last line has ended or gone quiet; rejects with the signal's reason when aborted. */
export async function typeLines(
  keyboard: Keyboard,
  lines: readonly string[],
  { signal, fresh = false, quietMs = QUIET_MS }: TypingOptions = {},
): Promise<void> {
  const listener = new Listener(keyboard);
  try {
    if (fresh) await listener.prompt(FIRST_PROMPT_MS, signal, false);
    for (const [at, line] of lines.entries()) {
      signal?.throwIfAborted();
      listener.forget();
      keyboard.write(`${at === 0 && !fresh ? ERASE_LINE : ""}${line}\r`);
      await listener.prompt(quietMs, signal, true);
    }
  } finally {
    listener.close();
  }
}

class Listener {
  #tail = "";
  #answered = false;
  #heard: () => void = () => undefined;
  readonly close: () => void;

  constructor(keyboard: Keyboard) {
    this.close = keyboard.onOutput((text) => {
      this.#answered ||= text.includes("\n");
      this.#tail = (this.#tail + text).slice(-TAIL);
      this.#heard();
    });
  }

  forget(): void {
    this.#tail = "";
    this.#answered = false;
  }

  /** `afterLine`: only a prompt after the echoed line's end counts. */
  prompt(quietMs: number, signal: AbortSignal | undefined, afterLine: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout>;
      const end = (): void => {
        clearTimeout(timer);
        this.#heard = () => undefined;
        signal?.removeEventListener("abort", abort);
      };
      const abort = (): void => {
        end();
        reject(signal?.reason instanceof Error ? signal.reason : new Error("Typing was stopped."));
      };
      const wait = (): void => {
        clearTimeout(timer);
        const prompted = (this.#answered || !afterLine) && PROMPT.test(this.#tail);
        timer = setTimeout(
          () => {
            end();
            resolve();
          },
          prompted ? SETTLE_MS : quietMs,
        );
      };
      if (signal?.aborted) {
        abort();
        return;
      }
      signal?.addEventListener("abort", abort);
      this.#heard = wait;
      wait();
    });
  }
}
