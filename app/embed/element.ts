/** `<nest-box>`: a listing in a page that becomes a terminal in a container when its reader asks for it. */
import { hubOf } from "./hub";
import { Link } from "./link";
import { shown } from "./protocol";
import { DEFAULTS, frameAddress, list, NAMES, readSettings, type Name, type Settings } from "./settings";
import { STYLE } from "./style";
import { EmbedError } from "./types";

export const TAG = "nest-box";

/** What HTML allows on every element, and what frameworks leave there. */
const GLOBAL =
  /^(id|class|style|title|lang|dir|hidden|role|slot|part|tabindex|translate|is|inert|popover|nonce|item\w+|aria-.*|data-.*|on\w+|v-.*|[:@_].*)$/;

/** Where embed.js came from, beside which boxes are served; a copy of it elsewhere says `embed.js?base=https://…/`. */
export const HOME = ((): string => {
  const { searchParams } = new URL(import.meta.url);
  return new URL(searchParams.get("base") ?? (import.meta.env.DEV ? "../" : "./"), import.meta.url).href;
})();

/** Bytes of everything a first click fetches, summed up by the build; 0 in development. */
declare const NESTBOX_DOWNLOAD: number;
const DOWNLOAD = typeof NESTBOX_DOWNLOAD === "number" ? NESTBOX_DOWNLOAD : 0;

/** Under another runtime than a browser's (a docs site rendered ahead of time), importing this must not fail. */
const Base = typeof HTMLElement === "undefined" ? (Object as unknown as typeof HTMLElement) : HTMLElement;

export class NestBox extends Base {
  /** Set before the box is in the page, or before it starts. */
  base = HOME;
  #link: Link | undefined;
  #settings: Settings = DEFAULTS;
  #observer: IntersectionObserver | undefined;
  #waiters: ((link: Link) => void)[] = [];
  #root: ShadowRoot | undefined;
  #stage!: HTMLElement;
  #poster!: HTMLElement;
  #note!: HTMLElement;
  #trouble!: HTMLElement;
  #lastNote = "";

  connectedCallback(): void {
    this.#draw();
    this.#read();
    const { init } = this.#settings;
    if (init === "load") {
      // In a turn of its own, so that a parser has come to the <pre> inside.
      setTimeout(() => this.isConnected && this.start(true));
    } else if (init === "visible") {
      this.#observer = new IntersectionObserver((entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) this.start(true);
      });
      this.#observer.observe(this);
    }
  }

  disconnectedCallback(): void {
    this.#observer?.disconnect();
    this.#link?.close("The box was removed from the page.");
    this.#link = undefined;
  }

  static readonly observedAttributes = [...NAMES];

  attributeChangedCallback(): void {
    if (this.#root && !this.#link) this.#read();
  }

  /** Resolves with the running box, once something has started it. */
  started(): Promise<Link> {
    if (this.#link) return Promise.resolve(this.#link);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Loads the frame, unless it is there. `quiet`: nobody clicked, so the focus stays where it is. */
  start(quiet = false): Link {
    if (this.#link?.alive) return this.#link;
    if (!this.isConnected)
      throw new EmbedError("not-found", "The box is not in the page, so it cannot start.");
    this.#observer?.disconnect();
    this.#read();
    const hub = hubOf(this.base);
    const { shared } = hub.claim();
    const address = frameAddress(this.base, this.#settings, { shared, quiet });
    const frame = document.createElement("iframe");
    frame.src = address;
    frame.title = `Nestbox: ${this.#settings.image ?? "a Linux machine"}`;
    frame.allow = "clipboard-read; clipboard-write";
    frame.style.height = `${this.#settings.height}px`;
    const onViolation = (event: SecurityPolicyViolationEvent): void => {
      if (
        !/^(frame|child|default)-src$/.test(event.effectiveDirective) ||
        !address.startsWith(event.blockedURI)
      )
        return;
      this.#say(
        `This page's Content-Security-Policy does not allow frames from ${new URL(address).origin} (${event.effectiveDirective}).`,
        address,
      );
    };
    document.addEventListener("securitypolicyviolation", onViolation);
    const link = new Link(frame, address, {
      trouble: (reason) => {
        document.removeEventListener("securitypolicyviolation", onViolation);
        this.#say(reason, address);
      },
      ask: () => void hub.give(link).catch((error: unknown) => console.error("nest-box:", error)),
      gone: (reason, reload) => {
        hub.gone(link, reason, reload);
        if (!link.alive) this.#stopped(link);
      },
    });
    this.#link = link;
    hub.add(link, shared);
    this.#stage.append(frame);
    this.#poster.hidden = true;
    if (!quiet) frame.focus();
    for (const resolve of this.#waiters.splice(0)) resolve(link);
    return link;
  }

  #stopped(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#poster.hidden = false;
    this.#say(undefined, "");
  }

  #draw(): void {
    if (this.#root) return;
    this.#root = this.attachShadow({ mode: "open" });
    const style = make("style", STYLE);
    this.#poster = make("div", "", "poster");
    const bar = make("div", "", "bar");
    const run = make("button", "Run", "run");
    run.type = "button";
    run.addEventListener("click", () => this.start());
    bar.append(run, make("span", WHAT_HAPPENS));
    this.#poster.append(document.createElement("slot"), bar);
    this.#stage = make("div", "", "stage");
    this.#note = make("div", "", "note");
    this.#note.setAttribute("role", "status");
    this.#trouble = make("div", "", "trouble");
    this.#trouble.setAttribute("role", "alert");
    this.#root.append(style, this.#poster, this.#stage, this.#trouble, this.#note);
  }

  /** Attributes and the listing, with what is wrong shown under the box. */
  #read(): void {
    const texts: Partial<Record<Name, string>> = {};
    const strangers: string[] = [];
    for (const { name, value } of this.attributes) {
      if (NAMES.includes(name as Name)) texts[name as Name] = value;
      else if (!GLOBAL.test(name)) strangers.push(name);
    }
    texts.run ??= (this.querySelector("pre") ?? this).textContent;
    const { settings, problems } = readSettings(texts);
    this.#settings = settings;
    this.style.setProperty("--nest-box-height", `${settings.height}px`);
    if (this.#root) this.dataset["theme"] = settings.theme;
    for (const name of strangers)
      problems.push(`“${shown(name)}” is not an attribute of <${TAG}>; known: ${list(NAMES)}.`);
    const note = problems.join("\n");
    if (note === this.#lastNote) return;
    this.#lastNote = note;
    this.#note.replaceChildren(...problems.map((text) => make("p", text)));
    for (const text of problems) console.warn(`<${TAG}>: ${text}`);
  }

  /** Why nothing runs, with a way out; undefined takes it away. */
  #say(reason: string | undefined, address: string): void {
    if (reason === undefined) {
      this.#trouble.replaceChildren();
      return;
    }
    const url = new URL(address || this.base);
    url.searchParams.delete("machine");
    const way = make("a", "Open it in its own tab");
    way.href = url.href;
    way.target = "_blank";
    way.rel = "noopener";
    const again = make("button", "Try again");
    again.type = "button";
    again.addEventListener("click", () => {
      this.#link?.close();
      this.start();
    });
    this.#trouble.replaceChildren(make("p", reason), make("p", url.href, "address"), way, again);
    console.warn(`<${TAG}>: ${reason} ${url.href}`);
  }
}

const WHAT_HAPPENS = `Starts a real Linux machine in this browser tab: nothing is installed, nothing leaves your computer.${
  DOWNLOAD > 0 ? ` Downloads ${Math.ceil(DOWNLOAD / 1e6)} MB once.` : ""
}`;

function make<K extends keyof HTMLElementTagNameMap>(tag: K, text = "", name = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) {
    made.className = name;
    made.setAttribute("part", name);
  }
  return made;
}
