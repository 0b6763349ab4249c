/** Terminals: a program on a pty, and the bookkeeping of shown output that both sides of the worker boundary need. */
import type { Program } from "../agent/program";
import { SandboxError, type Terminal } from "./api";
import { SET_BACK } from "./snapshot";

/** Most output of a terminal, in bytes, that the page has not shown yet; beyond it the program waits. */
export const TERMINAL_WINDOW = 256 * 1024;
/** Most input that may wait for a program which does not read. */
const MAX_INPUT = 1024 * 1024;

type DataHandler = (data: Uint8Array, consumed: () => void) => void;

/**
 * Hands output to all handlers and reports bytes as consumed once each has consumed them. Output that comes before the
 * first handler is kept for it; the credit window bounds how much that can be.
 */
export class Output {
  private readonly handlers = new Set<DataHandler>();
  private waiting: Uint8Array[] = [];

  constructor(private readonly onConsumed: (bytes: number) => void) {}

  push(data: Uint8Array): void {
    if (this.handlers.size === 0) {
      this.waiting.push(data);
      return;
    }
    let open = this.handlers.size;
    // Now: a handler may transfer the bytes away, and then the array has no length any more.
    const size = data.length;
    for (const handler of [...this.handlers]) {
      let done = false;
      handler(data, () => {
        if (done) return;
        done = true;
        if (--open === 0) this.onConsumed(size);
      });
    }
  }

  onData(handler: DataHandler): () => void {
    this.handlers.add(handler);
    const waiting = this.waiting;
    this.waiting = [];
    for (const data of waiting) this.push(data);
    return () => this.handlers.delete(handler);
  }
}

/** A terminal beside the machine: in the worker, or under Node. */
export class GuestTerminal implements Terminal {
  readonly exited: Promise<{ exitCode: number; error?: string }>;
  private readonly output: Output;
  private readonly program: Program;
  private full = false;

  /** `open` starts the program with the handler it is given; `onFull` hears once when input was dropped. */
  constructor(
    readonly id: number,
    open: (onOutput: (data: Uint8Array) => void) => Program,
    private readonly onFull: () => void,
  ) {
    this.output = new Output((bytes) => this.program.consumed(bytes));
    this.program = open((data) => this.output.push(data));
    this.exited = this.program.exited.then(
      ({ code, error }) => ({ exitCode: code, ...(error === undefined ? {} : { error }) }),
      (error: unknown) => {
        // A hung-up program that never said goodbye has still left the page.
        const left =
          error instanceof SandboxError && (error.code === "timeout" || error.message === SET_BACK);
        if (left) return { exitCode: 129, error: error.message };
        throw error;
      },
    );
    this.exited.catch(() => undefined);
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data.slice();
    if (this.program.queuedInput + bytes.length > MAX_INPUT) {
      if (!this.full) this.onFull();
      this.full = true;
      return;
    }
    this.full = false;
    this.program.write(bytes);
  }

  resize(cols: number, rows: number): void {
    this.program.resize(cols, rows);
  }

  onData(handler: DataHandler): () => void {
    return this.output.onData(handler);
  }

  close(): void {
    this.program.close();
  }
}
