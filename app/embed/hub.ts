/**
 * The boxes of a page share one machine: the first frame has it, the others get ports to it through the page. When its
 * owner goes, the others say so, and the first that starts again owns the next one.
 */
import type { Link } from "./link";

/** An owner that does not hand out a port by then is passed over. */
const SHARE_DEADLINE_MS = 20_000;
const WATCH_MS = 2000;

export type HubLink = Pick<Link, "call" | "alive" | "container">;

export class Hub {
  readonly #links = new Set<HubLink>();
  #owner: HubLink | undefined;
  /** A box was told to bring the machine, and its link is not made yet. */
  #promised = false;
  #watch: ReturnType<typeof setInterval> | undefined;

  /** Whether the next box must wait for another's machine. */
  claim(): { shared: boolean } {
    this.#sweep();
    if (this.#owner || this.#promised) return { shared: true };
    this.#promised = true;
    return { shared: false };
  }

  add(link: HubLink, shared: boolean): void {
    this.#links.add(link);
    if (!shared) {
      this.#promised = false;
      this.#owner ??= link;
    }
    this.#watch ??= setInterval(() => this.#sweep(), WATCH_MS);
  }

  /** Answers a frame that asks for a machine: a port to the owner's, or that it is to own one. */
  async give(link: HubLink): Promise<void> {
    this.#sweep();
    const owner = this.#owner;
    if (!owner || owner === link) {
      this.#owner = link;
      await link.call("machine", "own");
      return;
    }
    let port: unknown;
    try {
      port = await withDeadline(owner.call("share"));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      await link.call("lost", `The box that has the machine of this page did not share it: ${why}`);
      return;
    }
    if (port instanceof MessagePort) await link.call("machine", "port", port);
    else await link.call("lost", "The box that has the machine of this page did not share it.");
  }

  /** The machine of `link` is gone. `reload`: the frame stays, and starts one of its own if it had one. */
  gone(link: HubLink, reason: string, reload: boolean): void {
    if (!reload && !link.alive) this.#links.delete(link);
    if (this.#links.size === 0) {
      clearInterval(this.#watch);
      this.#watch = undefined;
    }
    if (this.#owner !== link) {
      // A box that was torn out could not end its container itself; --rm does the rest where it could.
      if (link.container !== undefined && this.#owner)
        void this.#owner.call("exec", ["docker", "rm", "-f", link.container], {}).catch(() => undefined);
      return;
    }
    this.#owner = reload ? link : undefined;
    for (const other of this.#links)
      if (other !== link) void other.call("lost", reason).catch(() => undefined); // closed meanwhile
  }

  /** Frames can be taken out of the page without a word. */
  #sweep(): void {
    for (const link of [...this.#links])
      if (!link.alive) this.gone(link, "The box that had the machine was removed from the page.", false);
  }
}

function withDeadline<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer for ${SHARE_DEADLINE_MS / 1000} s`)),
      SHARE_DEADLINE_MS,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const hubs = new Map<string, Hub>();

/** One per place that Nestbox is served from. */
export function hubOf(base: string): Hub {
  const hub = hubs.get(base) ?? new Hub();
  hubs.set(base, hub);
  return hub;
}
