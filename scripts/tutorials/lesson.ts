/** A lesson: its introduction and its steps; a step: front matter with tasks, and a body with a card for each. */
import type { Lesson, Step, Task } from "../../tutorials/types.ts";
import { blocksOf } from "./blocks.ts";
import { readHead, type Head } from "./head.ts";
import { readPage, type Page } from "./markdown.ts";
import type { Problems } from "./problems.ts";
import { lessonHead, stepHead } from "./schema.ts";

export interface Parsed<T> {
  value: T;
  links: Page["links"];
}

export interface SourceFile {
  path: string;
  text: string;
}

/** What `lesson.md` says; `content` is still to be filled. Undefined when something was wrong, which has been added then. */
export function readLesson(
  id: string,
  { path, text }: SourceFile,
  problems: Problems,
): Parsed<Omit<Lesson, "content" | "steps">> | undefined {
  const before = problems.count;
  const page = readPage(path, text, problems);
  const head =
    page.yaml === undefined ? undefined : readHead(page.yaml, page.yamlLine, path, lessonHead, problems);
  const { blocks, cards } = blocksOf(page, problems);
  for (const [task, line] of cards)
    problems.add(path, line, `task ${task} has its card in the introduction; tasks belong to steps.`);
  if (problems.count > before || !head) return undefined;
  const { title, summary, minutes, images, setup } = head.value;
  return {
    value: { id, title, summary, minutes, images, intro: blocks, ...(setup === undefined ? {} : { setup }) },
    links: page.links,
  };
}

export function readStep(
  slug: string,
  { path, text }: SourceFile,
  problems: Problems,
): Parsed<Step> | undefined {
  const before = problems.count;
  const page = readPage(path, text, problems);
  const head =
    page.yaml === undefined ? undefined : readHead(page.yaml, page.yamlLine, path, stepHead, problems);
  const { blocks, cards } = blocksOf(page, problems);
  if (!head) return undefined;
  const { title, tasks } = head.value;
  for (const [id, line] of cards)
    if (!Object.hasOwn(tasks, id))
      problems.add(
        path,
        line,
        `there is no task ${id}; ${namesOf(Object.keys(tasks), "the front matter has")}.`,
      );
  for (const id of Object.keys(tasks))
    if (!cards.has(id))
      problems.add(
        path,
        head.line(["tasks", id]),
        `task ${id} has no card; put ::task{#${id}} where it is to be solved.`,
      );
  checkNeeds(head, path, problems);
  if (blocks.length === 0 && problems.count === before)
    problems.add(path, page.bodyLine, "the step is empty; write what there is to read and to do.");
  if (problems.count > before) return undefined;
  const list = Object.entries(tasks).map(([id, task]): Task => {
    const { container, hintcheck, failcheck, ...rest } = task;
    return {
      id,
      ...rest,
      ...(container ? { container } : {}),
      ...(hintcheck === undefined ? {} : { hintcheck }),
      ...(failcheck === undefined ? {} : { failcheck }),
    };
  });
  return { value: { slug, title, tasks: list, blocks }, links: page.links };
}

/** Every `needs` names another task, once, and no task waits for itself in the end. */
function checkNeeds(
  head: Head<{ tasks: Record<string, { needs: string[] }> }>,
  path: string,
  problems: Problems,
): void {
  const { tasks } = head.value;
  for (const [id, { needs }] of Object.entries(tasks))
    needs.forEach((need, at) => {
      const line = head.line(["tasks", id, "needs", at]);
      const name = `tasks.${id}.needs.${at}`;
      if (!Object.hasOwn(tasks, need))
        problems.add(
          path,
          line,
          `${name} is ${JSON.stringify(need)}, which is no task; ${namesOf(Object.keys(tasks), "this step has")}.`,
        );
      else if (needs.indexOf(need) !== at)
        problems.add(path, line, `${name} names ${need} again; name it once.`);
    });
  // Depth first; a task met again on the way down closes a circle.
  const done = new Set<string>();
  const walk = (id: string, way: readonly string[]): void => {
    if (way.includes(id)) {
      const circle = [...way.slice(way.indexOf(id)), id].join(" → ");
      problems.add(
        path,
        head.line(["tasks", id, "needs"]),
        `tasks wait for each other: ${circle}; take one of these needs away.`,
      );
      return;
    }
    if (done.has(id)) return;
    for (const need of tasks[id]?.needs ?? []) if (Object.hasOwn(tasks, need)) walk(need, [...way, id]);
    done.add(id);
  };
  for (const id of Object.keys(tasks)) walk(id, []);
}

function namesOf(ids: readonly string[], begin: string): string {
  return ids.length === 0 ? `${begin} none` : `${begin} ${ids.join(", ")}`;
}
