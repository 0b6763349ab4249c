/** Running programs to their end, on the guest host and in containers at any depth. */
import type { AgentClient } from "../agent/client";
import type { ExitStatus, OpenRequest } from "../agent/messages";
import { SandboxError } from "./api";

export interface RunOptions {
  stdin?: Uint8Array;
  signal?: AbortSignal;
  /** Bytes kept of stdout and of stderr, each. */
  limit: number;
  /**
   * What happens to output over the limit: it is dropped; or the program is ended, and the run tells how it ended
   * (`kill`) or rejects `too-large` (`reject`).
   */
  overflow: "drop" | "kill" | "reject";
}

export interface RunResult {
  status: ExitStatus;
  stdout: Uint8Array;
  stderr: Uint8Array;
  truncated: boolean;
}

/** The agent kills at the program's own deadline; this much later the page stops waiting for it to say so. */
const GRACE_MS = 5000;
/** Output is taken as it comes, so the window only has to keep the guest from waiting for credit. */
const WINDOW = 256 * 1024;

/** Runs a program without a terminal. Rejects with `cancelled`, `too-large`, `timeout` (the agent went silent), `broken-stream`, `stopped`. */
export async function run(agent: AgentClient, request: OpenRequest, options: RunOptions): Promise<RunResult> {
  const { signal, stdin, limit, overflow } = options;
  if (signal?.aborted) throw cancelled();
  const collected = { out: new Collector(limit), err: new Collector(limit) };
  let failure: SandboxError | undefined;
  const fail = (error: SandboxError) => {
    failure ??= error;
    program.close();
    give(failure);
  };
  let give: (error: SandboxError) => void = () => undefined;
  const gaveUp = new Promise<never>((_, reject) => (give = reject));
  gaveUp.catch(() => undefined);

  const onOutput = (bytes: Uint8Array, stream: "out" | "err") => {
    const whole = collected[stream].add(bytes);
    program.consumed(bytes.length);
    if (whole) return;
    if (overflow === "reject") fail(tooLarge(request, limit));
    else if (overflow === "kill") program.close();
  };
  // A program hung up for its flood counts as killed, even when the guest is too busy to say so.
  const unlessKilled = (error: unknown): ExitStatus => {
    const over = collected.out.truncated || collected.err.truncated;
    if (overflow === "kill" && over && error instanceof SandboxError && error.code === "timeout")
      return { code: 137 };
    throw error;
  };
  const program = agent.open(request, { onOutput }, WINDOW);
  if (stdin) program.write(stdin);
  program.end();

  const onAbort = () => fail(cancelled());
  signal?.addEventListener("abort", onAbort, { once: true });
  const deadline = request.timeoutMs ? request.timeoutMs + GRACE_MS : 0;
  const timer = deadline
    ? setTimeout(
        () => fail(new SandboxError("timeout", `The guest did not end ${name(request)} in time.`)),
        deadline,
      )
    : undefined;
  try {
    const status = await Promise.race([program.exited.catch(unlessKilled), gaveUp]);
    return {
      status,
      stdout: collected.out.bytes(),
      stderr: collected.err.bytes(),
      truncated: collected.out.truncated || collected.err.truncated,
    };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

export interface PlaceOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** stdin is connected. */
  interactive: boolean;
  tty: boolean;
}

/** The command line on the guest host that runs `argv` in the container at `path` (ids, outermost first). */
export function inContainer(
  path: readonly string[],
  argv: readonly string[],
  options: PlaceOptions,
): string[] {
  const flags = [...(options.interactive ? ["-i"] : []), ...(options.tty ? ["-t"] : [])];
  const line: string[] = [];
  path.forEach((id, hop) => {
    line.push("nest", "exec", ...flags);
    if (hop === path.length - 1) {
      if (options.cwd !== undefined) line.push("-w", options.cwd);
      for (const [key, value] of Object.entries(options.env ?? {})) line.push("-e", `${key}=${value}`);
    }
    line.push(id);
  });
  return [...line, ...argv];
}

/** Throws TypeError on what no execve(2) takes. */
export function checkCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): void {
  if (argv.length === 0 || argv[0] === "") throw new TypeError("The command is empty.");
  for (const text of [...argv, ...Object.values(env), cwd ?? ""]) {
    if (typeof text !== "string" || text.includes("\0"))
      throw new TypeError("Arguments are strings without NUL.");
  }
  for (const key of Object.keys(env)) {
    if (!/^[^=\0]+$/.test(key))
      throw new TypeError(`"${key}" cannot be the name of an environment variable.`);
  }
}

class Collector {
  private readonly parts: Uint8Array[] = [];
  private length = 0;
  truncated = false;

  constructor(private readonly limit: number) {}

  /** False when some of it was over the limit. */
  add(bytes: Uint8Array): boolean {
    const kept = bytes.subarray(0, this.limit - this.length);
    this.parts.push(kept);
    this.length += kept.length;
    this.truncated ||= kept.length < bytes.length;
    return kept.length === bytes.length;
  }

  bytes(): Uint8Array {
    const whole = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

function name(request: OpenRequest): string {
  return `"${request.argv.join(" ").slice(0, 80)}"`;
}

function tooLarge(request: OpenRequest, limit: number): SandboxError {
  return new SandboxError(
    "too-large",
    `${name(request)} gave more than ${Math.round(limit / (1 << 20))} MiB.`,
  );
}

function cancelled(): SandboxError {
  return new SandboxError("cancelled", "Cancelled.");
}
