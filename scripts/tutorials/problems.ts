/** What is wrong in the Markdown, gathered over all files, so that one build shows everything. */

export interface Problem {
  /** `tutorials/course/01-lesson/02-step.md` */
  file: string;
  /** From 1; absent: the file or folder as a whole. */
  line?: number;
  /** What is wrong; the way out. */
  message: string;
}

export class Problems {
  readonly #list: Problem[] = [];

  add(file: string, line: number | undefined, message: string): void {
    this.#list.push({ file, message, ...(line === undefined ? {} : { line }) });
  }

  get count(): number {
    return this.#list.length;
  }

  get any(): boolean {
    return this.count > 0;
  }

  /** By file, then line. */
  list(): Problem[] {
    return [...this.#list].sort(
      (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || (a.line ?? 0) - (b.line ?? 0),
    );
  }

  /** One line each, `file:line: message`. */
  lines(): string[] {
    return this.list().map(({ file, line, message }) =>
      line === undefined ? `${file}: ${message}` : `${file}:${line}: ${message}`,
    );
  }
}

/** A value as messages quote it: short, one line. */
export function quoted(value: unknown): string {
  const text =
    typeof value === "string"
      ? JSON.stringify(value)
      : value === null || value === undefined
        ? "empty"
        : typeof value === "object"
          ? Array.isArray(value)
            ? "a list"
            : "a map"
          : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…${text.startsWith('"') ? '"' : ""}` : text;
}
