/** What crosses the worker boundary: the remote's shape, the messages of its ports, and errors with their codes. */
import * as Comlink from "comlink";
import { ImageError, type ImageErrorCode } from "../../images/types";
import {
  SandboxError,
  type Container,
  type ExecOptions,
  type ExecResult,
  type FetchOptions,
  type FileEntry,
  type Image,
  type PullProgress,
  type SandboxErrorCode,
  type SandboxEvent,
  type SandboxEvents,
  type TerminalOptions,
} from "./api";
import type { PlainResponse } from "./http";

export interface StartOptions {
  cold: boolean;
  memory?: number;
  /** Pulled meanwhile, unless it is there. */
  image?: string;
}

type Where = { container?: string | readonly string[] };

/** Names one call that can be cancelled or reports progress. */
export type Ticket = number;

/** The worker's object behind Comlink. */
export interface Remote {
  /** Resolves when the sandbox is ready; `events` carries `EventMessage`s from the first on. */
  start(options: StartOptions, events: MessagePort): Promise<void>;
  /** As `start`, for a frame that shares the machine of another page. */
  join(events: MessagePort): Promise<void>;
  /** Serves another `Remote` at `port`. */
  share(port: MessagePort): void;
  /** This client goes: its terminals are closed, its programs ended. */
  bye(): void;
  ping(): number;
  cancel(ticket: Ticket): void;
  exec(argv: readonly string[], options: Omit<ExecOptions, "signal">, ticket: Ticket): Promise<ExecResult>;
  openTerminal(options: TerminalOptions): Promise<{ id: number; port: MessagePort }>;
  listContainers(): Promise<Container[]>;
  listImages(): Promise<Image[]>;
  pull(ref: string, ticket: Ticket): Promise<Image>;
  removeImage(ref: string): Promise<{ untagged: string[]; deleted: string[] }>;
  readFile(path: string, options: Where): Promise<Uint8Array>;
  writeFile(path: string, data: string | Uint8Array, options: Where): Promise<void>;
  listFiles(path: string, options: Where): Promise<FileEntry[]>;
  /** `body` comes transferred. */
  fetch(url: string, options: Omit<FetchOptions, "signal">, ticket: Ticket): Promise<PlainResponse>;
  snapshot(): Promise<Blob>;
  restore(snapshot: Blob): Promise<void>;
  setClock(): Promise<void>;
  stop(): Promise<void>;
}

export type EventMessage =
  | { [E in SandboxEvent]: { event: E; detail: SandboxEvents[E] } }[SandboxEvent]
  | { ticket: Ticket; progress: PullProgress };

/** Owner → frame on a shared port: first the worker's end for it, at the end why there is no machine any more. */
export type ShareMessage = { worker: MessagePort } | { ended: string };

/** Worker → page on a terminal's port. `data` is transferred. */
export type TerminalOutput =
  { data: Uint8Array } | { exited: { exitCode: number; error?: string } } | { failed: PlainError };

/** Page → worker on a terminal's port. `consumed` counts bytes. */
export type TerminalInput =
  | { write: string | Uint8Array }
  | { resize: [cols: number, rows: number] }
  | { consumed: number }
  | { close: true };

export interface PlainError {
  name: string;
  message: string;
  code?: string;
  stack?: string;
}

export function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack } = error;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
  };
}

/** The error as the class it was, with code and message. */
export function revivedError({ name, message, code, stack }: PlainError): Error {
  const error =
    name === "SandboxError"
      ? new SandboxError((code ?? "failed") as SandboxErrorCode, message)
      : name === "ImageError"
        ? new ImageError((code ?? "internal") as ImageErrorCode, message)
        : Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }) });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Makes Comlink carry errors with class and code; on both sides, before the first call. */
export function carryErrors(): void {
  const known = Comlink.transferHandlers.get("throw");
  if (!known) throw new Error("This Comlink has no handler for errors.");
  Comlink.transferHandlers.set("throw", {
    canHandle: known.canHandle.bind(known),
    serialize: (thrown: unknown) => [plainError((thrown as { value: unknown }).value), []],
    deserialize: (plain: unknown) => {
      throw revivedError(plain as PlainError);
    },
  });
}
