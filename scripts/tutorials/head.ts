/** Front matter: YAML checked against a schema, each complaint with the line it is about. */
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { quoted, type Problems } from "./problems.ts";

export interface Head<T> {
  value: T;
  /** Line of the key or list item at that path; of the nearest one there is. */
  line(path: readonly PropertyKey[]): number;
}

/**
 * Checks `yaml`, whose first line is line `first` of the file. The schema's messages are ways out ("give …"); what is
 * wrong is said here. Undefined when there was a problem, which has been added then.
 */
export function readHead<T>(
  yaml: string,
  first: number,
  file: string,
  schema: z.ZodType<T>,
  problems: Problems,
): Head<T> | undefined {
  const counter = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: counter, prettyErrors: false, merge: false });
  const lineAt = (offset: number): number => counter.linePos(offset).line + first - 1;
  const line = (path: readonly PropertyKey[]): number => lineAt(offsetOf(document, path));
  if (document.errors.length > 0) {
    for (const { pos, message } of document.errors)
      problems.add(
        file,
        lineAt(pos[0]),
        `the front matter is not YAML: ${message.replace(/\s+/g, " ")}; correct it (text with ": " or "#" in it goes in quotes).`,
      );
    return undefined;
  }
  let given: unknown;
  try {
    given = document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch {
    problems.add(file, first, "the front matter uses an alias (*name); write the value out.");
    return undefined;
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    problems.add(file, first, `the front matter is ${quoted(given)}; give lines of the form "key: value".`);
    return undefined;
  }
  const result = schema.safeParse(given);
  if (result.success) return { value: result.data, line };
  for (const issue of result.error.issues) report(issue, given, line, file, problems);
  return undefined;
}

function report(
  issue: z.core.$ZodIssue,
  given: unknown,
  line: (path: readonly PropertyKey[]) => number,
  file: string,
  problems: Problems,
): void {
  const { path } = issue;
  const name = path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys)
      problems.add(
        file,
        line([...path, key]),
        `${[...path, key].map(String).join(".")} is not known; ${issue.message}.`,
      );
    return;
  }
  if (issue.code === "invalid_key") {
    problems.add(file, line(path), `${name} is no id; ${issue.issues[0]?.message ?? issue.message}.`);
    return;
  }
  const value = path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    given,
  );
  const what =
    value === undefined ? `${name} is missing` : `${name || "the front matter"} is ${quoted(value)}`;
  problems.add(file, line(path), `${what}; ${issue.message}.`);
}

/** Where the key at `path` stands; where it is missing, the nearest one above that is there. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) return offset;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
    } else {
      const child = document.getIn(path.slice(0, path.indexOf(key) + 1) as unknown[], true);
      if (!isNode(child)) return offset;
      if (child.range) offset = child.range[0];
      node = child;
    }
  }
  return offset;
}
