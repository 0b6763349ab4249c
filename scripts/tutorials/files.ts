/** `tutorials/` on the disk. */
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { compile, type Compiled } from "./compile.ts";

/** Files of the folder by path with "/"; what begins with a dot is an editor's. */
export function readFiles(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(folder.length).split(sep).filter(Boolean);
    if (entry.isFile() && !path.some((name) => name.startsWith(".")))
      files.set(path.join("/"), readFileSync(join(entry.parentPath, entry.name), "utf8"));
  }
  return files;
}

/** Everything below `folder`. Throws an error with all problems, one a line. */
export function compileFolder(folder: string): Compiled {
  const { compiled, problems } = compile(readFiles(folder));
  if (problems.length > 0) throw new TutorialsError(problems);
  return compiled;
}

export class TutorialsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(
      `tutorials/ cannot be built (${problems.length} to correct; see tutorials/FORMAT.md):\n${problems.join("\n")}`,
    );
    this.name = "TutorialsError";
  }
}
