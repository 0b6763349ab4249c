/** What the stage keeps of itself while its tab is loaded again: its name for the notes window, and the clock. */

export interface StageSession {
  readonly id: string;
  readonly startedAt: number | null;
  keep(startedAt: number | null): void;
}

const KEY = "nestbox.stage";
const ID = /^[A-Za-z0-9_-]{1,64}$/;

type Keeper = Pick<Storage, "getItem" | "setItem">;

/** The tab's session of `talk`; a new one where there is none, or another talk's. */
export function sessionOf(talk: string, storage: Keeper | undefined): StageSession {
  const kept = read(storage);
  const same = kept?.talk === talk ? kept : undefined;
  const id = same?.id ?? newId();
  return {
    id,
    startedAt: same?.startedAt ?? null,
    keep: (startedAt) => {
      try {
        storage?.setItem(KEY, JSON.stringify({ talk, id, startedAt }));
      } catch {
        // Full or refused: after a reload the notes window finds the stage by its talk.
      }
    },
  };
}

function read(
  storage: Keeper | undefined,
): { talk: unknown; id: string; startedAt: number | null } | undefined {
  try {
    const stored: unknown = JSON.parse(storage?.getItem(KEY) ?? "null");
    if (typeof stored !== "object" || stored === null) return undefined;
    const { talk, id, startedAt } = stored as Record<string, unknown>;
    if (typeof id !== "string" || !ID.test(id)) return undefined;
    return {
      talk,
      id,
      startedAt: typeof startedAt === "number" && Number.isFinite(startedAt) ? startedAt : null,
    };
  } catch {
    return undefined;
  }
}

function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
