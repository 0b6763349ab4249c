/** A terminal across the worker boundary: its two ends of a MessagePort. Credits come back as the page shows output. */
import type { Terminal } from "./api";
import { SandboxError } from "./api";
import { Output } from "./terminal";
import { plainError, revivedError, type TerminalInput, type TerminalOutput } from "./wire";

/** The page acknowledges in steps of this many bytes; what is left over stays far below the window. */
const ACK_STEP = 32 * 1024;

/** The worker's end. */
export function serveTerminal(terminal: Terminal, port: MessagePort): void {
  const unacknowledged: { bytes: number; consumed: () => void }[] = [];
  let credit = 0;
  const post = (message: TerminalOutput, transfer: Transferable[] = []) =>
    port.postMessage(message, transfer);
  const off = terminal.onData((data, consumed) => {
    unacknowledged.push({ bytes: data.length, consumed });
    post({ data }, [data.buffer]);
  });
  port.onmessage = ({ data: message }: MessageEvent<TerminalInput>) => {
    if ("write" in message) terminal.write(message.write);
    else if ("resize" in message) terminal.resize(...message.resize);
    else if ("close" in message) terminal.close();
    else {
      credit += message.consumed;
      while (unacknowledged[0] && unacknowledged[0].bytes <= credit) {
        credit -= unacknowledged[0].bytes;
        unacknowledged.shift()!.consumed();
      }
    }
  };
  terminal.exited
    .then(
      (exited) => post({ exited }),
      (error: unknown) => post({ failed: plainError(error) }),
    )
    .finally(() => {
      off();
      unacknowledged.length = 0;
    })
    .catch((error: unknown) => console.error("A terminal's end could not be told:", error));
}

/** The page's end: a Terminal over a port. */
export class PortTerminal implements Terminal {
  readonly exited: Promise<{ exitCode: number; error?: string }>;
  private readonly output: Output;
  private consumed = 0;
  private over = false;
  private settle!: {
    resolve: (exit: { exitCode: number; error?: string }) => void;
    reject: (error: Error) => void;
  };

  constructor(
    readonly id: number,
    private readonly port: MessagePort,
    private readonly onEnd: (terminal: PortTerminal) => void,
  ) {
    this.exited = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    this.exited.catch(() => undefined);
    this.output = new Output((bytes) => this.acknowledge(bytes));
    port.onmessage = ({ data: message }: MessageEvent<TerminalOutput>) => {
      if ("data" in message) return this.output.push(message.data);
      this.end();
      if ("exited" in message) this.settle.resolve(message.exited);
      else this.settle.reject(revivedError(message.failed));
    };
  }

  write(data: string | Uint8Array): void {
    this.post({ write: data });
  }

  resize(cols: number, rows: number): void {
    this.post({ resize: [cols, rows] });
  }

  onData(handler: (data: Uint8Array, consumed: () => void) => void): () => void {
    return this.output.onData(handler);
  }

  close(): void {
    this.post({ close: true });
  }

  /** The worker is gone. */
  lose(error: SandboxError): void {
    if (this.over) return;
    this.end();
    this.settle.reject(error);
  }

  private acknowledge(bytes: number): void {
    this.consumed += bytes;
    if (this.consumed < ACK_STEP) return;
    this.post({ consumed: this.consumed });
    this.consumed = 0;
  }

  private end(): void {
    this.over = true;
    this.port.close();
    this.onEnd(this);
  }

  private post(message: TerminalInput): void {
    if (!this.over) this.port.postMessage(message);
  }
}
