/** `files.*`: share/ and outbox/ directly, everything else with the guest's own `cat`, `sh` and `stat`. */
import { E, P9Error } from "../p9/message";
import { listPath, readPath, writePath, type MemoryTree } from "../p9";
import { SandboxError, type FileEntry } from "./api";
import type { RunResult } from "./programs";

export const MAX_FILE = 64 * 1024 * 1024;

/** Runs a command where the file is; output over `MAX_FILE` rejects with `too-large`. */
export type FileRunner = (argv: readonly string[], stdin?: Uint8Array) => Promise<RunResult>;

/** `share/…` and `outbox/…`, also by the path they have in the guest. */
const SHARED = /^(?:\/run\/nest\/9p\/)?(share|outbox)(?:\/(.*))?$/s;

/**
 * Lists by glob, which any name survives: first the names, each ended by NUL, an empty one last, then what stat says of
 * each that exists, in the same order. Patterns without a match stay literal and stat finds nothing under them.
 */
const LIST = `cd -- "$1" || exit 1
set -- * .[!.]* ..?*
printf '%s\\0' "$@" ''
printf '%s\\0' "$@" | xargs -0 stat -c '%f %s %n' -- 2>/dev/null
exit 0`;

const S_IFMT = 0o170000;
const KINDS: Readonly<Record<number, FileEntry["kind"]>> = {
  0o100000: "file",
  0o040000: "directory",
  0o120000: "symlink",
};

export class Files {
  constructor(
    private readonly share: MemoryTree,
    private readonly outbox: MemoryTree,
  ) {}

  async read(path: string, run: FileRunner, contained: boolean): Promise<Uint8Array> {
    const shared = contained ? undefined : this.shared(path);
    if (shared) return attempt(path, () => readPath(shared.tree, shared.names));
    return succeed(path, "read", await run(["cat", "--", checked(path)])).stdout;
  }

  async write(path: string, data: string | Uint8Array, run: FileRunner, contained: boolean): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    if (bytes.length > MAX_FILE)
      throw new SandboxError("too-large", `${path}: more than 64 MiB cannot be written at once.`);
    const shared = contained ? undefined : this.shared(path);
    if (shared) return attempt(path, () => writePath(shared.tree, shared.names, bytes));
    succeed(path, "write", await run(["sh", "-c", 'cat > "$1"', "sh", checked(path)], bytes.slice()));
  }

  async list(path: string, run: FileRunner, contained: boolean): Promise<FileEntry[]> {
    const shared = contained ? undefined : this.shared(path);
    if (shared) return attempt(path, () => listPath(shared.tree, shared.names));
    return parseListing(succeed(path, "list", await run(["sh", "-c", LIST, "sh", checked(path)])).stdout);
  }

  private shared(path: string): { tree: MemoryTree; names: string[] } | undefined {
    const [, top, rest = ""] = SHARED.exec(path) ?? [];
    if (top === undefined) return undefined;
    const names = rest.split("/").filter((name) => name !== "" && name !== ".");
    if (names.includes("..")) throw new SandboxError("not-found", `${path}: ".." is not followed here.`);
    return { tree: top === "share" ? this.share : this.outbox, names };
  }
}

/** Pairs the names of `LIST` with its stat lines; entries that vanished in between are left out. Sorted by name. */
export function parseListing(output: Uint8Array): FileEntry[] {
  const text = new TextDecoder().decode(output);
  const end = text.indexOf("\0\0") + 1;
  const names = text.slice(0, end).split("\0").slice(0, -1);
  let at = end + 1;
  const entries: FileEntry[] = [];
  for (const name of names) {
    const head = /^([0-9a-f]{1,8}) (\d{1,16}) /.exec(text.slice(at, at + 32));
    if (!head || !text.startsWith(`${name}\n`, at + head[0].length)) continue;
    at += head[0].length + name.length + 1;
    const kind = KINDS[parseInt(head[1]!, 16) & S_IFMT] ?? "other";
    entries.push({ name, kind, size: Number(head[2]) });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A path the guest's tools take as one: "-x" is a name, not a flag. */
function checked(path: string): string {
  if (path === "" || path.includes("\0"))
    throw new SandboxError("not-found", "The path is empty or holds a NUL.");
  return path;
}

function succeed(path: string, verb: string, result: RunResult): RunResult {
  const { code, error, timedOut } = result.status;
  if (code === 0) return result;
  if (timedOut) throw new SandboxError("timeout", `Could not ${verb} ${path} in time.`);
  const reason =
    (error ?? new TextDecoder().decode(result.stderr)).trim().slice(0, 512) || `exit code ${code}`;
  if (code === 126 || code === 127) {
    throw new SandboxError(
      "unsupported",
      `Could not ${verb} ${path}: the tools for it are missing there (${reason}).`,
    );
  }
  const missing = /no such (file|container)|nonexistent|can't cd to/i.test(reason);
  throw new SandboxError(missing ? "not-found" : "failed", `Could not ${verb} ${path}: ${reason}`);
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof P9Error)) throw error;
    switch (error.errno) {
      case E.NOENT:
        throw new SandboxError("not-found", `${path}: no such file or directory.`);
      case E.NOSPC:
        throw new SandboxError("too-large", `${path}: no room left; share/ and outbox/ hold 256 MiB each.`);
      case E.ISDIR:
        throw new SandboxError("failed", `${path}: is a directory.`);
      case E.NOTDIR:
        throw new SandboxError("failed", `${path}: not a directory, or a part of the path is a file.`);
      default:
        throw new SandboxError("failed", `${path}: not a usable name.`, { cause: error });
    }
  }
}
