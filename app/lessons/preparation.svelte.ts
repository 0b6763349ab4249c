/** What a lesson needs before its first step: its images, and its setup script, once in each machine. */
import type { Nestbox } from "../../emulator/control/api";
import type { Lesson } from "../../tutorials/types";
import { formatBytes } from "../ui/bytes";
import { reasonOf } from "../ui/notices.svelte";
import { plain } from "./checks";

type Machine = Pick<Nestbox, "ready" | "exec" | "images" | "on">;
type Needs = Pick<Lesson, "id" | "images" | "setup">;

const SETUP_MS = 60_000;

export class Preparation {
  /** What is being done; undefined: nothing. */
  doing: string | undefined = $state();
  failure: { title: string; detail: string } | undefined = $state.raw();
  /** The lesson set up last: the setup of another may have cleared its things away. */
  #prepared: string | undefined;
  #abort: AbortController | undefined;

  constructor(private readonly machine: Machine) {
    // A machine that starts again has none of it.
    machine.on("progress", ({ phase }) => {
      if (phase !== "ready") this.#prepared = undefined;
    });
  }

  /** `anew`: all of it was done just now, so nothing of the lesson is there yet. False: cancelled or failed; `failure` says why. */
  async prepare(lesson: Needs): Promise<"anew" | "before" | false> {
    this.cancel();
    if (this.#prepared === lesson.id) return "before";
    const abort = new AbortController();
    this.#abort = abort;
    const { signal } = abort;
    let title = "The machine did not start";
    try {
      this.doing = "Waiting for the machine";
      await this.machine.ready;
      signal.throwIfAborted();
      this.doing = "Looking for images";
      const known = lesson.images.length === 0 ? [] : await this.machine.images.list();
      for (const ref of lesson.images) {
        if (known.some(({ refs }) => refs.includes(ref))) continue;
        title = `The image ${ref} could not be fetched`;
        await this.#pull(ref, signal);
      }
      if (lesson.setup !== undefined) {
        title = "The lesson's setup failed";
        this.doing = "Setting the lesson up";
        await this.#setUp(lesson.setup, signal);
      }
      signal.throwIfAborted();
      this.#prepared = lesson.id;
      return "anew";
    } catch (cause) {
      if (signal.aborted) return false;
      this.failure = { title, detail: reasonOf(cause) };
      return false;
    } finally {
      if (this.#abort === abort) {
        this.doing = undefined;
        this.#abort = undefined;
      }
    }
  }

  cancel(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.doing = undefined;
    this.failure = undefined;
  }

  async #pull(ref: string, signal: AbortSignal): Promise<void> {
    this.doing = `Fetching ${ref}`;
    await this.machine.images.pull(ref, {
      signal,
      onProgress: ({ current, total, status }) => {
        if (signal.aborted) return;
        const amount = total ? `: ${formatBytes(current ?? 0)} of ${formatBytes(total)}` : "";
        this.doing = `Fetching ${ref}, ${plain(status)}${amount}`;
      },
    });
  }

  async #setUp(setup: string, signal: AbortSignal): Promise<void> {
    const { exitCode, stdout, stderr, timedOut } = await this.machine.exec(["sh", "-c", setup], {
      timeoutMs: SETUP_MS,
      maxOutput: 64 << 10,
      signal,
    });
    const said = plain(stderr) || plain(stdout);
    if (timedOut) throw new Error(`It did not end within ${SETUP_MS / 1000} s. ${said}`);
    if (exitCode !== 0) throw new Error(`Its script ended with ${exitCode}. ${said}`);
  }
}
