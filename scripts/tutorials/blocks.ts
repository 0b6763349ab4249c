/** The body of a step: prose, commands, task cards, hints, quizzes and pointers, in order. */
import type { List, Nodes, RootContent } from "mdast";
import type { ContainerDirective, LeafDirective } from "mdast-util-directive";
import { toString } from "mdast-util-to-string";
import { EXIT, visit } from "unist-util-visit";
import type { Block, View } from "../../tutorials/types.ts";
import { checkPlainCode, commandOf } from "./command.ts";
import { htmlOf, isRun, lineOf, type Page } from "./markdown.ts";
import type { Problems } from "./problems.ts";

const VIEWS: readonly View[] = ["nesting", "containers", "terminal", "preview"];
const isView = (text: string): text is View => (VIEWS as readonly string[]).includes(text);
/** Under the pane's own headings for lesson and step. */
const SHIFT = 2;
const KNOWN = "known are ::task{#id}, :::hint[Title], :::quiz and ::look[text]{view=nesting}";

interface Context {
  page: Page;
  problems: Problems;
  /** Line of each task card seen. */
  cards: Map<string, number>;
  /** Title of the hint that encloses this. */
  within?: "hint";
}

/** Blocks of a page; `cards`: the lines of task cards, which the caller compares with its tasks. */
export function blocksOf(page: Page, problems: Problems): { blocks: Block[]; cards: Map<string, number> } {
  const cards = new Map<string, number>();
  return { blocks: blocks(page.body, { page, problems, cards }), cards };
}

function blocks(nodes: readonly RootContent[], context: Context): Block[] {
  const { page, problems } = context;
  const made: Block[] = [];
  let prose: RootContent[] = [];
  const flush = (): void => {
    if (prose.some((node) => node.type !== "definition"))
      made.push({ kind: "html", html: htmlOf(prose, page, SHIFT) });
    prose = [];
  };
  for (const node of nodes) {
    const block = special(node, context);
    if (block === "prose") {
      checkInner(node, page, problems);
      prose.push(node);
    } else {
      flush();
      if (block) made.push(block);
    }
  }
  flush();
  return made;
}

/** Undefined: broken, and reported. */
function special(node: RootContent, context: Context): Block | "prose" | undefined {
  const { page, problems } = context;
  const bad = (message: string): undefined => void problems.add(page.file, lineOf(node), message);
  if (isRun(node)) {
    const command = commandOf(node, page, problems);
    return command && { kind: "command", command };
  }
  if (node.type === "leafDirective") {
    if (node.name === "task") return taskCard(node, context);
    if (node.name === "look") return look(node, bad);
    if (node.name === "hint" || node.name === "quiz")
      return bad(
        `::${node.name} encloses something; write :::${node.name} with three colons, and ::: after it.`,
      );
    return bad(`::${node.name} is not known; ${KNOWN}.`);
  }
  if (node.type === "containerDirective") {
    if (!closed(node, page)) return bad(`:::${node.name} is never closed; end it with a line ":::".`);
    if (node.name === "hint") return hint(node, context);
    if (node.name === "quiz") return quiz(node, page, problems);
    if (node.name === "task" || node.name === "look")
      return bad(`:::${node.name} encloses nothing; write ::${node.name} with two colons.`);
    return bad(`:::${node.name} is not known; ${KNOWN}.`);
  }
  return "prose";
}

function taskCard(node: LeafDirective, { page, problems, cards, within }: Context): Block | undefined {
  const bad = (message: string): undefined => void problems.add(page.file, lineOf(node), message);
  const { id, ...others } = node.attributes ?? {};
  if (!id) return bad("::task has no id; write ::task{#id}.");
  const extra = Object.keys(others)[0];
  if (extra !== undefined || node.children.length > 0)
    return bad(`::task takes only an id; write ::task{#${id}} and put the rest into the front matter.`);
  if (within) return bad(`the card of task ${id} is in a ${within}, where nobody sees it; put it outside.`);
  const first = cards.get(id);
  if (first !== undefined) return bad(`the card of task ${id} stands in line ${first} already; keep one.`);
  cards.set(id, lineOf(node));
  return { kind: "task", id };
}

function look(node: LeafDirective, bad: (message: string) => undefined): Block | undefined {
  const { view, ...others } = node.attributes ?? {};
  const text = toString(node).trim();
  if (!text) return bad("::look has no text; write ::look[what to look at]{view=nesting}.");
  const extra = Object.keys(others)[0];
  if (extra !== undefined)
    return bad(`::look does not know ${extra}=; it takes view=, one of ${VIEWS.join(", ")}.`);
  if (!view) return bad(`::look has no view; give view=, one of ${VIEWS.join(", ")}.`);
  if (!isView(view)) return bad(`view=${view.slice(0, 40)} is not known; give one of ${VIEWS.join(", ")}.`);
  return { kind: "look", text, view };
}

function hint(node: ContainerDirective, context: Context): Block | undefined {
  const { page, problems } = context;
  const bad = (message: string): undefined => void problems.add(page.file, lineOf(node), message);
  if (context.within) return bad("a hint in a hint; put one after the other.");
  const { title, content } = labelled(node);
  const extra = Object.keys(node.attributes ?? {})[0];
  if (extra !== undefined) return bad(`:::hint does not know ${extra}; write :::hint[Title].`);
  if (!title) return bad("the hint has no title; write :::hint[Title].");
  if (content.length === 0) return bad("the hint is empty; put its text before the closing :::.");
  return { kind: "hint", title, blocks: blocks(content, { ...context, within: "hint" }) };
}

function quiz(node: ContainerDirective, page: Page, problems: Problems): Block | undefined {
  const bad = (message: string, at: Nodes = node): undefined =>
    void problems.add(page.file, lineOf(at), message);
  const { title, content } = labelled(node);
  if (title || Object.keys(node.attributes ?? {}).length > 0)
    return bad("the quiz has a title; write :::quiz alone, and the question as the first paragraph.");
  const before = problems.count;
  for (const child of content) checkInner(child, page, problems, true);
  if (problems.count > before) return undefined;
  const isOptions = (child: RootContent): child is List =>
    child.type === "list" && child.children.some(({ checked }) => typeof checked === "boolean");
  const lists = content.filter(isOptions);
  const [list, second] = lists;
  if (!list)
    return bad('the quiz has no answers; give lines "- [x] right" and "- [ ] wrong" after the question.');
  if (second) return bad("the quiz has two lists of answers; keep one list, without a break in it.", second);
  const plain = list.children.find(({ checked }) => typeof checked !== "boolean");
  if (plain) return bad('the answer has no box; begin it with "- [x] " or "- [ ] ".', plain);
  const at = content.indexOf(list);
  if (at === 0) return bad("the quiz has no question; put a paragraph before the answers.");
  const empty = list.children.find((item) => toString(item).trim() === "");
  if (empty) return bad("the answer is empty; put its text after the box.", empty);
  if (!list.children.some(({ checked }) => checked))
    return bad("no answer is right; mark at least one with [x].", list);
  if (list.children.every(({ checked }) => checked))
    return bad("every answer is right; add a wrong one with [ ].", list);
  return {
    kind: "quiz",
    question: htmlOf(content.slice(0, at), page, SHIFT),
    options: list.children.map((item) => {
      const [only, ...more] = item.children;
      const inline = only?.type === "paragraph" && more.length === 0;
      return {
        html: htmlOf(inline ? only.children : item.children, page, SHIFT),
        right: item.checked === true,
      };
    }),
    explanation: htmlOf(content.slice(at + 1), page, SHIFT),
  };
}

/** The `[label]` of a directive as text, and what it encloses. */
function labelled(node: ContainerDirective): { title: string; content: RootContent[] } {
  const [first, ...rest] = node.children;
  if (first?.type === "paragraph" && (first.data as { directiveLabel?: boolean } | undefined)?.directiveLabel)
    return { title: toString(first).trim(), content: rest };
  return { title: "", content: node.children };
}

/** Nothing special may hide in lists, quotes and quizzes: it would be printed as text. */
export function checkInner(node: RootContent, page: Page, problems: Problems, itself = false): void {
  visit(node, (inner) => {
    const here = inner === node && !itself;
    if (inner.type === "code" && !isRun(inner)) checkPlainCode(inner, page, problems);
    if (here) return;
    const what = isRun(inner)
      ? "a run block"
      : inner.type === "leafDirective"
        ? `::${inner.name}`
        : inner.type === "containerDirective"
          ? `:::${inner.name}`
          : undefined;
    if (what === undefined) return;
    problems.add(
      page.file,
      lineOf(inner),
      `${what} stands within something else; put it on the left margin, outside of lists, quotes and quizzes.`,
    );
    return EXIT;
  });
}

/** A container that runs to the end of the file unclosed looks like any other; its last line tells. */
export function closed(node: ContainerDirective, page: Page): boolean {
  const end = node.position?.end.line;
  if (end === undefined || !/^\s*:{3,}\s*$/.test(page.source[end - 1] ?? "")) return false;
  const last = node.children.at(-1);
  return !(last?.type === "containerDirective" && last.position?.end.line === end);
}
