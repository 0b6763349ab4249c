/** A lesson's terminals by name, and what types commands into them. */
import type { Command } from "../../tutorials/types";
import { HOST, type Place, type TerminalTab } from "../playground/terminals.svelte";
import type { Workspace } from "../playground/workspace.svelte";
import { HOST_LEVEL, levelOf } from "../ui/depth";
import { typeLines, type Keyboard } from "./typing";

type Desk = Pick<Workspace, "terminals" | "pane">;

export class LessonTypist {
  /** What is being typed; undefined: nothing. One thing at a time. */
  typing: Command | undefined = $state.raw();
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing shows the names
  readonly #named = new Map<string, TerminalTab>();
  #abort: AbortController | undefined;

  constructor(private readonly desk: Desk) {}

  /**
   * Types the lines into their terminal, which comes to the front. False when it was stopped or something else is being
   * typed; rejects when the terminal cannot be opened.
   */
  async type(command: Command): Promise<boolean> {
    if (this.typing) return false;
    const abort = new AbortController();
    this.#abort = abort;
    this.typing = command;
    this.desk.pane = "terminal";
    try {
      const { tab, fresh } = this.#tab(command);
      await typeLines(this.#keyboard(tab), command.lines, { signal: abort.signal, fresh });
      return true;
    } catch (cause) {
      if (abort.signal.aborted) return false;
      throw cause;
    } finally {
      this.typing = undefined;
      this.#abort = undefined;
    }
  }

  /** No further line is typed. */
  stop(): void {
    this.#abort?.abort();
  }

  /** Brings the focus to the terminal typed into last, for a reader who clicked and goes on there. */
  focus(): void {
    this.desk.terminals.active?.focus();
  }

  #tab(command: Command): { tab: TerminalTab; fresh: boolean } {
    const { terminals } = this.desk;
    const key = [command.terminal, ...(command.container ?? [])].join("/");
    const known = this.#named.get(key);
    let tab = known && terminals.tabs.includes(known) ? known : undefined;
    if (!tab && key === HOST.label) tab = this.#host();
    const fresh = !tab || tab.state !== "running";
    tab ??= terminals.open(placeOf(command));
    if (tab.state === "exited" || tab.state === "failed") tab.reopen();
    this.#named.set(key, tab);
    terminals.select(tab);
    return { tab, fresh };
  }

  #keyboard(tab: TerminalTab): Keyboard {
    return {
      write: (text) => {
        if (tab.state !== "running" && tab.state !== "waiting")
          throw new Error(
            `The terminal “${tab.place.label}” has no running program; its last line says why.`,
          );
        tab.input(text);
      },
      onOutput: (handler) => {
        const decoder = new TextDecoder();
        return this.desk.terminals.onOutput((from, data) => {
          if (from === tab) handler(decoder.decode(data, { stream: true }));
        });
      },
    };
  }

  /** A plain host shell that no lesson has given another name. */
  #host(): TerminalTab | undefined {
    const taken = [...this.#named.values()];
    const plain = ({ place }: TerminalTab): boolean =>
      place.label === HOST.label && place.container === undefined && place.command === undefined;
    const candidates = this.desk.terminals.tabs.filter((tab) => plain(tab) && !taken.includes(tab));
    const live = (tab: TerminalTab): boolean => tab.state === "running" || tab.state === "waiting";
    return candidates.find(live) ?? candidates[0];
  }
}

function placeOf({ terminal, container }: Command): Place {
  if (!container) return terminal === HOST.label ? HOST : { label: terminal, level: HOST_LEVEL };
  const where = container.join(" › ");
  return {
    label: terminal === container.join("-").toLowerCase() ? where : `${terminal}: ${where}`,
    level: levelOf(container),
    container,
  };
}
