/** What `embed.js` gives to the scripts of a page. */
import type { ExecOptions, ExecResult, SandboxEvent, SandboxEvents } from "../../emulator/control/api";

export interface EmbedOptions {
  /** Image reference, `busybox` or `debian:13`; absent: a shell of the machine itself. */
  image?: string;
  /** Command lines to type, one per line. */
  run?: string;
  layout?: "terminal" | "split";
  theme?: "auto" | "light" | "dark";
  /** Pixels, 160 to 2000; default 320. */
  height?: number;
  /** Default for `embed()`: "load". With "click" or "visible" the promise waits for that. */
  init?: "click" | "visible" | "load";
  /** URL of the folder Nestbox is served from; default: where embed.js came from. */
  base?: string | URL;
  /** The same as an origin, when Nestbox is at its top: `https://nestbox.example`. */
  origin?: string;
}

/** A running box. Everything rejects with an `EmbedError` once it is closed. */
export interface Sandbox {
  /** Resolves when the machine answers; rejects with the reason it could not start. */
  readonly ready: Promise<void>;
  /** Name of the box's own container, for `exec(…, { container })`; undefined when the box shows the machine. */
  readonly container: string | undefined;
  /** Runs a program in the machine, or in a container of it; the terminal does not show it. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Types into the box's terminal, as a keyboard would. */
  type(text: string): Promise<void>;
  /** Events of the machine, as in Nestbox's own API. Returns what ends it. */
  on<E extends SandboxEvent>(event: E, handler: (detail: SandboxEvents[E]) => void): () => void;
  /** Ends the box; its container ends with it, and the machine when it was this box's. */
  close(): void;
}

export type EmbedErrorCode = "bad-option" | "not-found" | "closed" | "unreachable" | (string & {});

export class EmbedError extends Error {
  constructor(
    readonly code: EmbedErrorCode,
    message: string,
  ) {
    super(message);
    this.name = "EmbedError";
  }
}
