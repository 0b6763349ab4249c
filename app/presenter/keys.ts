/** Which key does what on the stage, and in the notes window. */

export type StageAction =
  | "next"
  | "back"
  | "first"
  | "last"
  | "layout"
  | "theme"
  | "bigger"
  | "smaller"
  | "notes"
  | "reset"
  | "terminal"
  | "slide"
  | "keys";

/** Where the focus is: on the slide, in a terminal, or on a button or in a field. */
export type Where = "slide" | "terminal" | "control" | "field";

type Key = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "altKey" | "metaKey" | "shiftKey">;

const KEYS: Readonly<Record<string, StageAction>> = {
  ArrowRight: "next",
  PageDown: "next",
  " ": "next",
  n: "next",
  ArrowLeft: "back",
  PageUp: "back",
  p: "back",
  Home: "first",
  End: "last",
  l: "layout",
  d: "theme",
  "+": "bigger",
  "=": "bigger",
  "-": "smaller",
  _: "smaller",
  w: "notes",
  r: "reset",
  t: "terminal",
  Escape: "slide",
  "?": "keys",
};

/** For the reader: what `?` shows. */
export const KEY_HELP: readonly (readonly [keys: string, what: string])[] = [
  ["→  Page Down  Space  N", "Next: type the next command, press Enter, then the next slide"],
  ["←  Page Up  P", "Back; a line that is typed but not entered is taken back first"],
  ["Home  End", "First and last slide"],
  ["T", "Into the terminal"],
  ["Esc", "Out of the terminal, to the slide (a full-screen program keeps it)"],
  ["L", "Slide and terminal, terminal only, slide only"],
  ["D", "Dark or light"],
  ["+  −", "Bigger and smaller"],
  ["W", "Window with notes and the next command"],
  ["R  R", "Set the machine and the talk back to the start"],
  ["?", "These keys"],
];

/**
 * What `event` means with the focus at `where`; undefined: not ours. In a terminal only the two keys that clickers send
 * are taken, and Esc unless `fullScreen` says that a program there needs it.
 */
export function actionOf(event: Key, where: Where, fullScreen = false): StageAction | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey) return undefined;
  if (where === "field") return undefined;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = KEYS[name];
  if (where === "terminal") {
    // Shift+Page Up and Down scroll the terminal.
    if (event.shiftKey) return undefined;
    if (name === "PageDown" || name === "PageUp") return action;
    return name === "Escape" && !fullScreen ? action : undefined;
  }
  // A button wants its Space.
  if (where === "control" && name === " ") return undefined;
  return action;
}

/** After this key, also in a terminal, the next one is the stage's. */
export const DEFAULT_LEADER = "F9";

const MODIFIERS = ["Ctrl", "Alt", "Shift"] as const;
const BARE = /^(Control|Alt|Shift|Meta|OS|AltGraph)(Left|Right)?$/;

/** `Ctrl+Alt+KeyS`, `F9`: modifiers in that order, then the key's code. Undefined for modifiers alone and with Meta. */
export function chordOf(event: Key): string | undefined {
  if (event.metaKey || event.code === "" || BARE.test(event.code)) return undefined;
  const held = [event.ctrlKey, event.altKey, event.shiftKey];
  return [...MODIFIERS.filter((_, at) => held[at]), event.code].join("+");
}

/** A leader takes nothing that a program needs: a function key, or a chord of two modifiers. */
export function isLeader(chord: string): boolean {
  return (
    /^(Shift\+)?F([1-9]|1\d|2[0-4])$/.test(chord) ||
    /^(Ctrl\+Alt|Ctrl\+Shift|Alt\+Shift|Ctrl\+Alt\+Shift)\+[A-Za-z0-9]{1,20}$/.test(chord)
  );
}

/** `KeyS` → `S`, `Digit1` → `1`. */
export function leaderName(chord: string): string {
  return chord.replace(/(Key|Digit)(?=.$)/, "");
}
