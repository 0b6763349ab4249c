import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NotesLink, StageLink, type Channel } from "./link";
import { readMessage, type NotesAct, type StateMessage } from "./messages";

/** BroadcastChannel without the browser: everyone else on the air hears it, at once. */
class Air {
  readonly #all = new Set<Channel>();
  readonly said: unknown[] = [];

  tune(): Channel {
    const channel: Channel = {
      onmessage: null,
      postMessage: (data) => {
        if (!this.#all.has(channel)) throw new Error("closed");
        this.said.push(data);
        for (const other of [...this.#all])
          if (other !== channel) other.onmessage?.({ data: structuredClone(data) } as MessageEvent);
      },
      close: () => void this.#all.delete(channel),
    };
    this.#all.add(channel);
    return channel;
  }
}

let air: Air;
let slide: number;
let acts: NotesAct[];
let there: boolean[];
let states: (StateMessage | undefined)[];

const stage = (session = "s1", talk = "isolation") =>
  new StageLink(
    air.tune(),
    session,
    talk,
    () => ({ slide, done: [0, 1], phase: "ready", startedAt: null }),
    (act) => acts.push(act),
    (now) => there.push(now),
  );
const notes = (session = "s1", now?: () => number) =>
  new NotesLink(air.tune(), session, "isolation", (state) => states.push(state), now);

beforeEach(() => {
  vi.useFakeTimers();
  air = new Air();
  slide = 0;
  [acts, there, states] = [[], [], []];
});
afterEach(() => void vi.useRealTimers());

describe("stage and notes", () => {
  it("find each other in either order, follow and step", () => {
    const main = stage();
    const link = notes();
    expect(link.status).toBe("connected");
    expect(there).toEqual([true]);
    slide = 3;
    main.announce();
    expect(states.at(-1)).toMatchObject({ slide: 3, done: [0, 1], phase: "ready", startedAt: null });
    link.act("next");
    expect(acts).toEqual(["next"]);
    link.close();
    expect(there).toEqual([true, false]);
  });

  it("connects when the stage comes later, and again after it was loaded anew", () => {
    const link = notes();
    expect(link.status).toBe("looking");
    const first = stage();
    expect(link.status).toBe("connected");
    first.close();
    expect(link.status).toBe("lost");
    expect(states.at(-1)).toBeUndefined();
    stage("s2");
    expect(link.status).toBe("connected");
    link.act("back");
    expect(acts).toEqual(["back"]);
  });

  it("notices a stage that went without a word", () => {
    let time = 0;
    const silent = air.tune();
    const link = notes("s1", () => time);
    silent.postMessage(state({}));
    expect(link.status).toBe("connected");
    for (time = 2000; time <= 8000; time += 2000) vi.advanceTimersByTime(2000);
    expect(link.status).toBe("lost");
  });

  it("takes another stage of its talk once its own has not answered for a while", () => {
    let time = 0;
    const link = notes("gone", () => time);
    const main = stage("s2");
    expect(link.status).toBe("looking");
    for (time = 2000; time <= 8000; time += 2000) vi.advanceTimersByTime(2000);
    expect(link.status).toBe("lost");
    main.announce();
    expect(link.status).toBe("connected");
  });

  it("hears neither another stage nor another talk while its own is there", () => {
    stage();
    const link = notes();
    const seen = states.length;
    stage("s2");
    stage("s1", "other");
    expect(states).toHaveLength(seen);
    link.act("next");
    expect(acts).toEqual(["next"]);
  });

  it("takes the first stage of its talk when it was opened by hand", () => {
    const main = stage("s9");
    const link = notes("");
    expect(link.status).toBe("connected");
    link.act("last");
    expect(acts).toEqual(["last"]);
    main.close();
  });

  it("says so when the stage is of another version, and ignores junk", () => {
    const link = notes();
    const other = air.tune();
    other.postMessage({ nestbox: "stage", v: 2 });
    expect(link.status).toBe("version");
    for (const junk of [null, 1, "x", {}, state({ slide: -1 }), state({ done: "x" })])
      other.postMessage(junk);
    expect(link.status).toBe("version");
  });
});

function state(change: Record<string, unknown>): Record<string, unknown> {
  const common = { nestbox: "stage", v: 1, session: "s1", talk: "isolation", kind: "state" };
  return { ...common, slide: 1, done: [0], phase: "ready", startedAt: null, ...change };
}

describe("readMessage", () => {
  it("reads what is right and drops what is not", () => {
    expect(readMessage(state({ extra: 1 }))).toEqual(state({}));
    for (const wrong of [
      { slide: 1.5 },
      { slide: 1001 },
      { phase: "done" },
      { done: [1, "2"] },
      { done: Array.from({ length: 1001 }, () => 0) },
      { startedAt: Infinity },
      { startedAt: undefined },
      { session: "" },
      { session: "<b>" },
      { talk: "../x" },
      { kind: "eval" },
      { kind: "act", act: "reset" },
      { nestbox: "embed" },
    ])
      expect(readMessage(state(wrong)), JSON.stringify(wrong)).toBeUndefined();
    expect(readMessage(state({ v: 9 }))).toBe("other-version");
  });
});
