/** One box: its terminal in a container of its own, and what its reader can do with it. */
import type { Nestbox, NestboxHandle, TerminalOptions } from "../../emulator/control";
import { HOST, type Place, type TerminalTab } from "../playground/terminals.svelte";
import { Workspace } from "../playground/workspace.svelte";
import { HOST_LEVEL } from "../ui/depth";
import { Preferences } from "../ui/preferences.svelte";
import type { Desk } from "./desk";
import { isOpaque, newContainerName, type Seat } from "./seat";
import type { FrameSettings } from "./settings";
import { typedInto } from "./typist";

const DIM = "\x1b[2m";
const PLAIN = "\x1b[0m";
const REMOVE_TIMEOUT_MS = 10_000;

export class Box {
  workspace: Workspace | undefined = $state.raw();
  lost: string | undefined = $state();
  #tab: TerminalTab | undefined;
  #container: string;
  /** Typed into the next terminal of the box that opens. */
  #lines: readonly string[];
  readonly preferences: Preferences;

  constructor(
    readonly settings: FrameSettings,
    private readonly seat: Seat,
    private readonly desk: Desk | undefined,
    container: string,
  ) {
    this.#container = container;
    this.#lines = settings.settings.run;
    this.preferences = new Preferences(readOnly());
    const { theme } = settings.settings;
    if (theme !== "auto") this.preferences.set("theme", theme);
    this.lost = seat.lostReason;
    seat.onLost = (reason) => (this.lost = reason);
    void seat.handle.then((handle) => this.#open(handle));
  }

  get image(): string | undefined {
    return this.settings.settings.image;
  }

  /** What stops the box, for good. */
  get failure(): { title: string; reason: string } | undefined {
    const failure = this.workspace?.sandbox.boot.failure;
    if (failure) {
      const why = isOpaque()
        ? " The page holds this box in a sandbox without “allow-same-origin”: then the server of Nestbox must send Access-Control-Allow-Origin with every file."
        : "";
      return { title: failure.title, reason: failure.reason + why };
    }
    return this.lost === undefined ? undefined : { title: "The machine is gone", reason: this.lost };
  }

  #open(handle: NestboxHandle): void {
    const machine = Object.create(handle, {
      terminals: { value: { open: (options: TerminalOptions) => this.#openTerminal(handle, options) } },
    }) as Nestbox;
    const workspace = new Workspace(machine, false, this.preferences);
    // The host shell that a workspace opens with has not started yet: the box brings its own terminal.
    for (const tab of workspace.terminals.tabs) tab.close();
    for (const problem of this.settings.problems)
      workspace.notices.add({ tone: "limit", title: "A setting was not taken", detail: problem });
    handle.on("problem", ({ fatal, message }) => {
      if (fatal && this.seat.owned) this.desk?.gone(message);
    });
    this.workspace = workspace;
    this.#openTab(workspace);
  }

  #openTab(workspace: Workspace): void {
    this.#tab = workspace.terminals.open(this.#place());
  }

  #place(): Place {
    if (this.image === undefined) return HOST;
    return {
      label: this.image,
      level: HOST_LEVEL + 1,
      command: ["docker", "run", "-it", "--rm", "--name", this.#container, this.image],
    };
  }

  async #openTerminal(handle: NestboxHandle, options: TerminalOptions) {
    const terminal = await handle.terminals.open(options);
    if (options.container !== undefined) return terminal;
    const { command } = options;
    const lines = this.#lines;
    this.#lines = [];
    const heading = command ? `${DIM}$ ${command.join(" ")}${PLAIN}\r\n` : "";
    return typedInto(terminal, lines, heading);
  }

  type(text: string): void {
    this.workspace?.terminals.type(text);
  }

  /** A fresh machine when it is this box's alone; otherwise a fresh container, or shell, on the machine. */
  restart(): void {
    const { workspace } = this;
    if (!workspace || this.failure || (this.seat.owned && !this.seat.shared)) {
      location.reload();
      return;
    }
    const old = this.#container;
    const running = this.image !== undefined && this.#tab?.state !== "exited";
    this.#container = newContainerName();
    if (this.image !== undefined) this.desk?.renamed(this.#container);
    for (const tab of workspace.terminals.tabs) tab.close();
    this.#lines = this.settings.settings.run;
    this.#openTab(workspace);
    if (running)
      workspace.sandbox.nestbox
        .exec(["docker", "rm", "-f", old], { timeoutMs: REMOVE_TIMEOUT_MS })
        .catch((cause: unknown) =>
          workspace.notices.failure("The old container could not be removed", cause),
        );
  }
}

/** The reader's own preferences hold in boxes; what a page sets for its box does not reach them. */
function readOnly(): Storage | undefined {
  try {
    const { localStorage } = globalThis;
    return {
      getItem: (key: string) => localStorage.getItem(key),
      setItem: () => undefined,
    } as unknown as Storage;
  } catch {
    return undefined;
  }
}
