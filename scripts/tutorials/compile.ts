/** The folder `tutorials/` as data (tutorials/types.ts), with everything that is wrong in it. Pure; files.ts reads the disk. */
import type { Course, Lesson, Step, Talk } from "../../tutorials/types.ts";
import { blocksOf } from "./blocks.ts";
import { readHead } from "./head.ts";
import { readLesson, readStep, type Parsed } from "./lesson.ts";
import { readPage } from "./markdown.ts";
import { Problems } from "./problems.ts";
import { courseHead, ID } from "./schema.ts";
import { readTalk } from "./talk.ts";

export interface Compiled {
  courses: Course[];
  lessons: Map<string, Lesson>;
  talks: Map<string, Talk>;
}

const NUMBERED = /^\d\d-[a-z0-9][a-z0-9-]{0,39}$/;
const NAMES = "lower-case letters, digits and -";
const LONGEST = 256 * 1024;
const TALKS = "talks";

/** Files by path below `tutorials/`, such as `course/01-lesson/lesson.md`; messages name them with `root` before it. */
export function compile(
  files: ReadonlyMap<string, string>,
  root = "tutorials",
): { compiled: Compiled; problems: string[] } {
  const problems = new Problems();
  const compiled: Compiled = { courses: [], lessons: new Map(), talks: new Map() };
  const links: { file: string; to: string; line: number }[] = [];
  const folders = new Map<string, string[]>();
  for (const path of [...files.keys()].sort()) {
    const [folder, ...rest] = path.split("/") as [string, ...string[]];
    if (rest.length > 0) folders.set(folder, [...(folders.get(folder) ?? []), rest.join("/")]);
    else if (path.endsWith(".md") && path !== "FORMAT.md")
      problems.add(
        `${root}/${path}`,
        undefined,
        `a lesson is a folder, and a talk is in ${TALKS}/; move the file.`,
      );
    if ((files.get(path) ?? "").length > LONGEST)
      problems.add(`${root}/${path}`, undefined, `the file is over ${LONGEST / 1024} KiB; split it.`);
  }
  const read = (path: string) => ({ path: `${root}/${path}`, text: files.get(path) ?? "" });
  const keep = <T>(parsed: Parsed<T> | undefined, file: string): T | undefined => {
    for (const link of parsed?.links ?? []) links.push({ file, ...link });
    return parsed?.value;
  };

  for (const [folder, names] of folders) {
    if (folder === TALKS) {
      for (const name of names) {
        const id = name.replace(/\.md$/, "");
        if (!name.endsWith(".md") || !ID.test(id)) {
          problems.add(
            `${root}/${folder}/${name}`,
            undefined,
            `a talk is a file ${TALKS}/NAME.md of ${NAMES}; rename it.`,
          );
          continue;
        }
        const { path, text } = read(`${folder}/${name}`);
        const talk = readTalk(id, path, text, problems);
        if (talk) compiled.talks.set(id, talk);
      }
    } else course(folder, names);
  }

  function course(folder: string, names: readonly string[]): void {
    const at = `${root}/${folder}`;
    if (!ID.test(folder))
      problems.add(at, undefined, `a course's folder is named with ${NAMES}, at most 40; rename it.`);
    const lessons = new Map<string, string[]>();
    for (const name of names) {
      const [lesson, file, ...deeper] = name.split("/") as [string, ...string[]];
      if (file === undefined) {
        if (name !== "course.md")
          problems.add(
            `${at}/${name}`,
            undefined,
            "a course has course.md and a folder for each lesson; move or delete the file.",
          );
      } else if (!NUMBERED.test(lesson)) {
        if (!lessons.has(lesson))
          problems.add(
            `${at}/${lesson}`,
            undefined,
            `a lesson's folder has two digits, "-" and a name of ${NAMES}, such as 01-first; rename it.`,
          );
        lessons.set(lesson, []);
      } else if (deeper.length > 0) {
        problems.add(`${at}/${name}`, undefined, "a lesson has no folders in it; move the file.");
      } else lessons.set(lesson, [...(lessons.get(lesson) ?? []), file]);
    }
    const made = [...lessons]
      .filter(([name]) => NUMBERED.test(name))
      .flatMap(([name, own]) => lesson(folder, name, own) ?? []);
    twice([...lessons.keys()], at, "lessons");
    if (lessons.size === 0)
      problems.add(
        at,
        undefined,
        "the course has no lessons; add a folder such as 01-first with a lesson.md.",
      );
    if (!names.includes("course.md")) {
      problems.add(
        `${at}/course.md`,
        undefined,
        "the file is missing; write it, with title and summary in its front matter.",
      );
      return;
    }
    const { path, text } = read(`${folder}/course.md`);
    const page = readPage(path, text, problems);
    const head =
      page.yaml === undefined ? undefined : readHead(page.yaml, page.yamlLine, path, courseHead, problems);
    if (blocksOf(page, problems).blocks.length > 0)
      problems.add(
        path,
        page.bodyLine,
        "a course has no text of its own; put it into the summary, or into a lesson.",
      );
    if (!head) return;
    compiled.courses.push({
      id: folder,
      ...head.value,
      lessons: made.map(({ id, title, summary, minutes, steps }) => ({ id, title, summary, minutes, steps })),
    });
  }

  function lesson(folder: string, name: string, names: readonly string[]): Lesson | undefined {
    const at = `${folder}/${name}`;
    const steps: Step[] = [];
    const slugs: string[] = [];
    for (const file of names) {
      const slug = file.replace(/\.md$/, "");
      if (file === "lesson.md") continue;
      if (!file.endsWith(".md") || !NUMBERED.test(slug)) {
        problems.add(
          `${root}/${at}/${file}`,
          undefined,
          `a step is a file with two digits, "-" and a name of ${NAMES}, such as 01-first.md; rename it.`,
        );
        continue;
      }
      slugs.push(slug);
      const source = read(`${at}/${file}`);
      const step = keep(readStep(slug, source, problems), source.path);
      if (step) steps.push(step);
    }
    twice(slugs, `${root}/${at}`, "steps");
    if (slugs.length === 0)
      problems.add(`${root}/${at}`, undefined, "the lesson has no steps; add a file such as 01-first.md.");
    if (!names.includes("lesson.md")) {
      problems.add(
        `${root}/${at}/lesson.md`,
        undefined,
        "the file is missing; write it, with title, summary and minutes in its front matter.",
      );
      return undefined;
    }
    const source = read(`${at}/lesson.md`);
    const head = keep(readLesson(at, source, problems), source.path);
    if (!head) return undefined;
    const made: Lesson = { ...head, steps: steps.length, content: steps };
    compiled.lessons.set(at, made);
    return made;
  }

  function twice(names: readonly string[], at: string, what: string): void {
    const numbers = new Map<string, string>();
    for (const name of names) {
      const number = name.slice(0, 2);
      const other = numbers.get(number);
      if (other !== undefined && NUMBERED.test(name))
        problems.add(
          at,
          undefined,
          `two ${what} have the number ${number}, ${other} and ${name}; renumber one.`,
        );
      else numbers.set(number, name);
    }
  }

  // Only now all lessons are known; where one is broken, a link to it is not the problem to report.
  if (!problems.any)
    for (const { file, to, line } of links) {
      const [courseId, lessonId, step, ...more] = to.split("/");
      const target = compiled.lessons.get(`${courseId ?? ""}/${lessonId ?? ""}`);
      if (
        !target ||
        more.length > 0 ||
        (step !== undefined && !target.content.some(({ slug }) => slug === step))
      )
        problems.add(
          file,
          line,
          `the link leads to the lesson ${JSON.stringify(to.slice(0, 80))}, which is not there; correct it.`,
        );
    }
  return { compiled, problems: problems.lines() };
}
