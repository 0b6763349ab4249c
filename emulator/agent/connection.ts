/** A TCP connection to a server of the guest host, as a pair of byte streams over one channel of the agent stream. */
import { SandboxError } from "../control/api";
import type { ExitStatus } from "./messages";
import type { Program, ProgramHandlers } from "./program";

/** Both directions of a connection. What is not read is not asked for: back-pressure reaches the server. */
export interface ByteStream {
  /** Ends with the server's last byte; errors when the connection could not be made or broke. */
  readonly readable: ReadableStream<Uint8Array>;
  /** A write resolves when the guest has room for more; closing is the end of our side only. Chunks are taken over. */
  readonly writable: WritableStream<Uint8Array>;
  /** Hangs up at once. */
  close(): void;
}

export class Connection implements ByteStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  private readonly program: Program;
  private readonly received: Uint8Array[] = [];
  /** How it ended: undefined while open, null at the regular end. */
  private end: SandboxError | null | undefined;
  private wakeReader: () => void = () => undefined;
  private wakeWriter: () => void = () => undefined;

  /** `open` starts the channel with these handlers; `what` names the far end in messages. */
  constructor(open: (handlers: ProgramHandlers) => Program, what: string) {
    this.program = open({
      onOutput: (bytes) => {
        this.received.push(bytes);
        this.wakeReader();
      },
      onDrain: () => this.wakeWriter(),
    });
    this.program.exited.then(
      (status) => this.ended(failureOf(status, what)),
      (error: unknown) => this.ended(error as SandboxError),
    );
    this.readable = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.pull(controller),
        cancel: () => this.close(),
      },
      // Nothing is taken ahead: only what somebody reads is credited.
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      write: (bytes) => this.write(bytes),
      close: () => this.program.end(),
      abort: () => this.close(),
    });
  }

  close(): void {
    this.program.close();
    this.ended(new SandboxError("cancelled", "The connection was closed."));
  }

  private async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.received.length === 0 && this.end === undefined)
      await new Promise<void>((resolve) => (this.wakeReader = resolve));
    const bytes = this.received.shift();
    if (bytes) {
      controller.enqueue(bytes);
      this.program.consumed(bytes.length);
    } else if (this.end) controller.error(this.end);
    else controller.close();
  }

  private async write(bytes: Uint8Array): Promise<void> {
    this.program.write(bytes);
    while (this.end === undefined && this.program.queuedInput > 0)
      await new Promise<void>((resolve) => (this.wakeWriter = resolve));
    if (this.end !== undefined)
      throw (
        this.end ?? new SandboxError("failed", "The server ended the connection before everything was sent.")
      );
  }

  private ended(reason: SandboxError | null): void {
    if (this.end !== undefined) return;
    this.end = reason;
    this.wakeReader();
    this.wakeWriter();
  }
}

function failureOf(status: ExitStatus, what: string): SandboxError | null {
  if (status.code === 0) return null;
  if (status.timedOut) return new SandboxError("timeout", `${what} did not answer in time.`);
  return new SandboxError("failed", `${what}: ${status.error ?? "the connection broke"}`);
}
