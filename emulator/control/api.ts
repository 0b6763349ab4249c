/**
 * The public API of a Nestbox sandbox: `window.nestbox` on every page, and what the Comlink proxy of the worker offers.
 * Everything that waits rejects with a `SandboxError` when the machine stops, and takes a deadline or can be closed.
 */
import type { Image, PullProgress } from "../../images/types";

export type { Image, PullProgress };

export interface ExecOptions {
  /** Name, id, or path from the outermost container inwards: `"web"`, `["web", "inner"]`. Absent: the guest host. */
  container?: string | readonly string[];
  /** Which machine; only "main" exists so far. */
  machine?: string;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  stdin?: string | Uint8Array;
  /** Milliseconds until the program is killed; default 60,000, 0 for none. */
  timeoutMs?: number;
  /** Bytes of stdout and of stderr kept; default 16 MiB. With it, a program that writes more is killed. */
  maxOutput?: number;
  signal?: AbortSignal;
}

export interface ExecResult {
  /** 128 + n when killed by signal n; 125/126/127 as docker's. */
  exitCode: number;
  /** UTF-8, at most `maxOutput` bytes; `truncated` says when output was dropped. */
  stdout: string;
  stderr: string;
  truncated?: boolean;
  timedOut?: boolean;
}

export type ContainerState = "created" | "running" | "exited";

export interface PublishedPort {
  hostIp: string;
  hostPort: number;
  containerPort: number;
  protocol: "tcp" | "udp";
}

/** A container at any depth, as its engine reports it; all strings are bounded and untrusted text. */
export interface Container {
  id: string;
  name: string;
  image: string;
  command: string;
  state: ContainerState;
  /** Unix milliseconds. */
  created: number;
  /** Processes now in its cgroup, nested ones included. */
  pids: number;
  /** Bytes charged to its cgroup. */
  memory: number;
  exitCode?: number;
  hostname: string;
  /** It can run containers itself. */
  nest: boolean;
  /** Published with `-p`, on the host of its own level. */
  ports: PublishedPort[];
  /** Names of the networks it is in. */
  networks: string[];
  /** Ids from the outermost container down to this one. */
  path: string[];
  children: Container[];
}

export interface TerminalOptions {
  /** Default: a login shell of the guest host, or `/bin/sh` (bash where there is one) in the container. */
  command?: readonly string[];
  container?: string | readonly string[];
  machine?: string;
  cols?: number;
  rows?: number;
}

/** A program on a pty in the guest. */
export interface Terminal {
  readonly id: number;
  write(data: string | Uint8Array): void;
  resize(cols: number, rows: number): void;
  /** The receiver of output calls `consumed` when it has been shown; unacknowledged output is bounded, so floods stop at the program. */
  onData(handler: (data: Uint8Array, consumed: () => void) => void): () => void;
  /** Resolves once, when the program has ended. */
  readonly exited: Promise<{ exitCode: number; error?: string }>;
  /** Hang up: SIGHUP, then SIGKILL after 2 s. */
  close(): void;
}

/** What the start screen shows. `bytes` of `total` belong to the phase. */
export interface BootProgress {
  phase: "download" | "restore" | "boot" | "connect" | "ready";
  /** Milliseconds since the start. */
  elapsedMs: number;
  bytes?: number;
  total?: number;
}

export interface FileEntry {
  name: string;
  kind: "file" | "directory" | "symlink" | "other";
  size: number;
}

export interface FetchOptions {
  /** Default GET. */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  /** At most 16 MiB. */
  body?: string | Uint8Array;
  /** Milliseconds for the whole exchange; default 30,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface SandboxEvents {
  progress: BootProgress;
  /** The whole forest after a change. */
  containers: Container[];
  images: Image[];
  pull: { ref: string } & PullProgress;
  /** Guest console output, for the curious and for bug reports. */
  console: string;
  /** The machine was set back to a snapshot: terminals have ended, containers and files are those of that moment. */
  restored: { elapsedMs: number };
  /** Something the user should know; `fatal` means the machine is gone. */
  problem: { code: string; message: string; fatal: boolean };
}

export type SandboxEvent = keyof SandboxEvents;

export interface Nestbox {
  /** Resolves when the host shell answers; rejects with the reason the machine could not start. */
  readonly ready: Promise<void>;
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Types into the terminal that has the focus, as a keyboard would. */
  type(text: string): Promise<void>;
  readonly terminals: { open(options?: TerminalOptions): Promise<Terminal> };
  readonly containers: { list(): Promise<Container[]> };
  readonly images: {
    list(): Promise<Image[]>;
    pull(
      ref: string,
      options?: { signal?: AbortSignal; onProgress?: (progress: PullProgress) => void },
    ): Promise<Image>;
    remove(ref: string): Promise<{ untagged: string[]; deleted: string[] }>;
  };
  readonly files: {
    /** At most 64 MiB. */
    read(path: string, options?: { container?: string | readonly string[] }): Promise<Uint8Array>;
    write(
      path: string,
      data: string | Uint8Array,
      options?: { container?: string | readonly string[] },
    ): Promise<void>;
    list(path: string, options?: { container?: string | readonly string[] }): Promise<FileEntry[]>;
  };
  /**
   * HTTP to a published port of the guest host: `http://localhost:8080/path` (hosts: localhost, 127.0.0.1). No redirect is
   * followed. The whole response, at most 64 MiB. Rejects with `failed` when nobody listens, `unsupported` for another
   * host or scheme, `timeout`, `cancelled`, `too-large`.
   */
  fetch(url: string | URL, options?: FetchOptions): Promise<Response>;
  /** The whole machine, running on: memory, containers, files. Images are not part of it. */
  snapshot(): Promise<Blob>;
  /** Sets the machine back to `snapshot` (of this build and memory size); terminals end. */
  restore(snapshot: Blob): Promise<void>;
  on<E extends SandboxEvent>(event: E, handler: (detail: SandboxEvents[E]) => void): () => void;
}

export type SandboxErrorCode =
  | "not-ready"
  | "stopped"
  | "broken-stream"
  | "timeout"
  | "not-found"
  | "too-large"
  | "cancelled"
  | "unsupported"
  | "failed";

export class SandboxError extends Error {
  constructor(
    readonly code: SandboxErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "SandboxError";
  }
}
