/** One xterm with its addons: keys, clipboard, links, search, size; knows nothing of machines. */
import { ClipboardAddon, type IClipboardProvider } from "@xterm/addon-clipboard";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon, type ISearchOptions } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { canDrawWithGpu } from "./gpu";

export interface ScreenOptions {
  fontSize: number;
  screenReader: boolean;
  theme: ITheme;
  onInput: (data: string) => void;
  onBytes: (data: Uint8Array) => void;
  /** After a change settled. */
  onResize: (cols: number, rows: number) => void;
  onFind: () => void;
  /** Ctrl+Shift+Up: out of the terminal, which otherwise keeps every key. */
  onLeave: () => void;
  /** The program in the terminal wants `text` on the clipboard (OSC 52). */
  onGuestCopy: (text: string) => void;
  onLink: (url: string) => void;
  onProblem: (title: string, detail: string) => void;
}

const FACE = '"JetBrains Mono Variable"';
const FALLBACK = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
const RESIZE_SETTLES_MS = 60;
const SCROLLBACK = 5000;
const GUEST_COPY_CHARS = 100_000;

const FOUND: ISearchOptions = {
  decorations: {
    matchBackground: "#7a6a2a",
    activeMatchBackground: "#c08a1e",
    matchOverviewRuler: "#7a6a2a",
    activeMatchColorOverviewRuler: "#c08a1e",
  },
};

export class TerminalScreen {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #observer: ResizeObserver;
  #webgl: WebglAddon | undefined;
  #resizeTimer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  constructor(
    private readonly element: HTMLElement,
    private readonly options: ScreenOptions,
  ) {
    const terminal = new Terminal({
      // For the unicode and search addons.
      allowProposedApi: true,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: FALLBACK,
      fontSize: options.fontSize,
      fontWeightBold: 600,
      minimumContrastRatio: 4.5,
      scrollback: SCROLLBACK,
      screenReaderMode: options.screenReader,
      theme: options.theme,
      linkHandler: { activate: (_event, url) => options.onLink(url) },
    });
    this.#terminal = terminal;
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(this.#search);
    terminal.loadAddon(new Unicode11Addon());
    terminal.unicode.activeVersion = "11";
    terminal.loadAddon(new WebLinksAddon((_event, url) => options.onLink(url)));
    terminal.loadAddon(new ClipboardAddon(undefined, guestClipboard(options.onGuestCopy)));
    terminal.attachCustomKeyEventHandler((event) => this.#key(event));
    terminal.onData((data) => options.onInput(data));
    terminal.onBinary((data) => options.onBytes(Uint8Array.from(data, (char) => char.charCodeAt(0))));
    terminal.onResize(({ cols, rows }) => options.onResize(cols, rows));
    terminal.open(element);
    this.#fitNow();
    this.#observer = new ResizeObserver(() => this.#fitSoon());
    this.#observer.observe(element);
    void this.#useOwnFont();
  }

  get cols(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  /** `done` is called when the data has been parsed: the acknowledgement that lets the program go on. */
  write(data: Uint8Array | string, done?: () => void): void {
    // What arrives after the screen has gone is shown nowhere, but must not hold up the program.
    if (this.#disposed) done?.();
    else this.#terminal.write(data, done);
  }

  focus(): void {
    this.#terminal.focus();
  }

  /** GPU rendering for the visible screen only: browsers allow few WebGL contexts. */
  set visible(visible: boolean) {
    if (visible && !this.#webgl && canDrawWithGpu()) {
      try {
        const webgl = new WebglAddon();
        webgl.onContextLoss(() => this.#dropWebgl());
        this.#terminal.loadAddon(webgl);
        this.#webgl = webgl;
      } catch {
        // xterm's DOM renderer stays.
      }
    } else if (!visible) {
      this.#dropWebgl();
    }
    if (visible) this.#fitSoon();
  }

  #dropWebgl(): void {
    const webgl = this.#webgl;
    this.#webgl = undefined;
    webgl?.dispose();
  }

  set theme(theme: ITheme) {
    this.#terminal.options.theme = theme;
  }

  set fontSize(size: number) {
    if (this.#terminal.options.fontSize === size) return;
    this.#terminal.options.fontSize = size;
    this.#fitNow();
  }

  set screenReader(on: boolean) {
    this.#terminal.options.screenReaderMode = on;
  }

  /** xterm measures the face once; it must have arrived by then, or columns are off. */
  async #useOwnFont(): Promise<void> {
    try {
      const faces = await document.fonts.load(`${this.options.fontSize}px ${FACE}`);
      if (this.#disposed || faces.length === 0) return;
      this.#terminal.options.fontFamily = `${FACE}, ${FALLBACK}`;
      this.#fitNow();
    } catch {
      // The fallback face is shown already.
    }
  }

  #fitSoon(): void {
    clearTimeout(this.#resizeTimer);
    this.#resizeTimer = setTimeout(() => this.#fitNow(), RESIZE_SETTLES_MS);
  }

  #fitNow(): void {
    // A hidden panel has no size; its terminal keeps the one it had.
    if (this.#disposed || this.element.clientWidth === 0 || this.element.clientHeight === 0) return;
    this.#fit.fit();
  }

  /** Only Ctrl+Shift chords and the two Insert chords are ours; every other key belongs to the program. False: not for xterm. */
  #key(event: KeyboardEvent): boolean {
    if (event.altKey || event.metaKey) return true;
    const chord = event.ctrlKey && event.shiftKey ? event.code : "";
    if (chord === "KeyV" || (event.shiftKey && !event.ctrlKey && event.code === "Insert")) {
      return false; // The browser's own paste follows, and reaches xterm as an event.
    }
    let act: (() => void) | undefined;
    if (chord === "KeyC" || (event.ctrlKey && !event.shiftKey && event.code === "Insert"))
      act = () => void this.copy();
    if (chord === "KeyF") act = this.options.onFind;
    if (chord === "ArrowUp") act = this.options.onLeave;
    if (!act) return true;
    event.preventDefault();
    if (event.type === "keydown") act();
    return false;
  }

  /** Puts the selection on the clipboard. */
  async copy(): Promise<void> {
    const text = this.#terminal.getSelection();
    if (text) await this.#toClipboard(text);
    else this.options.onProblem("Nothing is selected", "Drag over the text to copy, or double-click a word.");
  }

  /** Puts everything on the clipboard, scrolled-off lines included. */
  async copyAll(): Promise<void> {
    await this.#toClipboard(this.text());
  }

  /** All lines of the buffer; wrapped ones joined, trailing blanks cut. */
  text(): string {
    const buffer = this.#terminal.buffer.active;
    let text = "";
    for (let at = 0; at < buffer.length; at++) {
      const line = buffer.getLine(at);
      if (!line) continue;
      if (at > 0 && !line.isWrapped) text += "\n";
      text += line.translateToString(!buffer.getLine(at + 1)?.isWrapped);
    }
    return text.trimEnd();
  }

  async #toClipboard(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      this.options.onProblem(
        "The browser did not allow copying",
        "Select the text and press Ctrl+C outside the terminal, or allow the clipboard for this page.",
      );
    }
  }

  /** Pastes, bracketed when the program asked for that. */
  async paste(): Promise<void> {
    try {
      this.#terminal.paste(await navigator.clipboard.readText());
    } catch {
      this.options.onProblem(
        "The browser did not allow reading the clipboard",
        "Press Ctrl+Shift+V in the terminal instead.",
      );
    }
    this.focus();
  }

  find(text: string, direction: "next" | "previous", incremental = false): void {
    if (direction === "next") this.#search.findNext(text, { ...FOUND, incremental });
    else this.#search.findPrevious(text, FOUND);
  }

  /** Index of the match in front (−1: too many to number) and how many there are. */
  onFound(handler: (index: number, count: number) => void): () => void {
    const listener = this.#search.onDidChangeResults(({ resultIndex, resultCount }) =>
      handler(resultIndex, resultCount),
    );
    return () => listener.dispose();
  }

  endFind(): void {
    this.#search.clearDecorations();
    this.focus();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#resizeTimer);
    this.#observer.disconnect();
    this.#dropWebgl();
    this.#terminal.dispose();
  }
}

/** OSC 52 comes from the guest: it may ask to write, never read. */
function guestClipboard(onCopy: (text: string) => void): IClipboardProvider {
  return {
    readText: () => "",
    writeText: (_selection, text) => {
      if (text.length > 0 && text.length <= GUEST_COPY_CHARS) onCopy(text);
    },
  };
}
