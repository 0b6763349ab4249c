/** Pulls under way, layer by layer, for the strip under the images. */
import type { PullProgress } from "../../emulator/control/api";

export interface LayerLine {
  readonly id: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export interface Pull {
  readonly ref: string;
  readonly layers: readonly LayerLine[];
  /** The latest line about the whole image. */
  readonly status: string;
}

const MOST_LAYERS = 128;
/** Nothing says that a pull failed or was cancelled, so silence ends the strip. */
const SILENT_MS = 30_000;
const LINGER_MS = 1500;
const DONE = new Set(["Pull complete", "Already exists"]);

export class Pulls {
  list: Pull[] = $state.raw([]);
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing shows the timers
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  note({ ref, ...progress }: { ref: string } & PullProgress): void {
    const old = this.list.find((pull) => pull.ref === ref) ?? { ref, layers: [], status: "" };
    const pull =
      progress.id === undefined ? { ...old, status: progress.status } : withLayer(old, progress.id, progress);
    this.list = this.list.some((other) => other.ref === ref)
      ? this.list.map((other) => (other.ref === ref ? pull : other))
      : [...this.list, pull];
    const done = pull.layers.length > 0 && pull.layers.every((layer) => DONE.has(layer.status));
    clearTimeout(this.#timers.get(ref));
    this.#timers.set(
      ref,
      setTimeout(() => this.forget(ref), done ? LINGER_MS : SILENT_MS),
    );
  }

  forget(ref: string): void {
    clearTimeout(this.#timers.get(ref));
    this.#timers.delete(ref);
    this.list = this.list.filter((pull) => pull.ref !== ref);
  }
}

function withLayer(pull: Pull, id: string, progress: PullProgress): Pull {
  const line: LayerLine = { ...progress, id };
  const known = pull.layers.some((layer) => layer.id === id);
  if (!known && pull.layers.length >= MOST_LAYERS) return pull;
  const layers = known
    ? pull.layers.map((layer) => (layer.id === id ? line : layer))
    : [...pull.layers, line];
  return { ...pull, layers };
}
