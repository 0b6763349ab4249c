/** A talk: slides between lines of ---. */
import type { RootContent } from "mdast";
import type { Command, Slide, Talk } from "../../tutorials/types.ts";
import { checkInner, closed } from "./blocks.ts";
import { checkPlainCode, commandOf } from "./command.ts";
import { readHead } from "./head.ts";
import { htmlOf, isRun, lineOf, readPage, type Page } from "./markdown.ts";
import type { Problems } from "./problems.ts";
import { talkHead } from "./schema.ts";

/** Undefined when something was wrong, which has been added then. */
export function readTalk(id: string, file: string, text: string, problems: Problems): Talk | undefined {
  const before = problems.count;
  const page = readPage(file, text, problems);
  const head =
    page.yaml === undefined ? undefined : readHead(page.yaml, page.yamlLine, file, talkHead, problems);
  const slides: Slide[] = [];
  let nodes: RootContent[] = [];
  let start = page.bodyLine;
  const flush = (): void => {
    if (nodes.every((node) => node.type === "definition"))
      problems.add(file, start, "the slide is empty; put text or a command in it, or take one --- away.");
    else slides.push(slideOf(nodes, page, problems));
    nodes = [];
  };
  for (const node of page.body) {
    if (node.type === "thematicBreak") {
      flush();
      start = lineOf(node);
    } else nodes.push(node);
  }
  flush();
  if (problems.count > before || !head) return undefined;
  const { title, minutes, images, setup } = head.value;
  return { id, title, minutes, images, slides, ...(setup === undefined ? {} : { setup }) };
}

function slideOf(nodes: readonly RootContent[], page: Page, problems: Problems): Slide {
  const bad = (node: RootContent, message: string) => problems.add(page.file, lineOf(node), message);
  const shown: RootContent[] = [];
  const notes: RootContent[] = [];
  const commands: Command[] = [];
  for (const node of nodes) {
    if (isRun(node)) {
      const command = commandOf(node, page, problems);
      if (command) commands.push(command);
    } else if (node.type === "containerDirective" && node.name === "notes") {
      if (!closed(node, page)) bad(node, ':::notes is never closed; end it with a line ":::".');
      else if (node.children.length === 0)
        bad(node, ":::notes is empty; put the speaker's text before the closing :::.");
      for (const child of node.children) checkInner(child, page, problems, true);
      notes.push(...node.children);
    } else if (node.type === "containerDirective" || node.type === "leafDirective") {
      const colons = node.type === "leafDirective" ? "::" : ":::";
      bad(
        node,
        `${colons}${node.name} is not for slides; a slide has text, \`\`\`sh run blocks and :::notes.`,
      );
    } else {
      if (node.type === "heading" && !/^\s{0,3}#/.test(page.source[lineOf(node) - 1] ?? ""))
        bad(
          node,
          "the --- or === right below makes this text a heading; leave an empty line before it, or begin the heading with #.",
        );
      if (node.type === "code") checkPlainCode(node, page, problems);
      checkInner(node, page, problems);
      shown.push(node);
    }
  }
  return { html: htmlOf(shown, page), commands, notes: htmlOf(notes, page) };
}
