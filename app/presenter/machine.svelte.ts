/** The talk's machine: made ready with the talk's images and setup, kept as it was then, and set back to that. */
import type { NestboxHandle } from "../../emulator/control";
import type { Talk } from "../../tutorials/types";
import { Boot } from "../ui/boot.svelte";
import { reasonOf, type Notices } from "../ui/notices.svelte";

/** The part of the sandbox that a talk needs. */
export type TalkNestbox = Pick<
  NestboxHandle,
  "terminals" | "ready" | "on" | "exec" | "images" | "snapshot" | "restore" | "restart"
>;

const SETUP_MS = 60_000;
const SNAPSHOT_MS = 15_000;

export class TalkMachine {
  boot: Boot = $state.raw(new Boot(false));
  /** What is being done before the first prompt; undefined: nothing. */
  preparing: string | undefined = $state();
  #prepared: Promise<void>;
  #start: Blob | undefined;

  constructor(
    private readonly nestbox: TalkNestbox,
    private readonly talk: Pick<Talk, "images" | "setup">,
    private readonly notices: Notices,
    cold = false,
  ) {
    this.#prepared = this.#begin(cold, () => nestbox.ready);
  }

  /** Resolves when a terminal may be opened; rejects when the machine did not start. Another promise after `retry`. */
  get prepared(): Promise<void> {
    return this.#prepared;
  }

  get running(): boolean {
    return this.boot.ready && !this.boot.failure;
  }

  /** After a failure: a machine from the beginning. */
  async retry(cold: boolean): Promise<void> {
    this.#start = undefined;
    this.#prepared = this.#begin(cold, () => this.nestbox.restart({ cold }));
    await this.#prepared;
  }

  /** Sets the machine back to the talk's start; terminals end. Without a kept state it starts anew, which takes longer. */
  async reset(): Promise<void> {
    const start = this.#start;
    if (start && this.running) {
      try {
        await this.nestbox.restore(start);
        return;
      } catch (cause) {
        this.notices.add({
          tone: "limit",
          title: "The kept state could not be restored",
          detail: `${reasonOf(cause)} The machine is started anew instead.`,
        });
      }
    }
    await this.retry(false);
  }

  #begin(cold: boolean, start: () => Promise<void>): Promise<void> {
    const prepared = this.#prepare(cold, start);
    // Every terminal waits for it too, and Boot shows the reason.
    prepared.catch(() => undefined);
    return prepared;
  }

  async #prepare(cold: boolean, start: () => Promise<void>): Promise<void> {
    const ready = start();
    const boot = new Boot(cold);
    boot.follow({ on: (event, handler) => this.nestbox.on(event, handler), ready });
    this.boot = boot;
    await ready;
    try {
      await this.#pullAndSetUp();
      await this.#keep();
    } finally {
      this.preparing = undefined;
    }
  }

  /** What fails here is told; the talk can be given without it, up to the command that needs it. */
  async #pullAndSetUp(): Promise<void> {
    for (const ref of this.talk.images) {
      this.preparing = `Fetching ${ref}`;
      try {
        await this.nestbox.images.pull(ref);
      } catch (cause) {
        this.notices.failure(`The image ${ref} could not be fetched`, cause);
      }
    }
    if (this.talk.setup === undefined) return;
    this.preparing = "Setting the talk up";
    try {
      const { exitCode, stderr, timedOut } = await this.nestbox.exec(["sh", "-c", this.talk.setup], {
        timeoutMs: SETUP_MS,
        maxOutput: 64 << 10,
      });
      const last = stderr.trim().split("\n").at(-1)?.slice(0, 300);
      if (timedOut) throw new Error(`It did not end within ${SETUP_MS / 1000} s.`);
      if (exitCode !== 0) throw new Error(`Its script ended with ${exitCode}${last ? `: ${last}` : ""}.`);
    } catch (cause) {
      this.notices.failure("The talk's setup failed", cause);
    }
  }

  async #keep(): Promise<void> {
    this.preparing = "Keeping the start, to come back to";
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`It took over ${SNAPSHOT_MS / 1000} s.`)), SNAPSHOT_MS);
    });
    try {
      this.#start = await Promise.race([this.nestbox.snapshot(), late]);
    } catch (cause) {
      // The way back is then a fresh machine: slower, no worse.
      console.warn(`The talk's start could not be kept: ${reasonOf(cause)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}
