/** One exec channel: a program in the guest with its byte streams, credits and end. */
import { SandboxError } from "../control/api";
import { FrameType, StreamBroken, encodeFrame } from "./frame";
import { encodeCredit, encodeResize, type ExitStatus } from "./messages";

/** Bytes each side may send before the first CREDIT. */
export const INITIAL_CREDIT = 65536;
/** Grants are sent in steps of at least this many bytes, to keep frames few. */
const GRANT_STEP = 32768;
/** Stdin travels in frames of this size, so that other channels get their turn. */
const INPUT_FRAME = 16384;
/** The most a guest may ever hold in grants: anything above is nonsense. */
const MAX_CREDIT = 0xffffffff;
/** The agent kills 2 s after CLOSE; EXIT must follow by then. */
const CLOSE_DEADLINE_MS = 6000;

export interface ProgramHandlers {
  /** Output as it comes; the receiver calls `Program.consumed` for these bytes when done with them. */
  onOutput(bytes: Uint8Array, stream: "out" | "err"): void;
  /** Called whenever queued stdin went down to nothing. */
  onDrain?(): void;
}

export class Program {
  /** Resolves with EXIT; rejects when the stream breaks or the agent stops answering. */
  readonly exited: Promise<ExitStatus>;
  private settle!: { resolve: (status: ExitStatus) => void; reject: (error: SandboxError) => void };
  private done = false;
  private closing = false;
  private closeTimer: ReturnType<typeof setTimeout> | undefined;

  private inputCredit = INITIAL_CREDIT;
  private readonly input: Uint8Array[] = [];
  private inputBytes = 0;
  private inputEnded = false;
  private eofSent = false;

  /** Bytes the guest may still send. */
  private outputCredit = INITIAL_CREDIT;
  /** Consumed and not yet granted again. */
  private ungranted = 0;

  /** Made by `AgentClient.open`. `window`: the most unconsumed output, in bytes. */
  constructor(
    readonly channel: number,
    private readonly send: (frame: Uint8Array) => void,
    private readonly handlers: ProgramHandlers,
    window: number,
  ) {
    this.exited = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Nobody need await `exited`; a failure must not become an unhandled rejection.
    this.exited.catch(() => undefined);
    if (window > INITIAL_CREDIT) this.grant(window - INITIAL_CREDIT);
  }

  /** Bytes of stdin that wait for credit. */
  get queuedInput(): number {
    return this.inputBytes;
  }

  get ended(): boolean {
    return this.done;
  }

  /** Queues bytes for stdin or the terminal; the array is taken over. */
  write(bytes: Uint8Array): void {
    if (this.done || this.closing || this.inputEnded || bytes.length === 0) return;
    this.input.push(bytes);
    this.inputBytes += bytes.length;
    this.pump();
  }

  /** No more stdin after what is queued. */
  end(): void {
    this.inputEnded = true;
    this.pump();
  }

  /** The receiver of `onOutput` is done with so many bytes. */
  consumed(bytes: number): void {
    if (this.done) return;
    this.ungranted += bytes;
    if (this.ungranted >= GRANT_STEP) {
      this.grant(this.ungranted);
      this.ungranted = 0;
    }
  }

  resize(cols: number, rows: number): void {
    const size = (n: number) => Math.min(Math.max(Math.trunc(n) || 1, 1), 1000);
    if (!this.done) this.send(encodeResize(this.channel, size(cols), size(rows)));
  }

  signal(number: number): void {
    if (!Number.isInteger(number) || number < 1 || number > 64) throw new RangeError(`signal ${number}`);
    if (!this.done) this.send(encodeFrame(FrameType.SIGNAL, this.channel, Uint8Array.of(number)));
  }

  /** Hangs up; from here on output is thrown away so that the program's end can pass. */
  close(): void {
    if (this.done || this.closing) return;
    this.closing = true;
    this.input.length = 0;
    this.inputBytes = 0;
    this.send(encodeFrame(FrameType.CLOSE, this.channel));
    // What the receiver still holds will never be acknowledged: open the window again.
    this.grant(INITIAL_CREDIT);
    this.closeTimer = setTimeout(() => {
      this.fail(new SandboxError("timeout", "The guest did not end the program within 6 s of hanging up."));
    }, CLOSE_DEADLINE_MS);
  }

  /** DATA or DATA_ERR from the guest. */
  takeOutput(bytes: Uint8Array, stream: "out" | "err"): void {
    if (bytes.length > this.outputCredit) throw new StreamBroken("a program's output overran its credit");
    this.outputCredit -= bytes.length;
    if (this.closing) this.consumed(bytes.length);
    else if (bytes.length > 0) this.handlers.onOutput(bytes, stream);
  }

  /** CREDIT from the guest. */
  takeCredit(bytes: number): void {
    this.inputCredit += bytes;
    if (this.inputCredit > MAX_CREDIT) throw new StreamBroken("the guest granted more than 4 GiB of credit");
    this.pump();
  }

  /** EXIT from the guest. */
  takeExit(status: ExitStatus): void {
    this.finish();
    this.settle.resolve(status);
  }

  /** The stream broke or the machine stopped. */
  fail(error: SandboxError): void {
    this.finish();
    this.settle.reject(error);
  }

  private finish(): void {
    this.done = true;
    clearTimeout(this.closeTimer);
    this.input.length = 0;
    this.inputBytes = 0;
  }

  private grant(bytes: number): void {
    this.outputCredit += bytes;
    this.send(encodeCredit(this.channel, bytes));
  }

  private pump(): void {
    if (this.done || this.closing) return;
    const had = this.inputBytes;
    while (this.input.length > 0 && this.inputCredit > 0) {
      const head = this.input[0]!;
      const size = Math.min(head.length, this.inputCredit, INPUT_FRAME);
      this.send(encodeFrame(FrameType.DATA, this.channel, head.subarray(0, size)));
      this.inputCredit -= size;
      this.inputBytes -= size;
      if (size === head.length) this.input.shift();
      else this.input[0] = head.subarray(size);
    }
    if (this.inputBytes > 0) return;
    if (this.inputEnded && !this.eofSent) {
      this.eofSent = true;
      this.send(encodeFrame(FrameType.EOF, this.channel));
    }
    if (had > 0) this.handlers.onDrain?.();
  }
}
