import { IndexedDbStore } from "./indexeddb";
import { pageLocks, type Locks } from "./locks";
import { MemoryStore } from "./memory";
import { OverflowStore } from "./overflow";
import type { Store } from "./types";

const OPEN_DEADLINE_MS = 5000;
/** Beside a running machine, so less than a machine's memory. */
const OVERFLOW_BYTES = 512 * 2 ** 20;

/** The browser's store, or memory with the reason why. */
export async function openStore(
  kind: "indexeddb" | "memory",
  options: { name?: string; locks?: Locks; deadlineMs?: number } = {},
): Promise<Store> {
  if (kind === "memory") return new MemoryStore("asked for");
  try {
    const locks = options.locks ?? pageLocks();
    const first = await IndexedDbStore.open(
      options.name ?? "nestbox-images",
      locks,
      options.deadlineMs ?? OPEN_DEADLINE_MS,
    );
    return new OverflowStore(first, new MemoryStore(undefined, OVERFLOW_BYTES));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return new MemoryStore(
      `The browser's storage cannot be used (${why}), so images are kept in memory and will not outlive the page.`,
      OVERFLOW_BYTES,
    );
  }
}
