/** Types as a person does: character by character, with a little jitter; can be hurried and called off. */

/** Milliseconds to wait after a character. */
export type Pace = () => number;

const SLOWEST_MS = 60;
const FASTEST_MS = 30;

/** 30 … 60 ms; the same `seed` gives the same rhythm. */
export function humanPace(seed: number): Pace {
  let state = seed >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const fraction = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    return FASTEST_MS + fraction * (SLOWEST_MS - FASTEST_MS);
  };
}

export class Typist {
  #hurried = false;
  #cancelled = false;
  #wake: (() => void) | undefined;

  /** Without a pace the whole text comes at once. */
  constructor(private readonly pace: Pace | undefined) {}

  /** Resolves when all is written, or `"cancelled"`. One typist types one text. */
  async type(text: string, write: (characters: string) => void): Promise<"done" | "cancelled"> {
    const characters = Array.from(text);
    for (let at = 0; at < characters.length; at++) {
      if (this.#isCancelled()) return "cancelled";
      if (this.#hurried || !this.pace) {
        write(characters.slice(at).join(""));
        return "done";
      }
      write(characters[at] ?? "");
      if (at + 1 < characters.length) await this.#pause(this.pace());
    }
    return "done";
  }

  /** The rest at once. */
  finish(): void {
    this.#hurried = true;
    this.#wake?.();
  }

  /** Nothing more is written. */
  cancel(): void {
    this.#cancelled = true;
    this.#wake?.();
  }

  // A method, because TypeScript narrows fields across the awaits.
  #isCancelled(): boolean {
    return this.#cancelled;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
