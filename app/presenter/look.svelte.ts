/** How the stage looks and which key leads, remembered in localStorage where the browser allows it. */
import { DEFAULT_LEADER, isLeader } from "./keys";

export type Layout = "split" | "terminal" | "slide";

const KEY = "nestbox.presenter";
const LAYOUTS: readonly Layout[] = ["split", "terminal", "slide"];
/** Percent of the usual type. */
const SMALLEST = 150;
const BIGGEST = 250;
const STEP = 10;
/** px at 100 %. */
const TERMINAL_TYPE = 15;

interface Values {
  scale: number;
  layout: Layout;
  leader: string;
}

/** Known values of the right kind and range; anything else keeps its default. */
function sanitize(stored: unknown): Values {
  const values: Values = { scale: SMALLEST, layout: "split", leader: DEFAULT_LEADER };
  if (typeof stored !== "object" || stored === null) return values;
  const { scale, layout, leader } = stored as Record<string, unknown>;
  if (typeof scale === "number" && Number.isFinite(scale))
    values.scale = Math.round(Math.min(BIGGEST, Math.max(SMALLEST, scale)));
  values.layout = LAYOUTS.find((known) => known === layout) ?? values.layout;
  if (typeof leader === "string" && isLeader(leader)) values.leader = leader;
  return values;
}

export class Look {
  #values: Values = $state.raw(sanitize(undefined));

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem"> | undefined) {
    try {
      this.#values = sanitize(JSON.parse(storage?.getItem(KEY) ?? "null"));
    } catch {
      // Not ours, or not readable: the defaults.
    }
  }

  /** Percent, 150 … 250. */
  get scale(): number {
    return this.#values.scale;
  }

  get terminalType(): number {
    return Math.round((TERMINAL_TYPE * this.scale) / 100);
  }

  get layout(): Layout {
    return this.#values.layout;
  }

  get leader(): string {
    return this.#values.leader;
  }

  bigger(): void {
    this.#set({ scale: this.scale + STEP });
  }

  smaller(): void {
    this.#set({ scale: this.scale - STEP });
  }

  /** Split, terminal only, slide only, and again. */
  nextLayout(): void {
    this.#set({ layout: LAYOUTS[(LAYOUTS.indexOf(this.layout) + 1) % LAYOUTS.length] ?? "split" });
  }

  /** A command is about to be typed: it must be seen. */
  showTerminal(): void {
    if (this.layout === "slide") this.#set({ layout: "split" });
  }

  /** False: not a chord that can lead (see keys.ts). */
  setLeader(chord: string): boolean {
    if (!isLeader(chord)) return false;
    this.#set({ leader: chord });
    return true;
  }

  #set(change: Partial<Values>): void {
    this.#values = sanitize({ ...this.#values, ...change });
    try {
      this.storage?.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // Full or refused since: the choice still holds for this page.
    }
  }
}
