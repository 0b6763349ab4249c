/** The stage's terminals by the names that the talk gives them: opened when a command wants one, again when it has ended. */
import type { Nestbox } from "../../emulator/control/api";
import { TerminalTab, type Place } from "../playground/terminals.svelte";
import { levelOf } from "../ui/depth";
import type { Line } from "./stepper";
import { Watch } from "./watch";

type Named = Pick<Line, "terminal" | "container">;

/** What most talks use, and what is open from the start. */
export const HOST_TERMINAL: Named = { terminal: "host" };
const PROMPT_DEADLINE_MS = 10_000;
/** To the end of the line, then delete it. */
const ERASE_LINE = "\x05\x15";

export class StageTerminal {
  readonly tab: TerminalTab;
  readonly #watch: Watch;

  constructor(
    id: number,
    readonly key: string,
    named: Named,
    nestbox: Pick<Nestbox, "terminals">,
    private readonly prepared: () => Promise<void>,
    closed: (terminal: StageTerminal) => void,
    onEnter: (terminal: StageTerminal) => void,
  ) {
    this.#watch = new Watch(nestbox, prepared, () => onEnter(this));
    this.tab = new TerminalTab(id, placeOf(named), this.#watch, () => closed(this));
  }

  get fullScreen(): boolean {
    return this.#watch.fullScreen;
  }

  /** Resolves when its shell has prompted; starts it again when it has ended. Rejects with the reason. */
  async live(signal: AbortSignal): Promise<void> {
    await this.prepared();
    signal.throwIfAborted();
    if (this.tab.state === "exited" || this.tab.state === "failed") {
      this.#watch.forget();
      this.tab.reopen();
    }
    await this.#watch.prompted(PROMPT_DEADLINE_MS, signal);
  }

  /** Types as the script. */
  send(text: string): void {
    this.#watch.ours(() => this.tab.input(text));
  }

  eraseLine(): void {
    if (this.tab.state === "running") this.send(ERASE_LINE);
  }
}

export class StageTerminals {
  list: StageTerminal[] = $state.raw([]);
  active: StageTerminal | undefined = $state.raw();
  #next = 1;

  constructor(
    private readonly nestbox: Pick<Nestbox, "terminals">,
    /** Resolves when the talk's setup has been done. */
    private readonly prepared: () => Promise<void>,
    private readonly onEnter: (terminal: StageTerminal) => void,
  ) {}

  /** The terminal of that name and container in front, opened when there is none. */
  show(named: Named): StageTerminal {
    const key = [named.terminal, ...(named.container ?? [])].join("/");
    let terminal = this.list.find((open) => open.key === key);
    if (!terminal) {
      terminal = new StageTerminal(
        this.#next++,
        key,
        named,
        this.nestbox,
        this.prepared,
        (gone) => this.#remove(gone),
        (from) => this.onEnter(from),
      );
      this.list = [...this.list, terminal];
    }
    this.active = terminal;
    return terminal;
  }

  select(terminal: StageTerminal): void {
    if (this.list.includes(terminal)) this.active = terminal;
  }

  /** The terminals' bodies are waited for by nobody: the machine they ran in is about to be another one. */
  closeAll(): void {
    for (const terminal of this.list) terminal.tab.close();
  }

  #remove(gone: StageTerminal): void {
    this.list = this.list.filter((terminal) => terminal !== gone);
    if (this.active === gone) this.active = this.list[0];
  }
}

/** `host`; `second`; `web › inner`; `second: web`. */
function placeOf({ terminal, container }: Named): Place {
  if (!container) return { label: terminal, level: levelOf([]) };
  const where = container.join(" › ");
  return {
    label: terminal === HOST_TERMINAL.terminal ? where : `${terminal}: ${where}`,
    level: levelOf(container),
    container,
  };
}
