/** The machine's way from the first byte to an answering shell, as the start screen tells it. */
import type { BootProgress, Nestbox } from "../../emulator/control/api";
import { reasonOf } from "./notices.svelte";

export type Phase = BootProgress["phase"];

export interface Failure {
  title: string;
  reason: string;
  /** What to do next. */
  advice: string;
}

const SILENT_MS = 3000;
const CONSOLE_CHARS = 16_000;

export const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  download: "Downloading the machine",
  restore: "Restoring memory",
  boot: "Booting Linux",
  connect: "Connecting to the machine",
  ready: "Ready",
};

const WAITING_FOR: Readonly<Record<Phase, string>> = {
  download: "Waiting for the server of this page to send the machine; the connection may be slow.",
  restore: "Waiting for the saved memory to be unpacked; this needs a free processor.",
  boot: "Waiting for the kernel to boot; without a snapshot this takes several seconds.",
  connect: "Waiting for the first answer from inside the machine.",
  ready: "",
};

export class Boot {
  /** A cold boot was asked for, so memory is not restored. */
  readonly cold: boolean;
  progress: BootProgress | undefined = $state.raw();
  ready = $state(false);
  failure: Failure | undefined = $state.raw();
  /** The last of the guest's console, for the curious and for bug reports. */
  console = $state("");
  #changedAt: number;
  #now = $state(0);
  readonly #startedAt: number;

  constructor(cold: boolean, now: number = performance.now()) {
    this.cold = cold;
    this.#startedAt = this.#changedAt = this.#now = now;
  }

  /** Follows `nestbox` until it is ready or failed; afterwards a fatal problem still becomes the failure. */
  follow(nestbox: Pick<Nestbox, "on" | "ready">): void {
    nestbox.on("progress", (progress) => this.advance(progress));
    nestbox.on("console", (text) => (this.console = (this.console + text).slice(-CONSOLE_CHARS)));
    nestbox.on("problem", (problem) => {
      if (problem.fatal)
        this.fail(this.ready ? "The machine stopped" : "The machine did not start", problem.message);
    });
    nestbox.ready.then(
      () => (this.ready = true),
      (error: unknown) => this.fail("The machine did not start", reasonOf(error)),
    );
  }

  advance(progress: BootProgress, now: number = performance.now()): void {
    this.progress = progress;
    this.#changedAt = this.#now = now;
  }

  /** Drives `elapsedMs` and `waiting`; the start screen calls it a few times a second. */
  tick(now: number = performance.now()): void {
    this.#now = now;
  }

  /** The first failure is the cause; what follows from it does not replace it. */
  fail(title: string, reason: string): void {
    this.failure ??= { title, reason, advice: this.#advice() };
  }

  get phase(): Phase {
    return this.progress?.phase ?? "download";
  }

  /** The phases of this start, in order. */
  get phases(): readonly Phase[] {
    return this.cold || this.phase === "boot"
      ? ["download", "boot", "connect"]
      : ["download", "restore", "connect"];
  }

  /** 0 … 1 of the phase, where its total is known. */
  get fraction(): number | undefined {
    const { bytes, total } = this.progress ?? {};
    return bytes !== undefined && total ? Math.min(1, bytes / total) : undefined;
  }

  get elapsedMs(): number {
    return this.#now - this.#startedAt;
  }

  /** What we wait for, once nothing has changed for three seconds. */
  get waiting(): string | undefined {
    return this.#now - this.#changedAt >= SILENT_MS ? WAITING_FOR[this.phase] : undefined;
  }

  #advice(): string {
    if (this.ready)
      return "Files and containers in it are gone; pulled images are kept. Start a fresh machine.";
    if (this.cold) return "Try again. If it stays, send us the details below.";
    return this.phase === "download"
      ? "Check the connection, then try again."
      : "Try again. If it stays, boot from cold: slower, but it needs no saved memory.";
  }
}
