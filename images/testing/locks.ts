import type { Locks } from "../store/locks";

/** Web Locks of one origin, for tests: each `tab()` is a page; releasing it is closing the page. */
export class TestOrigin {
  #tabs = new Set<Set<string>>();

  tab(): Locks {
    const names = new Set<string>();
    this.#tabs.add(names);
    return {
      hold: async (name) => void names.add(name),
      held: async () => new Set([...this.#tabs].flatMap((tab) => [...tab])),
      release: () => void this.#tabs.delete(names),
    };
  }
}
