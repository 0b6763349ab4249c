/** What the reader has done, kept in localStorage where the browser allows it. Done stays done; two tabs add up. */

/** Answers of a quiz by number. */
export interface Answer {
  chosen: number[];
  right: boolean;
}

interface Values {
  /** `course/lesson/step` */
  steps: string[];
  /** `course/lesson/step#task` */
  tasks: string[];
  /** By `course/lesson/step#n`. */
  quizzes: Record<string, Answer>;
  /** Where the reader was last. */
  last?: { lesson: string; step: string };
}

/** Another format gets another key. */
export const PROGRESS_KEY = "nestbox.progress.v1";
const MOST = 4000;
const MOST_OPTIONS = 20;
const STEP = /^[a-z0-9-]{1,60}(\/[a-z0-9-]{1,60}){2}$/;
const PART = /^[a-z0-9-]{1,60}(\/[a-z0-9-]{1,60}){2}#[a-z0-9-]{1,60}$/;
const LESSON = /^[a-z0-9-]{1,60}\/[a-z0-9-]{1,60}$/;

type Keeper = Pick<Storage, "getItem" | "setItem">;

export class Progress {
  #values: Values = $state.raw({ steps: [], tasks: [], quizzes: {} });
  /** False when the browser refuses storage: progress then lasts as long as the page. */
  kept: boolean = $state(true);

  constructor(private readonly storage: Keeper | undefined = browserStorage()) {
    this.kept = storage !== undefined;
    this.#values = this.#read();
  }

  get last(): { lesson: string; step: string } | undefined {
    return this.#values.last;
  }

  hasStep(step: string): boolean {
    return this.#values.steps.includes(step);
  }

  hasTask(task: string): boolean {
    return this.#values.tasks.includes(task);
  }

  /** How many steps of `course/lesson` have been done. */
  stepsOf(lesson: string): number {
    return this.#values.steps.filter((step) => step.startsWith(`${lesson}/`)).length;
  }

  answer(quiz: string): Answer | undefined {
    return this.#values.quizzes[quiz];
  }

  stepDone(step: string): void {
    if (!this.hasStep(step)) this.#change((values) => ({ ...values, steps: [...values.steps, step] }));
  }

  taskDone(task: string): void {
    if (!this.hasTask(task)) this.#change((values) => ({ ...values, tasks: [...values.tasks, task] }));
  }

  answered(quiz: string, answer: Answer): void {
    this.#change((values) => ({ ...values, quizzes: { ...values.quizzes, [quiz]: answer } }));
  }

  at(lesson: string, step: string): void {
    this.#change((values) => ({ ...values, last: { lesson, step } }));
  }

  /** All of it. */
  forget(): void {
    this.#write({ steps: [], tasks: [], quizzes: {} });
  }

  #change(edit: (values: Values) => Values): void {
    // Another tab may have added something since.
    this.#write(edit(merge(this.#values, this.#read())));
  }

  #write(values: Values): void {
    this.#values = sanitize(values);
    try {
      this.storage?.setItem(PROGRESS_KEY, JSON.stringify({ version: 1, ...this.#values }));
    } catch {
      this.kept = false; // Full or refused since.
    }
  }

  #read(): Values {
    try {
      return sanitize(JSON.parse(this.storage?.getItem(PROGRESS_KEY) ?? "{}"));
    } catch {
      return sanitize({}); // Damaged by hand: what this page knows goes on.
    }
  }
}

function merge(ours: Values, theirs: Values): Values {
  const both = (a: string[], b: string[]): string[] => [...new Set([...a, ...b])];
  return {
    ...ours,
    steps: both(ours.steps, theirs.steps),
    tasks: both(ours.tasks, theirs.tasks),
    quizzes: { ...theirs.quizzes, ...ours.quizzes },
  };
}

/** Only what has the right form; anything else is left out. */
function sanitize(stored: unknown): Values {
  const values: Values = { steps: [], tasks: [], quizzes: {} };
  if (!isObject(stored)) return values;
  values.steps = names(stored["steps"], STEP);
  values.tasks = names(stored["tasks"], PART);
  if (isObject(stored["quizzes"]))
    for (const [key, answer] of Object.entries(stored["quizzes"]).slice(0, MOST)) {
      if (!PART.test(key) || !isObject(answer) || !Array.isArray(answer["chosen"])) continue;
      const chosen = answer["chosen"].filter(
        (option): option is number => Number.isInteger(option) && option >= 0 && option < MOST_OPTIONS,
      );
      values.quizzes[key] = { chosen: chosen.slice(0, MOST_OPTIONS), right: answer["right"] === true };
    }
  const { last } = stored as { last?: unknown };
  if (
    isObject(last) &&
    typeof last["lesson"] === "string" &&
    typeof last["step"] === "string" &&
    LESSON.test(last["lesson"]) &&
    STEP.test(`${last["lesson"]}/${last["step"]}`)
  )
    values.last = { lesson: last["lesson"], step: last["step"] };
  return values;
}

function names(list: unknown, pattern: RegExp): string[] {
  if (!Array.isArray(list)) return [];
  return list.filter((name): name is string => typeof name === "string" && pattern.test(name)).slice(0, MOST);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reading `localStorage` itself throws where third-party storage is blocked. */
function browserStorage(): Keeper | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
