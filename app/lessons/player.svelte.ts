/** The lessons' state: which lesson and step is open, how its tasks stand, and what Reset goes back to. */
import type { Nestbox } from "../../emulator/control/api";
import type { Command, Course, Lesson, LessonSummary, Step, Task, View } from "../../tutorials/types";
import type { TerminalTab } from "../playground/terminals.svelte";
import type { Workspace } from "../playground/workspace.svelte";
import { reasonOf } from "../ui/notices.svelte";
import { solveTask } from "./catchUp";
import { Checker, type TaskReport } from "./checks";
import { Preparation } from "./preparation.svelte";
import { Progress } from "./progress.svelte";
import { formatRoute, parseRoute } from "./route";
import { LessonTypist } from "./typist.svelte";

/** What the build made of tutorials/. */
export interface Library {
  readonly courses: readonly Course[];
  loadLesson(id: string): Promise<Lesson>;
}

/** The page's address, replaceable for tests. */
export interface Address {
  get(): string;
  /** `replace`: without a step back in the browser's history. */
  set(hash: string, replace: boolean): void;
}

/** Steps passed by quickly are not worth a snapshot. */
const KEEP_AFTER_MS = 500;
const TERMINALS_MS = 3000;
const TERMINALS_LOOK_MS = 50;

type Desk = Pick<Workspace, "terminals" | "questions" | "notices" | "show" | "pane"> & {
  sandbox: { nestbox: Pick<Nestbox, "ready" | "exec" | "on" | "images" | "snapshot" | "restore"> };
};

export class Player {
  lesson: Lesson | undefined = $state.raw();
  step = $state(0);
  /** A lesson's text is being fetched. */
  loading: string | undefined = $state();
  /** Why a lesson could not be shown. */
  failure: string | undefined = $state();
  reports: Readonly<Record<string, TaskReport>> = $state.raw({});
  /** The state of the step's beginning: none yet, kept, or why not. */
  kept: { snapshot?: Blob; problem?: string } = $state.raw({});
  resetting = $state(false);
  /** The machine is new to the lesson, but the step is not its first: what the steps before made is missing. */
  behind = $state(false);
  /** Title of the task that is being caught up with. */
  catching: string | undefined = $state();
  readonly preparation: Preparation;
  readonly typist: LessonTypist;
  readonly progress: Progress;
  #checker: Checker | undefined;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;
  /** Grows with each step entered; what comes late for an older one is dropped. */
  #visit = 0;
  #watching = false;
  #catchingUp: AbortController | undefined;
  /** The step was prepared, and its checks may run. */
  #ready = false;

  constructor(
    private readonly desk: Desk,
    private readonly library: Library,
    private readonly address: Address = browserAddress,
    progress: Progress = new Progress(),
  ) {
    this.progress = progress;
    this.typist = new LessonTypist(desk);
    this.preparation = new Preparation(desk.sandbox.nestbox);
  }

  get courses(): readonly Course[] {
    return this.library.courses;
  }

  get current(): Step | undefined {
    return this.lesson?.content[this.step];
  }

  /** Key of the step in the progress. */
  get stepKey(): string {
    return `${this.lesson?.id ?? ""}/${this.current?.slug ?? ""}`;
  }

  /** Something is being done to the machine, so nothing else may be typed. */
  get busy(): boolean {
    return this.typist.typing !== undefined || this.catching !== undefined || this.resetting;
  }

  /** All tasks of the step are done, now. A step without tasks has nothing to complete. */
  get complete(): boolean {
    const tasks = this.current?.tasks ?? [];
    return tasks.length > 0 && tasks.every(({ id }) => this.reports[id]?.state === "done");
  }

  get isLast(): boolean {
    return this.step + 1 >= (this.lesson?.content.length ?? 0);
  }

  /** The lesson after this one in its course. */
  get following(): LessonSummary | undefined {
    const course = this.courses.find(({ lessons }) => lessons.some(({ id }) => id === this.lesson?.id));
    const at = course?.lessons.findIndex(({ id }) => id === this.lesson?.id) ?? -1;
    return at < 0 ? undefined : course?.lessons[at + 1];
  }

  /** Begins to follow the address and the machine; call what it returns when the pane goes. The step is kept meanwhile. */
  watch(): () => void {
    this.#watching = true;
    const unlisten = this.desk.terminals.onOutput(() => this.#checker?.activity());
    const route = parseRoute(this.address.get());
    if (this.lesson && this.current && route?.lesson === undefined)
      this.address.set(formatRoute({ lesson: this.lesson.id, step: this.current.slug }), true);
    void this.follow();
    return () => {
      this.#watching = false;
      unlisten();
      this.#pause();
    };
  }

  /** Shows what the address names. */
  async follow(): Promise<void> {
    const route = parseRoute(this.address.get());
    if (!route) return;
    if (route.lesson === undefined) {
      this.#close();
      return;
    }
    if (this.loading === route.lesson) return;
    const loaded = this.lesson?.id === route.lesson;
    if (!loaded && !(await this.#load(route.lesson))) return;
    const at = this.lesson?.content.findIndex(({ slug }) => slug === route.step) ?? -1;
    const step = Math.max(at, 0);
    if (!loaded || step !== this.step) this.#enter(step, at < 0);
    else this.#resume();
  }

  /** Opens a lesson at `step`, a slug; default where the reader was in it, else its beginning. */
  open(lesson: string, step?: string): void {
    const { last } = this.progress;
    const slug = step ?? (last?.lesson === lesson ? last.step : undefined);
    this.address.set(formatRoute({ lesson, ...(slug === undefined ? {} : { step: slug }) }), false);
    void this.follow();
  }

  showList(): void {
    this.address.set(formatRoute({}), false);
    void this.follow();
  }

  next(): void {
    if (this.current?.tasks.length === 0) this.progress.stepDone(this.stepKey);
    if (!this.isLast) this.#enter(this.step + 1);
    else if (this.following) this.open(this.following.id);
    else this.showList();
  }

  previous(): void {
    if (this.step > 0) this.#enter(this.step - 1);
  }

  goTo(step: number): void {
    if (step !== this.step && this.lesson?.content[step]) this.#enter(step);
  }

  /** Types a command block; failures are told. */
  async run(command: Command): Promise<boolean> {
    if (this.busy) return false;
    try {
      return await this.typist.type(command);
    } catch (cause) {
      this.desk.notices.failure("The command could not be typed", cause);
      return false;
    }
  }

  solve(task: Task): Promise<boolean> {
    return this.run({ terminal: task.terminal, lines: task.solution });
  }

  /** A failure of something the pane did itself. */
  tell(title: string, cause: unknown): void {
    this.desk.notices.failure(title, cause);
  }

  look(view: View): void {
    this.desk.show(view);
  }

  answer(quiz: number, chosen: number[], right: boolean): void {
    this.progress.answered(`${this.stepKey}#quiz-${quiz}`, { chosen, right });
  }

  answered(quiz: number): { chosen: number[]; right: boolean } | undefined {
    return this.progress.answer(`${this.stepKey}#quiz-${quiz}`);
  }

  /** Types the solutions of the steps before, each until its check says done. */
  async catchUp(): Promise<void> {
    const { lesson } = this;
    if (!lesson || this.busy) return;
    const visit = this.#visit;
    const abort = new AbortController();
    this.#catchingUp = abort;
    this.#stopChecks();
    try {
      for (const task of lesson.content.slice(0, this.step).flatMap(({ tasks }) => tasks)) {
        this.catching = task.title;
        await solveTask(this.desk.sandbox.nestbox, this.typist, task, abort.signal);
      }
      if (visit === this.#visit) this.behind = false;
    } catch (cause) {
      if (!abort.signal.aborted)
        this.desk.notices.failure(`Catching up ended at “${this.catching ?? lesson.title}”`, cause);
    } finally {
      this.catching = undefined;
      // Reset goes back to here, not to the empty machine.
      if (visit === this.#visit) {
        this.kept = {};
        if (this.#watching) this.#start(visit);
      }
    }
  }

  stopCatchingUp(): void {
    this.#catchingUp?.abort();
    this.typist.stop();
  }

  /** Asks, and sets the machine back to the beginning of the step. */
  async reset(): Promise<void> {
    const { snapshot } = this.kept;
    if (!snapshot || this.resetting) return;
    const yes = await this.desk.questions.ask({
      title: "Reset this step?",
      body: "The machine goes back to how it was when you came to this step: files, containers and processes made since are gone. Terminals start anew. Your progress is kept.",
      yes: "Reset",
      no: "Keep going",
    });
    if (!yes || this.kept.snapshot !== snapshot) return;
    const visit = this.#visit;
    this.resetting = true;
    this.typist.stop();
    this.#stopChecks();
    const before = this.desk.terminals.tabs.filter(({ state }) => state === "running");
    try {
      await this.desk.sandbox.nestbox.restore(snapshot);
      await this.#reopen(before);
    } catch (cause) {
      this.desk.notices.failure("The step could not be reset", cause);
    } finally {
      this.resetting = false;
      if (visit === this.#visit && this.#watching) this.#startChecks();
    }
  }

  /** After a lesson could not be loaded or prepared. */
  retry(): void {
    this.failure = undefined;
    if (this.lesson) this.#enter(this.step, true);
    else void this.follow();
  }

  /** Their shells have ended with the machine they ran in; each begins anew in its place. */
  async #reopen(tabs: readonly TerminalTab[]): Promise<void> {
    const deadline = Date.now() + TERMINALS_MS;
    let waiting = tabs;
    while (waiting.length > 0 && Date.now() < deadline) {
      for (const tab of waiting) tab.reopen();
      waiting = waiting.filter(({ state }) => state === "running");
      if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, TERMINALS_LOOK_MS));
    }
  }

  async #load(id: string): Promise<boolean> {
    this.#close();
    this.loading = id;
    try {
      if (!this.courses.some(({ lessons }) => lessons.some((lesson) => lesson.id === id)))
        throw new Error(`There is no lesson “${id.slice(0, 100)}”.`);
      const lesson = await this.library.loadLesson(id);
      if (this.#loadingNow() !== id) return false;
      this.lesson = lesson;
      return true;
    } catch (cause) {
      if (this.#loadingNow() === id) this.failure = reasonOf(cause);
      return false;
    } finally {
      if (this.#loadingNow() === id) this.loading = undefined;
    }
  }

  // A method, because TypeScript narrows fields across the awaits.
  #loadingNow(): string | undefined {
    return this.loading;
  }

  #close(): void {
    this.#leave();
    this.behind = false;
    this.lesson = undefined;
    this.loading = undefined;
    this.failure = undefined;
    this.step = 0;
  }

  /** Nothing is checked or typed while nobody looks; what Reset goes back to stays. */
  #pause(): void {
    this.#catchingUp?.abort();
    this.#stopChecks();
    this.typist.stop();
    this.preparation.cancel();
    clearTimeout(this.#keepTimer);
  }

  #resume(): void {
    if (!this.#watching || this.#checker || this.resetting || this.preparation.doing !== undefined) return;
    if (this.#ready) this.#start(this.#visit);
    else this.#enter(this.step, true);
  }

  /** Leaves the step: nothing is kept for it any more. */
  #leave(): void {
    this.#visit++;
    this.#pause();
    this.#ready = false;
    this.kept = {};
    this.reports = {};
  }

  #enter(at: number, replace = false): void {
    this.#leave();
    const { lesson } = this;
    if (at === 0) this.behind = false;
    const step = lesson?.content[at];
    if (!lesson || !step) return;
    this.step = at;
    this.address.set(formatRoute({ lesson: lesson.id, step: step.slug }), replace);
    this.progress.at(lesson.id, step.slug);
    void this.#begin(lesson, this.#visit);
  }

  async #begin(lesson: Lesson, visit: number): Promise<void> {
    const ready = await this.preparation.prepare(lesson);
    if (!ready || visit !== this.#visit) return;
    this.#ready = true;
    if (ready === "anew") this.behind = this.step > 0;
    if (this.#watching) this.#start(visit);
  }

  #start(visit: number): void {
    this.#startChecks();
    if (!this.kept.snapshot) this.#keepTimer = setTimeout(() => void this.#keep(visit), KEEP_AFTER_MS);
  }

  /** Takes the snapshot that Reset goes back to. */
  async #keep(visit: number): Promise<void> {
    let kept: Player["kept"];
    try {
      kept = { snapshot: await this.desk.sandbox.nestbox.snapshot() };
    } catch (cause) {
      kept = { problem: reasonOf(cause) };
    }
    if (visit === this.#visit) this.kept = kept;
  }

  #startChecks(): void {
    this.#stopChecks();
    const key = this.stepKey;
    this.#checker = new Checker(this.desk.sandbox.nestbox, this.current?.tasks ?? [], (id, report) => {
      this.reports = { ...this.reports, [id]: report };
      if (report.state === "done") this.progress.taskDone(`${key}#${id}`);
      if (this.complete) this.progress.stepDone(key);
    });
    this.#checker.start();
  }

  #stopChecks(): void {
    this.#checker?.stop();
    this.#checker = undefined;
  }
}

const browserAddress: Address = {
  get: () => location.hash,
  set: (hash, replace) => {
    if (location.hash === hash) return;
    if (replace) history.replaceState(history.state, "", hash);
    else history.pushState(null, "", hash);
  },
};
