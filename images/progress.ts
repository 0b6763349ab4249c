import type { PullProgress } from "./types";

const SHORTEST_PAUSE_MS = 100;

/** One layer's line of a pull: every change of status, and its counts about ten times a second. */
export class LayerProgress {
  #status = "";
  #last = 0;
  #complete = false;
  readonly #id: string;

  constructor(
    digest: string,
    private readonly report: (progress: PullProgress) => void,
  ) {
    this.#id = digest.slice("sha256:".length, "sha256:".length + 12);
  }

  /** `current` and `total` are bytes. */
  status(status: string, current?: number, total?: number): void {
    const now = performance.now();
    const complete = current !== undefined && current === total;
    const soon = complete ? this.#complete : now - this.#last < SHORTEST_PAUSE_MS;
    if (status === this.#status && soon) return;
    this.#complete = complete;
    this.#status = status;
    this.#last = now;
    this.report({
      id: this.#id,
      status,
      ...(current !== undefined && { current }),
      ...(total !== undefined && { total }),
    });
  }
}
