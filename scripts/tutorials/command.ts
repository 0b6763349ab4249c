/** ```sh run blocks. */
import type { Code } from "mdast";
import type { Command } from "../../tutorials/types.ts";
import { lineOf, type Page } from "./markdown.ts";
import type { Problems } from "./problems.ts";
import { containerPath, linesOf, terminalName } from "./schema.ts";

const WAY = "the words after run are terminal=NAME and container=NAME";
/** A terminal takes a line of up to 4095 bytes. */
const LONGEST = 4000;

/** Undefined when there was a problem, which has been added then. */
export function commandOf(node: Code, page: Page, problems: Problems): Command | undefined {
  const line = lineOf(node);
  const before = problems.count;
  const bad = (message: string, at = line) => problems.add(page.file, at, message);
  if (node.lang !== "sh")
    bad(`a run block in ${JSON.stringify(node.lang ?? "")}; only sh can be run: \`\`\`sh run.`);
  const options = new Map<string, string>();
  for (const word of (node.meta ?? "").split(/\s+/).slice(1).filter(Boolean)) {
    const [, key, value] = /^(terminal|container)=(.*)$/.exec(word) ?? [];
    if (key === undefined || value === undefined) bad(`${JSON.stringify(word)} is not known; ${WAY}.`);
    else if (options.has(key)) bad(`${key}= stands twice; give it once.`);
    else options.set(key, value);
  }
  const container = read(containerPath, options.get("container"), "container", bad);
  const terminal = read(terminalName, options.get("terminal"), "terminal", bad);
  if (node.value.trim() === "") bad("the run block is empty; put the commands in it, or delete it.");
  node.value.split("\n").forEach((text, at) => {
    // eslint-disable-next-line no-control-regex -- finding control characters is the purpose
    if (/[\x00-\x09\x0b-\x1f\x7f]/.test(text))
      bad("a tab or control character is a key in a terminal; indent with spaces.", line + 1 + at);
    if (text.length > LONGEST)
      bad(`the line is longer than a terminal takes; give at most ${LONGEST} characters.`, line + 1 + at);
  });
  if (problems.count > before) return undefined;
  return {
    lines: linesOf(node.value),
    // A shell in a container is another terminal than the host's.
    terminal: terminal ?? (container ? container.join("-").toLowerCase() : "host"),
    ...(container ? { container } : {}),
  };
}

/** Words after ```sh that are not "run" come of a slip; silence would print the block as plain text. */
export function checkPlainCode(node: Code, page: Page, problems: Problems): void {
  if (node.meta && /\b(run|terminal=|container=)/.test(node.meta))
    problems.add(
      page.file,
      lineOf(node),
      `"${node.meta.slice(0, 60)}" does not begin with run; write \`\`\`sh run terminal=….`,
    );
}

interface Reader<T> {
  safeParse(
    value: unknown,
  ): { success: true; data: T } | { success: false; error: { issues: { message: string }[] } };
}

function read<T>(
  schema: Reader<T>,
  value: string | undefined,
  key: string,
  bad: (message: string) => void,
): T | undefined {
  if (value === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  bad(`${key}= is ${JSON.stringify(value.slice(0, 60))}; ${result.error.issues[0]?.message ?? WAY}.`);
  return undefined;
}
