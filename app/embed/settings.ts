/**
 * What a box is to show, from attributes, options or a query: each value checked the same way, and what is wrong said
 * in words. Text only; nothing here is ever read as HTML or as a flag of a command.
 */
import { shown } from "./protocol";

export const LAYOUTS = ["terminal", "split"] as const;
export const THEMES = ["auto", "light", "dark"] as const;
export const INITS = ["click", "visible", "load"] as const;

export interface Settings {
  /** Image reference; absent: a shell of the machine itself. */
  image?: string;
  /** Command lines typed at the prompt, one after the other. */
  run: readonly string[];
  layout: (typeof LAYOUTS)[number];
  theme: (typeof THEMES)[number];
  /** Pixels. */
  height: number;
  init: (typeof INITS)[number];
}

export const DEFAULTS: Settings = {
  run: [],
  layout: "terminal",
  theme: "auto",
  height: 320,
  init: "click",
};

export const NAMES = ["image", "run", "layout", "theme", "height", "init"] as const;
export type Name = (typeof NAMES)[number];

export const MOST_RUN_CHARS = 4096;
const MOST_LINES = 100;
const MOST_IMAGE_CHARS = 256;
const KNOWN = new Set<string>([...NAMES, "machine", "focus"]);
/** What others put into addresses to follow visitors. */
const OTHERS = /^(utm_.*|.*clid|ref)$/;
/** `run` at its longest, every character escaped, and room for the rest. */
const MOST_QUERY_CHARS = 10 * MOST_RUN_CHARS;
const MOST_SENT_CHARS = 1500;
const HEIGHTS = [160, 2000] as const;
/** Not a grammar of references, which the engine has; only nothing that could be a flag, a control, or two words. */
const IMAGE = /^[A-Za-z0-9][\w.:/@-]*$/;

export interface Read {
  settings: Settings;
  /** Sentences about values that were not taken. */
  problems: string[];
}

/** Settings from texts by name; what is missing or wrong keeps its default, what is wrong is told. */
export function readSettings(texts: Partial<Record<Name, string>>): Read {
  const problems: string[] = [];
  const settings: Settings = { ...DEFAULTS };
  const { image, run, height } = texts;
  if (image !== undefined && image.trim() !== "") {
    if (IMAGE.test(image.trim()) && image.length <= MOST_IMAGE_CHARS) settings.image = image.trim();
    else
      problems.push(
        `image="${shown(image)}" is not the name of an image (like busybox or debian:13); a shell of the machine is shown instead.`,
      );
  }
  if (run !== undefined) {
    const lines = commandLines(run);
    if (run.length > MOST_RUN_CHARS || lines.length > MOST_LINES)
      problems.push(
        `run has ${run.length} characters in ${lines.length} lines; at most ${MOST_RUN_CHARS} and ${MOST_LINES} are typed, so nothing is.`,
      );
    else settings.run = lines;
  }
  const choose = <T extends string>(name: Name, known: readonly T[], fallback: T): T => {
    const text = texts[name]?.trim();
    if (text === undefined || text === "") return fallback;
    const found = known.find((value) => value === text);
    if (found === undefined)
      problems.push(
        `${name}="${shown(text)}" is not known; use ${list(known)}. ${name}="${fallback}" is used.`,
      );
    return found ?? fallback;
  };
  settings.layout = choose("layout", LAYOUTS, DEFAULTS.layout);
  settings.theme = choose("theme", THEMES, DEFAULTS.theme);
  settings.init = choose("init", INITS, DEFAULTS.init);
  if (height !== undefined && height.trim() !== "") {
    const pixels = /^\d{1,5}(px)?$/.test(height.trim()) ? Number.parseInt(height, 10) : NaN;
    if (pixels >= HEIGHTS[0] && pixels <= HEIGHTS[1]) settings.height = pixels;
    else
      problems.push(
        `height="${shown(height)}" is not a number of pixels from ${HEIGHTS[0]} to ${HEIGHTS[1]}; ${DEFAULTS.height} is used.`,
      );
  }
  return { settings, problems };
}

/**
 * The commands of a listing: without control characters; where lines begin with `$ `, only those are commands and the
 * rest is their output.
 */
export function commandLines(text: string): string[] {
  const lines = text
    .split(/\r\n|\r|\n/)
    // eslint-disable-next-line no-control-regex -- keys like Ctrl+C or Escape are not part of a command line
    .map((line) => line.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ").trimEnd());
  const prompted = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
  if (prompted.length > 0) return prompted;
  while (lines.length > 0 && lines[0]!.trim() === "") lines.shift();
  while (lines.length > 0 && lines.at(-1)!.trim() === "") lines.pop();
  return lines;
}

/** The address of a box's frame. `shared`: it waits for another box's machine. `quiet`: it leaves the focus alone. */
export function frameAddress(
  base: string,
  { image, run, layout, theme }: Settings,
  { shared, quiet }: { shared: boolean; quiet: boolean },
): string {
  const url = new URL("embed/", base);
  if (image !== undefined) url.searchParams.set("image", image);
  if (run.length > 0) url.searchParams.set("run", run.join("\n"));
  if (layout !== DEFAULTS.layout) url.searchParams.set("layout", layout);
  if (theme !== DEFAULTS.theme) url.searchParams.set("theme", theme);
  if (url.search.length > MOST_SENT_CHARS) {
    // Servers refuse long addresses; what follows the # is not sent to them.
    url.searchParams.delete("run");
    url.hash = new URLSearchParams({ run: run.join("\n") }).toString();
  }
  if (shared) url.searchParams.set("machine", "shared");
  if (quiet) url.searchParams.set("focus", "none");
  return url.href;
}

export interface FrameSettings extends Read {
  shared: boolean;
  quiet: boolean;
}

/** The settings in a frame's own address (a `Location` or `URL`); an address may come from anybody. */
export function readAddress({ search, hash }: Pick<URL, "search" | "hash">): FrameSettings {
  const length = search.length + hash.length;
  const tooLong = length > MOST_QUERY_CHARS;
  const query = new URLSearchParams(tooLong ? "" : search);
  const behind = new URLSearchParams(tooLong ? "" : hash.slice(1)).get("run");
  if (behind !== null) query.set("run", behind);
  const texts: Partial<Record<Name, string>> = {};
  for (const name of NAMES) {
    const value = query.get(name);
    if (value !== null) texts[name] = value;
  }
  const { settings, problems } = readSettings(texts);
  for (const name of new Set(query.keys()))
    if (!KNOWN.has(name) && !OTHERS.test(name))
      problems.push(`“${shown(name)}” in the address is not a setting; known: ${list(NAMES)}.`);
  if (tooLong)
    problems.push(
      `The address has ${length} characters of settings; longer ones than ${MOST_QUERY_CHARS} are not read.`,
    );
  return {
    settings,
    problems,
    shared: query.get("machine") === "shared",
    quiet: query.get("focus") === "none",
  };
}

/** `a, b or c`. */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)!}`;
}
