/** The two ends of the channel between the stage and its notes window. */
import { readMessage, VERSION, type Message, type NotesAct, type StateMessage } from "./messages";

/** The part of BroadcastChannel that is used. */
export interface Channel {
  postMessage(data: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
  close(): void;
}

/** A stage that has not answered for this long is away. */
const LOST_MS = 6000;
const HELLO_EVERY_MS = 2000;

type Say = Message extends infer M
  ? M extends Message
    ? Omit<M, "nestbox" | "v" | "session" | "talk">
    : never
  : never;

/** The stage's end. */
export class StageLink {
  constructor(
    private readonly channel: Channel,
    private readonly session: string,
    private readonly talk: string,
    private readonly state: () => Pick<StateMessage, "slide" | "done" | "phase" | "startedAt">,
    private readonly onAct: (act: NotesAct) => void,
    /** A notes window has come or gone. */
    private readonly onNotes: (there: boolean) => void,
  ) {
    channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#hear(readMessage(data));
    this.announce();
  }

  /** Tells every notes window what is on; call it after each change. */
  announce(): void {
    const { slide, done, phase, startedAt } = this.state();
    this.#say({ kind: "state", slide, done: [...done], phase, startedAt });
  }

  close(): void {
    this.#say({ kind: "bye" });
    this.channel.close();
  }

  #hear(message: ReturnType<typeof readMessage>): void {
    if (!message || message === "other-version" || message.talk !== this.talk) return;
    if (message.kind === "hello" && (message.session === "" || message.session === this.session)) {
      this.announce();
      this.onNotes(true);
    }
    if (message.session !== this.session) return;
    if (message.kind === "left") this.onNotes(false);
    if (message.kind === "act") this.onAct(message.act);
  }

  #say(message: Say): void {
    this.channel.postMessage({
      nestbox: "stage",
      v: VERSION,
      session: this.session,
      talk: this.talk,
      ...message,
    });
  }
}

/** `version`: the stage was loaded from another build. */
export type LinkStatus = "looking" | "connected" | "lost" | "version";

/** The notes window's end: finds its stage, and finds it again after either was loaded anew. */
export class NotesLink {
  status: LinkStatus = "looking";
  #heardAt: number;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly channel: Channel,
    private session: string,
    private readonly talk: string,
    /** The stage's news; undefined when only `status` changed. */
    private readonly onChange: (state: StateMessage | undefined) => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#heardAt = now();
    channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#hear(readMessage(data));
    this.#timer = setInterval(() => this.#look(), HELLO_EVERY_MS);
    this.#say({ kind: "hello" });
  }

  act(act: NotesAct): void {
    this.#say({ kind: "act", act });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#say({ kind: "left" });
    this.channel.close();
  }

  #look(): void {
    const waiting = this.status === "connected" || this.status === "looking";
    if (waiting && this.now() - this.#heardAt > LOST_MS) this.#change("lost");
    this.#say({ kind: "hello" });
  }

  #hear(message: ReturnType<typeof readMessage>): void {
    if (message === "other-version") {
      if (this.status !== "connected") this.#change("version");
      return;
    }
    if (message?.talk !== this.talk) return;
    // While its own stage is there, others of the same talk are none of its business.
    const mine = message.session === this.session;
    if (message.kind === "state" && (mine || this.session === "" || this.status === "lost")) {
      this.session = message.session;
      this.#heardAt = this.now();
      this.status = "connected";
      this.onChange(message);
    } else if (message.kind === "bye" && mine) {
      this.#change("lost");
    }
  }

  #change(status: LinkStatus): void {
    if (this.status === status) return;
    this.status = status;
    this.onChange(undefined);
  }

  #say(message: Say): void {
    // Before it knows a stage there is nothing to say but hello.
    if (this.session === "" && message.kind !== "hello") return;
    this.channel.postMessage({
      nestbox: "stage",
      v: VERSION,
      session: this.session,
      talk: this.talk,
      ...message,
    });
  }
}
