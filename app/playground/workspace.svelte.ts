/** The page's one state object: the sandbox, its terminals and its map, and what the user does with them. */
import type { Container, Nestbox } from "../../emulator/control/api";
import { levelOf, HOST_LEVEL } from "../ui/depth";
import { Notices } from "../ui/notices.svelte";
import { Preferences } from "../ui/preferences.svelte";
import { Questions } from "../ui/questions.svelte";
import { Nesting } from "../xray/nesting.svelte";
import { labelOf, stateOf, type MapNode } from "../xray/tree";
import { Sandbox } from "./sandbox.svelte";
import { HOST, Terminals } from "./terminals.svelte";

/** The panes; a narrow window shows one at a time. */
export type Pane = "left" | "terminal" | "right";

/** What a lesson or a link may point to. */
export type View = "containers" | "terminal" | "nesting" | "preview";

export class Workspace {
  readonly preferences: Preferences;
  readonly notices = new Notices();
  readonly questions = new Questions();
  readonly sandbox: Sandbox;
  readonly terminals: Terminals;
  readonly nesting: Nesting;
  pane: Pane = $state("terminal");
  left: "containers" | "lessons" = $state("containers");
  right: "nesting" | "preview" = $state("nesting");

  constructor(nestbox: Nestbox, cold: boolean, preferences: Preferences = new Preferences()) {
    this.preferences = preferences;
    this.sandbox = new Sandbox(nestbox, this.notices, cold);
    this.terminals = new Terminals(nestbox);
    this.nesting = new Nesting(() => this.sandbox.containers);
    this.terminals.open();
  }

  /** Brings a view to the front, opening its pane. */
  show(view: View): void {
    if (view === "terminal") {
      this.pane = "terminal";
      this.terminals.active?.focus();
    } else if (view === "containers") {
      this.left = "containers";
      this.preferences.set("leftOpen", true);
      this.pane = "left";
    } else {
      this.right = view;
      this.preferences.set("rightOpen", true);
      this.pane = "right";
    }
  }

  /** The left pane between containers and lessons; `lesson` is what the address names. */
  showLessons(): void {
    this.left = "lessons";
    this.preferences.set("leftOpen", true);
    this.pane = "left";
  }

  openHost(): void {
    this.terminals.open(HOST);
    this.pane = "terminal";
  }

  /** A shell where the node is; for an exited container, what can be done instead. */
  openShell(node: MapNode): void {
    const { container } = node;
    if (!container) {
      if (node.level === HOST_LEVEL) this.openHost();
      return;
    }
    if (container.state !== "running") {
      this.#explainStopped(node, container);
      return;
    }
    this.terminals.open({
      label: labelOf(this.nesting.tree, node),
      level: levelOf(container.path),
      container: container.path,
    });
    this.pane = "terminal";
  }

  #explainStopped(node: MapNode, container: Container): void {
    const id = container.path.at(-1) ?? container.id;
    const outer = container.path.slice(0, -1);
    this.notices.add({
      tone: "info",
      title: `${node.name} is not running`,
      detail: `It is ${stateOf(container)}, so there is no process whose namespaces a shell could join. Its output is kept.`,
      action: {
        label: "Show its output",
        run: () => {
          this.terminals.open({
            label: `logs of ${node.name}`,
            level: levelOf(outer),
            command: ["docker", "logs", id],
            ...(outer.length > 0 && { container: outer }),
          });
          this.pane = "terminal";
        },
      },
    });
  }

  /** A terminal with a new container of the image in it. */
  runImage(ref: string): void {
    this.terminals.open({ label: `host: ${ref}`, level: HOST_LEVEL, command: ["docker", "run", "-it", ref] });
    this.pane = "terminal";
  }

  /** Types a command line, Enter included, into a host shell. */
  runOnHost(line: string): void {
    const tab = this.terminals.hostShell();
    this.pane = "terminal";
    tab.input(`${line}\r`);
    tab.focus();
  }
}
