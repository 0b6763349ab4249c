/** The open terminals: what runs where, its life from waiting to exited, and which one is in front. */
import type { Nestbox, Terminal } from "../../emulator/control/api";
import { HOST_LEVEL } from "../ui/depth";
import { reasonOf } from "../ui/notices.svelte";

/** What a terminal is to run, and how its tab says where. */
export interface Place {
  /** `host`, `web`, `web › inner`. */
  readonly label: string;
  readonly level: number;
  /** Ids from the outermost container; absent: the guest host. */
  readonly container?: readonly string[];
  readonly command?: readonly string[];
}

export const HOST: Place = { label: "host", level: HOST_LEVEL };

/** The part of xterm a tab needs. */
export interface Screen {
  readonly cols: number;
  readonly rows: number;
  write(data: Uint8Array | string, done?: () => void): void;
  focus(): void;
}

export type TabState = "waiting" | "running" | "exited" | "failed" | "closed";

/** Typed before the shell answers; more than this is dropped, as a real tty's line buffer does. */
const TYPE_AHEAD_CHARS = 4096;
const DIM = "\x1b[0;2m";
const PLAIN = "\x1b[0m";
/** Ends a full-screen program's modes that would garble or swallow the line about its exit. */
const LEAVE_MODES = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l";

type Machine = Pick<Nestbox, "ready" | "terminals">;
/** Hears a program's output before the screen does; the bytes are only lent. */
export type OutputHandler = (tab: TerminalTab, data: Uint8Array) => void;

export class TerminalTab {
  state: TabState = $state("waiting");
  #pty: Terminal | undefined;
  #screen: Screen | undefined;
  #ahead = "";

  constructor(
    readonly id: number,
    readonly place: Place,
    private readonly machine: Machine,
    private readonly closed: (tab: TerminalTab) => void,
    private readonly heard: OutputHandler = () => undefined,
  ) {}

  /** Takes the screen the program is to be shown on, and starts the program once the machine answers. */
  attach(screen: Screen): void {
    this.#screen = screen;
    void this.#start(screen);
  }

  async #start(screen: Screen): Promise<void> {
    try {
      await this.machine.ready;
      if (this.state === "closed") return;
      const { container, command } = this.place;
      const pty = await this.machine.terminals.open({
        cols: screen.cols,
        rows: screen.rows,
        ...(container && { container }),
        ...(command && { command }),
      });
      if (this.#isClosed()) {
        pty.close();
        return;
      }
      this.#pty = pty;
      this.state = "running";
      pty.onData((data, consumed) => {
        this.heard(this, data);
        screen.write(data, consumed);
      });
      // The pane may have changed its size while the program was being started.
      pty.resize(screen.cols, screen.rows);
      if (this.#ahead) pty.write(this.#ahead);
      this.#ahead = "";
      const { exitCode, error } = await pty.exited;
      this.#ended(
        "exited",
        error === undefined ? `exited with ${exitCode}` : `exited with ${exitCode}: ${error}`,
      );
    } catch (cause) {
      this.#ended("failed", reasonOf(cause));
    }
  }

  // A method, because TypeScript narrows `state` across the awaits.
  #isClosed(): boolean {
    return this.state === "closed";
  }

  #ended(state: "exited" | "failed", reason: string): void {
    this.#pty = undefined;
    this.#ahead = "";
    if (this.state === "closed") return;
    this.state = state;
    this.#screen?.write(
      `${LEAVE_MODES}\r\n${DIM}${printable(reason)} — press Enter to close / R to reopen${PLAIN}\r\n`,
    );
  }

  /** Keys and pastes from the screen. After the program's end: Enter closes, R starts it again. */
  input(data: string): void {
    if (this.#pty) this.#pty.write(data);
    else if (this.state === "waiting") this.#ahead = (this.#ahead + data).slice(0, TYPE_AHEAD_CHARS);
    else if (data === "\r") this.close();
    else if (data === "r" || data === "R") this.reopen();
  }

  /** Bytes that are not text, as old mouse reports are. */
  inputBytes(data: Uint8Array): void {
    this.#pty?.write(data);
  }

  resize(cols: number, rows: number): void {
    this.#pty?.resize(cols, rows);
  }

  reopen(): void {
    const screen = this.#screen;
    if (!screen || (this.state !== "exited" && this.state !== "failed")) return;
    this.state = "waiting";
    void this.#start(screen);
  }

  /** Hangs up: the program gets SIGHUP, also when it is only about to start. */
  close(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#pty?.close();
    this.#pty = undefined;
    this.closed(this);
  }

  focus(): void {
    this.#screen?.focus();
  }
}

export class Terminals {
  tabs: TerminalTab[] = $state.raw([]);
  active: TerminalTab | undefined = $state.raw();
  #next = 1;
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing shows the handlers
  readonly #handlers = new Set<OutputHandler>();

  constructor(private readonly machine: Machine) {}

  /** Hears the output of all of them, those opened later included. Returns what ends that. */
  onOutput(handler: OutputHandler): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Opens a terminal in front of the others. */
  open(place: Place = HOST): TerminalTab {
    const tab = new TerminalTab(
      this.#next++,
      place,
      this.machine,
      (gone) => this.#remove(gone),
      (from, data) => {
        for (const handler of this.#handlers) handler(from, data);
      },
    );
    this.tabs = [...this.tabs, tab];
    this.active = tab;
    return tab;
  }

  select(tab: TerminalTab): void {
    if (this.tabs.includes(tab)) this.active = tab;
  }

  /** The front terminal if it is a live host shell, else the first such, else a new one: where commands can be typed. */
  hostShell(): TerminalTab {
    const live = (tab: TerminalTab | undefined): tab is TerminalTab =>
      tab !== undefined &&
      tab.place.container === undefined &&
      tab.place.command === undefined &&
      (tab.state === "running" || tab.state === "waiting");
    const tab = live(this.active) ? this.active : this.tabs.find(live);
    if (!tab) return this.open();
    this.active = tab;
    return tab;
  }

  /** Types into the terminal in front, as a keyboard would; a line feed is the Enter key. */
  type(text: string): void {
    const tab = this.active ?? this.open();
    tab.input(text.replace(/\r?\n/g, "\r"));
  }

  #remove(gone: TerminalTab): void {
    const at = this.tabs.indexOf(gone);
    this.tabs = this.tabs.filter((tab) => tab !== gone);
    if (this.active === gone) this.active = this.tabs[at] ?? this.tabs[at - 1];
  }
}

/** Reasons may quote the guest: no escape sequences, one line. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- removing control characters is the purpose
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ").slice(0, 400);
}
