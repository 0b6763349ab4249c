/** A lesson's named terminals on real ptys, as the page has them, with what they showed. */
import type { Terminal } from "../../emulator/control/api";
import type { Sandbox } from "../../emulator/control/sandbox";
import { typeLines, type Keyboard } from "../../app/lessons/typing";
import type { Command } from "../../tutorials/types";

const KEPT = 16_384;

class LessonTerminal implements Keyboard {
  shown = "";
  ended = false;
  fresh = true;
  readonly #handlers = new Set<(text: string) => void>();

  constructor(private readonly pty: Terminal) {
    const decoder = new TextDecoder();
    pty.onData((data, consumed) => {
      const text = decoder.decode(data, { stream: true });
      this.shown = (this.shown + text).slice(-KEPT);
      consumed();
      for (const handler of this.#handlers) handler(text);
    });
    const end = (how: string) => () => {
      this.ended = true;
      this.shown += `\n[${how}]\n`;
    };
    pty.exited.then(end("the shell has ended"), end("the machine has stopped"));
  }

  write(text: string): void {
    this.pty.write(text);
  }

  onOutput(handler: (text: string) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  close(): void {
    this.pty.close();
  }
}

export class LessonTerminals {
  readonly #open = new Map<string, LessonTerminal>();
  /** The one typed into last. */
  #last: LessonTerminal | undefined;

  constructor(private readonly sandbox: Sandbox) {}

  async type({ terminal, container, lines }: Command): Promise<void> {
    const key = [terminal, ...(container ?? [])].join("/");
    let open = this.#open.get(key);
    if (!open || open.ended) {
      const options = { cols: 100, rows: 30, ...(container ? { container } : {}) };
      open = new LessonTerminal(await this.sandbox.terminals.open(options));
      this.#open.set(key, open);
    }
    this.#last = open;
    const { fresh } = open;
    open.fresh = false;
    await typeLines(open, lines, { fresh });
  }

  /** The last lines of the terminal typed into last, without escape sequences. */
  tail(lines = 30): string {
    const text = (this.#last?.shown ?? "")
      // eslint-disable-next-line no-control-regex -- removing escape sequences is the purpose
      .replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "")
      .replace(/\r/g, "");
    return text.split("\n").slice(-lines).join("\n");
  }

  close(): void {
    for (const terminal of this.#open.values()) terminal.close();
  }
}
