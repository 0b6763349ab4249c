/** Markdown to a tree, the rules that hold everywhere in it, and a tree back to HTML. */
import { toHtml } from "hast-util-to-html";
import type { Code, Definition, Nodes, Root, RootContent } from "mdast";
import { toHast } from "mdast-util-to-hast";
import remarkDirective from "remark-directive";
import remarkFrontmatter from "remark-frontmatter";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";
import { CONTINUE, SKIP, visit } from "unist-util-visit";
import type { Problems } from "./problems.ts";

const parser = unified().use(remarkParse).use(remarkGfm).use(remarkDirective).use(remarkFrontmatter);

export interface Page {
  file: string;
  /** Front matter and the line it begins on; absent: there is none, which has been reported. */
  yaml: string | undefined;
  yamlLine: number;
  /** Line after the front matter. */
  bodyLine: number;
  body: RootContent[];
  definitions: Definition[];
  source: readonly string[];
  /** Addresses of lessons, `course/lesson[/step]`, and the lines they stand on. */
  links: { to: string; line: number }[];
}

export function lineOf(node: Nodes): number {
  return node.position?.start.line ?? 1;
}

/** Parses a file and checks what holds for all: front matter, no raw HTML, no pictures, links that lead somewhere. */
export function readPage(file: string, text: string, problems: Problems): Page {
  const tree = parser.parse(text);
  const source = text.split(/\r?\n/);
  const [head, ...rest] = tree.children;
  const yaml = head?.type === "yaml" ? head : undefined;
  if (!yaml) {
    const open = source[0]?.trim() === "---";
    problems.add(
      file,
      1,
      open
        ? 'the front matter is never closed; end it with a line "---".'
        : 'there is no front matter; begin the file with a line "---", "title: …", and "---".',
    );
  }
  const body = yaml ? rest : tree.children;
  const page: Page = {
    file,
    yaml: yaml?.value,
    yamlLine: 2,
    bodyLine: Math.min((yaml?.position?.end.line ?? 0) + 1, source.length),
    body,
    definitions: body.filter((node) => node.type === "definition"),
    source,
    links: [],
  };
  check({ type: "root", children: body }, page, problems);
  return page;
}

function check(root: Root, page: Page, problems: Problems): void {
  const bad = (node: Nodes, message: string) => problems.add(page.file, lineOf(node), message);
  visit(root, (node, index, parent) => {
    if (node.type === "html") bad(node, "raw HTML is not shown; write it as Markdown, or as `code`.");
    else if (node.type === "image" || node.type === "imageReference")
      bad(node, "pictures cannot be shown; use a table or code, or point to a view with ::look[…]{view=…}.");
    else if (node.type === "footnoteReference" || node.type === "footnoteDefinition")
      bad(node, "footnotes cannot be shown; put the words in brackets.");
    else if (node.type === "link" || node.type === "definition") checkLink(node, node.url, page, problems);
    else if (node.type === "textDirective") {
      // "sha256:abc" is text; what has brackets was meant as a directive.
      const meant = node.children.length > 0 || Object.keys(node.attributes ?? {}).length > 0;
      if (meant) {
        bad(
          node,
          `:${node.name}[…] within a line is not known; write ::look[…]{view=…} on a line of its own, or a \\ before the colon.`,
        );
      } else if (parent && index !== undefined) {
        (parent.children as Nodes[])[index] = { type: "text", value: `:${node.name}` };
      }
      return [SKIP, (index ?? 0) + 1];
    }
    return CONTINUE;
  });
}

function checkLink(node: Nodes, url: string, page: Page, problems: Problems): void {
  const line = lineOf(node);
  const lesson = /^#\/learn\/([^?#]+)$/.exec(url);
  if (lesson) {
    page.links.push({ to: lesson[1]!.replace(/\/$/, ""), line });
    return;
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:") {
    problems.add(
      page.file,
      line,
      `the link leads to ${JSON.stringify(url.slice(0, 80))}; give an address with https://, or a lesson's, #/learn/course/lesson.`,
    );
  } else if (/^(localhost|.*\.localhost|127\..*|\[::1\]|0\.0\.0\.0)$/.test(parsed.hostname)) {
    problems.add(
      page.file,
      line,
      "the link leads to the reader's own computer, not into the sandbox; write it as `code`, or use ::look[…]{view=preview}.",
    );
  }
}

/** HTML of some nodes. `shift` lowers headings, so that they stand below the page's own. */
export function htmlOf(nodes: readonly RootContent[], page: Page, shift = 0): string {
  const children = structuredClone([...nodes, ...page.definitions.filter((node) => !nodes.includes(node))]);
  const root: Root = { type: "root", children };
  visit(root, (node) => {
    if (node.type === "heading") node.depth = Math.min(6, node.depth + shift) as typeof node.depth;
    else if (node.type === "link" && /^https?:/.test(node.url))
      node.data = { hProperties: { target: "_blank", rel: ["noopener", "noreferrer"] } };
  });
  return toHtml(toHast(root)).trim();
}

export function isRun(node: Nodes): node is Code & { meta: string } {
  return node.type === "code" && /^run(\s|$)/.test(node.meta ?? "");
}
