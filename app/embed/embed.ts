/** `embed(elementOrId, options)`: a box by script instead of by markup. */
import { HOME, NestBox, TAG } from "./element";
import { shown } from "./protocol";
import { list, NAMES, readSettings, type Name } from "./settings";
import { EmbedError, type EmbedOptions, type Sandbox } from "./types";

const OPTIONS = [...NAMES, "base", "origin"] as const;

/**
 * Puts a box into an element (instead of its content), around a `<pre>`, or starts a `<nest-box>` that is there.
 * Resolves when the frame answers; `ready` of the result then waits for the machine. Rejects with an `EmbedError`.
 */
export async function embed(target: string | Element, options: EmbedOptions = {}): Promise<Sandbox> {
  const { texts, base } = readOptions(options);
  const place = typeof target === "string" ? document.getElementById(target) : target;
  if (!(place instanceof Element)) {
    throw new EmbedError(
      "not-found",
      typeof target === "string"
        ? `embed: the page has no element with the id “${shown(target)}”.`
        : `embed: the first argument must be an element or the id of one, not ${shown(target)}.`,
    );
  }
  const box = place instanceof NestBox ? place : new NestBox();
  box.base = base ?? box.base;
  for (const [name, text] of Object.entries(texts)) box.setAttribute(name, text);
  const init = texts.init ?? "load";
  if (box !== place) {
    // Not by the attribute: the element would start by itself, and only in the next turn.
    if (init === "load") box.setAttribute("init", "click");
    if (place.tagName === "PRE") {
      place.before(box);
      box.append(place);
    } else {
      place.replaceChildren(box);
    }
  }
  const link = init === "load" ? box.start(true) : await box.started();
  await link.connected;
  return link;
}

/** Texts as the attributes have, and the base; throws on the first thing that is wrong, naming it and what is known. */
export function readOptions(options: unknown): {
  texts: Partial<Record<Name, string>>;
  base: string | undefined;
} {
  if (typeof options !== "object" || options === null)
    throw new EmbedError("bad-option", `embed: the options must be an object, not ${shown(options)}.`);
  const texts: Partial<Record<Name, string>> = {};
  const given = options as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) {
    if (!(OPTIONS as readonly string[]).includes(name))
      throw new EmbedError(
        "bad-option",
        `embed: there is no option “${shown(name)}”; known options: ${list(OPTIONS)}.`,
      );
    if (value === undefined || name === "base" || name === "origin") continue;
    if (typeof value !== "string" && !(name === "height" && typeof value === "number"))
      throw new EmbedError(
        "bad-option",
        `embed: the option ${name} must be a text, not ${shown(typeof value)}.`,
      );
    texts[name as Name] = String(value);
  }
  const { problems } = readSettings(texts);
  if (problems.length > 0) throw new EmbedError("bad-option", `embed: ${problems.join(" ")}`);
  return { texts, base: readBase(given["base"], given["origin"]) };
}

function readBase(base: unknown, origin: unknown): string | undefined {
  if (base === undefined && origin === undefined) return undefined;
  const url = (name: string, value: unknown): URL => {
    const text = value instanceof URL ? value.href : value;
    const made = typeof text === "string" && URL.canParse(text, HOME) ? new URL(text, HOME) : undefined;
    if (made?.protocol !== "https:" && made?.protocol !== "http:")
      throw new EmbedError(
        "bad-option",
        `embed: the option ${name} must be an http or https URL, not “${shown(text)}”.`,
      );
    return made;
  };
  if (base === undefined) return `${url("origin", origin).origin}/`;
  const folder = url("base", base);
  if (origin !== undefined && url("origin", origin).origin !== folder.origin)
    throw new EmbedError(
      "bad-option",
      `embed: the base ${folder.href} is not of the origin ${shown(origin)}.`,
    );
  folder.search = folder.hash = "";
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder.href;
}

export { TAG };
