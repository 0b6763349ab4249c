/** Messages to the user that do not stop the work: what happened, why, what next. */

export type Tone = "info" | "limit" | "failure";

export interface Notice {
  readonly id: number;
  readonly tone: Tone;
  readonly title: string;
  readonly detail: string;
  readonly action?: { label: string; run: () => void };
}

const MOST = 5;
const INFO_MS = 8000;

export class Notices {
  list: Notice[] = $state.raw([]);
  #next = 1;
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing shows the timers
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();

  /** The same title and detail again replaces the earlier one; the oldest leaves when there are more than five. */
  add(notice: Omit<Notice, "id">): void {
    const same = this.list.find((other) => other.title === notice.title && other.detail === notice.detail);
    if (same) this.dismiss(same.id);
    const id = this.#next++;
    this.list = [...this.list, { ...notice, id }];
    for (const old of this.list.slice(0, -MOST)) this.dismiss(old.id);
    // Failures and limits stay until they are read and closed.
    if (notice.tone === "info")
      this.#timers.set(
        id,
        setTimeout(() => this.dismiss(id), INFO_MS),
      );
  }

  /** A failure from a rejected promise, whatever it was rejected with. */
  failure(title: string, cause: unknown): void {
    this.add({ tone: "failure", title, detail: reasonOf(cause) });
  }

  dismiss(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
