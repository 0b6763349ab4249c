/** State of the preview pane: which port and path, live in the preview's own origin or as a still page. */
import type { Nestbox } from "../../emulator/control";
import { PreviewBridge } from "./bridge";
import { PROTOCOL, guestAddress, messageType, normalized, textOf } from "./messages";
import { previewPlace, type PreviewPlace } from "./origin";
import { stillPage, type Still } from "./still";

/** The frame's first word, and then the end of its start. */
const LOADING_MS = 8000;
const START_MS = 25_000;
const STILL_MS = 30_000;

export class Preview {
  /** 0: none chosen. */
  port = $state(0);
  path = $state("/");
  loading = $state(false);
  /** Why the page that was asked for did not come. */
  failure = $state<string>();
  /** Something worth knowing about what is shown. */
  note = $state<string>();
  /** Where the live frame loads from; undefined: not live. */
  frameUrl = $state<string>();
  still = $state.raw<Still>();
  /** Why it is not live. */
  why = $state<string>();

  private frame: HTMLIFrameElement | undefined;
  private place: PreviewPlace | undefined;
  private session = "";
  private bridge: PreviewBridge | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stillAbort: AbortController | undefined;
  private starting = 0;

  constructor(private readonly nestbox: Pick<Nestbox, "fetch">) {}

  /** Shows a page; starts the live frame when there is none. */
  async open(port: number, path: string): Promise<void> {
    this.port = port;
    this.path = normalized(path);
    this.failure = undefined;
    this.note = undefined;
    this.loading = true;
    if (this.why !== undefined) return this.openStill();
    if (this.bridge) this.bridge.open(port, this.path);
    else if (this.frameUrl === undefined) await this.start();
  }

  /** The page again; a preview that is not live tries to become so. */
  async reload(): Promise<void> {
    this.end();
    this.why = undefined;
    this.still = undefined;
    if (this.port > 0) await this.open(this.port, this.path);
  }

  /** The live frame is in the page; returns what lets go of it. */
  attach(frame: HTMLIFrameElement): () => void {
    this.frame = frame;
    const listener = (event: MessageEvent<unknown>) => this.receive(event);
    window.addEventListener("message", listener);
    return () => {
      window.removeEventListener("message", listener);
      this.frame = undefined;
    };
  }

  /** Ends the live frame and what is under way. */
  end(): void {
    this.starting++;
    clearTimeout(this.timer);
    this.bridge?.close();
    this.bridge = undefined;
    this.stillAbort?.abort();
    this.stillAbort = undefined;
    this.frameUrl = undefined;
    this.loading = false;
  }

  private async start(): Promise<void> {
    const turn = ++this.starting;
    const place = await previewPlace();
    if (turn !== this.starting) return;
    this.place = place;
    if ("reason" in place) return this.fallBack(place.reason);
    this.session = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");
    this.expect(LOADING_MS, `${place.origin} does not answer`);
    this.frameUrl = `${place.origin}/__nestbox__/frame.html?session=${this.session}`;
  }

  private expect(ms: number, otherwise: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fallBack(otherwise), ms);
  }

  /** Believes only the frame itself, while it is on the preview's origin. */
  private receive({ source, origin, data }: MessageEvent<unknown>): void {
    const target = this.frame?.contentWindow;
    if (!target || source !== target || !this.place || !("origin" in this.place)) return;
    if (origin !== this.place.origin) return;
    const message = messageType(data);
    if (!message) return;
    if ("wrong" in message) return this.fallBack(message.wrong);
    if (message.type === "loading") return this.expect(START_MS, "its service worker does not start");
    if (message.type === "failed") return this.fallBack(textOf(message.data.reason) || "no reason was given");
    if (message.type === "hello") this.connect(target, origin);
  }

  private connect(target: Window, origin: string): void {
    clearTimeout(this.timer);
    this.bridge?.close();
    const bridge = new PreviewBridge(this.nestbox, {
      onPage: ({ port, path, status, failure }) => {
        if (this.bridge !== bridge) return;
        this.port = port;
        this.path = path;
        this.loading = status === undefined && failure === undefined;
        this.failure = failure;
        if (this.loading) this.note = undefined;
      },
      onBlocked: (url) => this.blocked(url),
    });
    this.bridge = bridge;
    const hello = { nestboxPreview: PROTOCOL, type: "connect", session: this.session };
    target.postMessage(hello, origin, [bridge.remote]);
    bridge.open(this.port, this.path);
  }

  private blocked(url: string): void {
    const place = guestAddress(url);
    if (place) void this.open(place.port, place.path);
    else
      this.note = `The page leads to ${url.slice(0, 200)}, which is not in the sandbox; the preview shows published ports only.`;
  }

  private fallBack(reason: string): void {
    this.end();
    this.why = reason.replace(/[.\s]+$/, "");
    void this.openStill();
  }

  private async openStill(): Promise<void> {
    this.stillAbort?.abort();
    const abort = (this.stillAbort = new AbortController());
    const timer = setTimeout(() => abort.abort(), STILL_MS);
    this.loading = true;
    try {
      const still = await stillPage(this.nestbox, this.port, this.path, abort.signal);
      if (abort !== this.stillAbort) return;
      this.still = still;
      this.path = still.path;
      if (still.left > 0) this.note = `${still.left} of the page's parts could not be put inside it.`;
    } catch (error) {
      if (abort !== this.stillAbort) return;
      this.still = undefined;
      this.failure = error instanceof Error ? error.message : String(error);
    } finally {
      clearTimeout(timer);
      if (abort === this.stillAbort) this.loading = false;
    }
  }
}
