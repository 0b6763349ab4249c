/** What front matter may hold. Messages are ways out; head.ts puts what is wrong before them. */
import { z } from "zod";

export const ID = /^[a-z0-9](?:[a-z0-9-]{0,39})$/;
export const TERMINAL = /^[a-z0-9](?:[a-z0-9-]{0,23})$/;
const CONTAINER = /^[A-Za-z0-9][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9][A-Za-z0-9_.-]*){0,15}$/;
export const MACHINE = "main";
/** `debian`, `debian:13`, `host:5000/path@sha256:…`; images/oci/reference.ts says exactly, when it is pulled. */
const REFERENCE =
  /^(?:[\w.-]+(?::\d{1,5})?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;
const LONGEST_LINE = 300;
const LONGEST_SCRIPT = 16_384;

const line = (what: string) => {
  const error = `give ${what}, one line of text (in quotes if it looks like a number)`;
  return z
    .string({ error })
    .trim()
    .min(1, { error })
    .max(LONGEST_LINE, { error: `give at most ${LONGEST_LINE} characters` })
    .refine((text) => !text.includes("\n"), { error });
};

const script = (what: string) => {
  const error = `give ${what}`;
  return z
    .string({ error })
    .max(LONGEST_SCRIPT, { error: `give at most ${LONGEST_SCRIPT} characters` })
    .refine((text) => text.trim() !== "", { error })
    .refine((text) => !text.includes("\0"), { error: "leave the NUL character out" });
};

/** Lines for a terminal: a tab there completes a name, and other control characters are keys too. */
const typed = (what: string) =>
  script(what)
    // eslint-disable-next-line no-control-regex -- finding control characters is the purpose
    .refine((text) => !/[\x00-\x09\x0b-\x1f\x7f]/.test(text), {
      error: "indent with spaces and leave control characters out, for they are keys in a terminal",
    })
    .transform((text) => linesOf(text));

/** Lines as typed; empty ones at the beginning and the end are not. */
export function linesOf(text: string): string[] {
  return text.replace(/^(?:[ ]*\n)+|\s+$/g, "").split("\n");
}

const minutes = z
  .int({ error: "give a whole number of minutes, 1 … 120" })
  .min(1, { error: "give 1 … 120 minutes" })
  .max(120, { error: "give 1 … 120 minutes" });

const images = z
  .array(
    z.string({ error: "give an image's name, such as busybox:latest" }).regex(REFERENCE, {
      error: "give an image's name with lower-case letters, such as busybox:latest",
    }),
    { error: 'give a list of image names, each on a line with "- " before it' },
  )
  .refine((list) => new Set(list).size === list.length, { error: "name each image once" })
  .default([]);

const setup = script("a shell script, or leave the key out").optional();

export const containerPath = z
  .string({ error: "give a container's name, or a path such as web/inner" })
  .regex(CONTAINER, { error: "give a container's name, or a path such as web/inner" })
  .transform((path) => path.split("/"));

export const terminalName = z
  .string({ error: "give a terminal's name of lower-case letters, digits and -" })
  .regex(TERMINAL, { error: "give a terminal's name of at most 24 lower-case letters, digits and -" });

const SECONDS = "give 1 … 30 seconds";

const task = z.strictObject(
  {
    title: line("what is to be done"),
    run: script("the script whose exit code 0 means done"),
    expect: line("what the script expects to see"),
    hintcheck: script("a script, or leave the key out").optional(),
    failcheck: script("a script, or leave the key out").optional(),
    needs: z
      .array(z.string({ error: "give the id of a task of this step" }), {
        error: "give a list of ids of tasks of this step",
      })
      .default([]),
    timeout: z.int({ error: SECONDS }).min(1, { error: SECONDS }).max(30, { error: SECONDS }).default(5),
    machine: z
      .literal(MACHINE, { error: `there is one machine so far, ${MACHINE}: leave the key out` })
      .default(MACHINE),
    container: containerPath.optional(),
    terminal: terminalName.default("host"),
    solution: typed("the lines one would type"),
    undo: typed("the lines that undo the task, for npm run lessons:test"),
  },
  {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? "a task has title, run, expect, hintcheck, failcheck, needs, timeout, machine, container, terminal, solution, undo"
        : "give the keys of a task: title, run, expect, solution, undo, …",
  },
);

export const stepHead = z.strictObject(
  {
    title: line("the step's title"),
    tasks: z
      .record(z.string().regex(ID, { error: "give at most 40 lower-case letters, digits and -" }), task, {
        error: "give a map from ids to tasks, or leave the key out",
      })
      .default({}),
  },
  { error: "a step has title and tasks" },
);

export const lessonHead = z.strictObject(
  { title: line("the lesson's title"), summary: line("a summary"), minutes, images, setup },
  { error: "a lesson has title, summary, minutes, images and setup" },
);

export const courseHead = z.strictObject(
  { title: line("the course's title"), summary: line("a summary") },
  { error: "a course has title and summary" },
);

export const talkHead = z.strictObject(
  { title: line("the talk's title"), minutes, images, setup },
  { error: "a talk has title, minutes, images and setup" },
);
