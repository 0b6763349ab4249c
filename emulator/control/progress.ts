/** How far a start is, told in measured steps, and a word when nothing moves any more. */
import type { BootProgress } from "./api";

/** Without progress for this long while starting, the page is told what we wait for. */
const STALL_MS = 10_000;
/** Progress within a phase is told no more often than this. */
const GAP_MS = 100;

const WAITING: Readonly<Record<BootProgress["phase"], string>> = {
  download: "the server to send more of the machine",
  restore: "the saved machine to be unpacked",
  boot: "the kernel to be loaded",
  connect: "the machine to answer",
  ready: "nothing",
};

export class StartProgress {
  phase: BootProgress["phase"] = "download";
  private readonly startedAt = performance.now();
  private movedAt = this.startedAt;
  private toldAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly onProgress: (progress: BootProgress) => void,
    /** Hears a sentence to show. */
    private readonly onStall: (sentence: string) => void,
  ) {}

  /** Looks for stalls until `unwatch`. */
  watch(): void {
    this.timer = setInterval(() => this.checkStall(), STALL_MS / 4);
  }

  unwatch(): void {
    clearInterval(this.timer);
  }

  tell(phase: BootProgress["phase"], bytes?: number, total?: number): void {
    const now = performance.now();
    const same = phase === this.phase && bytes !== undefined && bytes !== 0 && bytes !== total;
    this.phase = phase;
    this.movedAt = now;
    // A download comes in a hundred pieces; showing each would take the time it tells of.
    if (same && now - this.toldAt < GAP_MS) return;
    this.toldAt = now;
    this.onProgress({
      phase,
      elapsedMs: Math.round(now - this.startedAt),
      ...(bytes === undefined ? {} : { bytes }),
      ...(total === undefined ? {} : { total }),
    });
  }

  private checkStall(): void {
    if (performance.now() - this.movedAt < STALL_MS) return;
    this.movedAt = performance.now();
    this.onStall(
      `Nothing has happened for ${Math.round(STALL_MS / 1000)} s; still waiting for ${WAITING[this.phase]}.`,
    );
  }
}
