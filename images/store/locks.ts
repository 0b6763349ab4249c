/** Tells what the tabs of this origin that live now are holding. */
export interface Locks {
  /** Holds a name, shared with any others, until `release`. */
  hold(name: string): Promise<void>;
  /** Every name held by any tab; undefined when this browser cannot say. */
  held(): Promise<Set<string> | undefined>;
  release(): void;
}

/** Web Locks where the browser has them (secure contexts); otherwise locks that know nothing. */
export function pageLocks(manager = (globalThis.navigator as Partial<Navigator> | undefined)?.locks): Locks {
  const names = new Set<string>();
  let end: (() => void) | undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return {
    async hold(name) {
      if (!manager || names.has(name)) return;
      names.add(name);
      await new Promise<void>((granted, refused) => {
        const held = () => {
          granted();
          return ended;
        };
        manager.request(name, { mode: "shared" }, held).catch(refused);
      });
    },
    async held() {
      if (!manager) return undefined;
      const snapshot = await manager.query();
      return new Set(snapshot.held?.map((lock) => lock.name ?? ""));
    },
    release() {
      end?.();
    },
  };
}
