/** The running machine as the page sees it: events of the public API turned into state. */
import type { Container, Image, Nestbox } from "../../emulator/control/api";
import { Boot } from "../ui/boot.svelte";
import { Notices } from "../ui/notices.svelte";
import { Pulls } from "./pulls.svelte";

/** Reading /proc/meminfo starts a process in the guest: seldom. */
const MEMORY_EVERY_MS = 10_000;
const MEMORY_AFTER_MS = 500;

const PROBLEM_TITLES: Readonly<Record<string, string>> = {
  storage: "Image storage is limited",
  "broken-stream": "The link to the machine broke",
  "agent-lost": "The machine does not answer",
  unresponsive: "The machine does not answer",
  stalled: "The machine is slow to start",
  "terminal-input": "Input was dropped",
  "layer-lost": "Part of an image is gone",
  clock: "The machine's clock is wrong",
};

export class Sandbox {
  containers: Container[] = $state.raw([]);
  images: Image[] = $state.raw([]);
  /** Bytes of the machine, from /proc/meminfo. */
  memory: { total: number; available: number } | undefined = $state.raw();
  readonly pulls = new Pulls();
  readonly boot: Boot;
  #memoryReadAt = -Infinity;
  #memoryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly nestbox: Nestbox,
    readonly notices: Notices,
    cold: boolean,
  ) {
    this.boot = new Boot(cold);
    nestbox.on("containers", (containers) => {
      this.containers = containers;
      this.#readMemoryLater();
    });
    nestbox.on("images", (images) => (this.images = images));
    nestbox.on("pull", (progress) => this.pulls.note(progress));
    nestbox.on("problem", ({ code, message, fatal }) => {
      if (fatal) return;
      notices.add({
        tone: "limit",
        title: PROBLEM_TITLES[code] ?? "The machine reports a problem",
        detail: message,
      });
    });
    this.boot.follow(nestbox);
    nestbox.ready.then(
      () => this.#fill(),
      () => undefined, // Boot shows the reason.
    );
  }

  get status(): "starting" | "running" | "stopped" {
    if (this.boot.failure) return "stopped";
    return this.boot.ready ? "running" : "starting";
  }

  /** What was there before the events began. */
  async #fill(): Promise<void> {
    this.#readMemoryLater();
    try {
      [this.containers, this.images] = await Promise.all([
        this.nestbox.containers.list(),
        this.nestbox.images.list(),
      ]);
    } catch (cause) {
      this.notices.failure("The lists of containers and images could not be read", cause);
    }
  }

  #readMemoryLater(): void {
    if (this.#memoryTimer !== undefined || !this.boot.ready) return;
    const wait = Math.max(MEMORY_AFTER_MS, this.#memoryReadAt + MEMORY_EVERY_MS - performance.now());
    this.#memoryTimer = setTimeout(() => void this.#readMemory(), wait);
  }

  async #readMemory(): Promise<void> {
    this.#memoryTimer = undefined;
    this.#memoryReadAt = performance.now();
    try {
      const { stdout } = await this.nestbox.exec(["cat", "/proc/meminfo"], { timeoutMs: 5000 });
      this.memory = parseMeminfo(stdout) ?? this.memory;
    } catch {
      // Only a figure in the top bar; a machine that does not answer says so elsewhere.
    }
  }
}

/** Bytes from the kB lines of proc_meminfo(5). */
export function parseMeminfo(text: string): { total: number; available: number } | undefined {
  const read = (name: string): number | undefined => {
    const match = new RegExp(`^${name}:\\s+(\\d{1,12}) kB$`, "m").exec(text);
    return match ? Number(match[1]) * 1024 : undefined;
  };
  const total = read("MemTotal");
  const available = read("MemAvailable");
  return total === undefined || available === undefined ? undefined : { total, available };
}
