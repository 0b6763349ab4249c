/** What the page remembers of its own looks, in localStorage where the browser allows it. */

export type Theme = "system" | "light" | "dark";

interface Values {
  theme: Theme;
  /** Terminal font size in px. */
  fontSize: number;
  screenReader: boolean;
  /** Pane widths in px; a closed pane keeps its width for later. */
  leftWidth: number;
  learnWidth: number;
  rightWidth: number;
  leftOpen: boolean;
  rightOpen: boolean;
}

/** Also read by public/preflight.js, which sets the theme before the first paint. */
const KEY = "nestbox.preferences";

const DEFAULTS: Values = {
  theme: "system",
  fontSize: 15,
  screenReader: false,
  leftWidth: 248,
  learnWidth: 400,
  rightWidth: 400,
  leftOpen: true,
  rightOpen: true,
};

const RANGES = {
  fontSize: [9, 32],
  leftWidth: [160, 640],
  learnWidth: [240, 800],
  rightWidth: [240, 1200],
} as const;

export const THEMES: readonly Theme[] = ["system", "light", "dark"];

/** Only known keys with values of the right kind and range; anything else keeps its default. */
function sanitize(stored: unknown): Values {
  const values: Values = { ...DEFAULTS };
  if (typeof stored !== "object" || stored === null) return values;
  const from = stored as Record<string, unknown>;
  if (THEMES.includes(from.theme as Theme)) values.theme = from.theme as Theme;
  for (const key of ["fontSize", "leftWidth", "learnWidth", "rightWidth"] as const) {
    const value = from[key];
    if (typeof value === "number" && Number.isFinite(value)) values[key] = clampTo(key, value);
  }
  for (const key of ["screenReader", "leftOpen", "rightOpen"] as const) {
    const value = from[key];
    if (typeof value === "boolean") values[key] = value;
  }
  return values;
}

function clampTo(key: keyof typeof RANGES, value: number): number {
  const [low, high] = RANGES[key];
  return Math.round(Math.min(high, Math.max(low, value)));
}

export class Preferences {
  #values: Values = $state({ ...DEFAULTS });
  /** False when the browser refuses storage: choices then last as long as the page. */
  readonly kept: boolean;

  constructor(private readonly storage: Storage | undefined = browserStorage()) {
    this.kept = storage !== undefined;
    try {
      this.#values = sanitize(JSON.parse(storage?.getItem(KEY) ?? "{}"));
    } catch {
      // Damaged by hand or by another version: start from the defaults.
    }
  }

  get<K extends keyof Values>(key: K): Values[K] {
    return this.#values[key];
  }

  /** Numbers are clamped to their range. */
  set<K extends keyof Values>(key: K, value: Values[K]): void {
    this.#values = sanitize({ ...this.#values, [key]: value });
    try {
      this.storage?.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // Full or refused since: the choice still holds for this page.
    }
  }
}

/** Reading `localStorage` itself throws where third-party storage is blocked. */
function browserStorage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
