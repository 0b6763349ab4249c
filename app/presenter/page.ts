/** Shows the stage, its notes window, or the list of talks. */
import { mount } from "svelte";
import { loadTalk } from "virtual:nestbox-tutorials";
import type { NestboxHandle } from "../../emulator/control";
import type { Talk, TalkSummary } from "../../tutorials/types";
import { reasonOf, Notices } from "../ui/notices.svelte";
import { keepForOffline } from "../ui/offline";
import { Preferences } from "../ui/preferences.svelte";
import { Look } from "./look.svelte";
import NotesWindow from "./NotesWindow.svelte";
import { sessionOf } from "./session";
import { Stage } from "./stage.svelte";
import StageView from "./StageView.svelte";
import TalkList from "./TalkList.svelte";
import { humanPace, type Pace } from "./typist";

/** The first prompt comes before the copies for offline use. */
const OFFLINE_AFTER_MS = 2000;

/** Returns what types into the terminal in front. */
export async function showStage(
  nestbox: NestboxHandle,
  summary: TalkSummary,
  parameters: URLSearchParams,
): Promise<(text: string) => void> {
  const talk = await load(summary);
  const preferences = new Preferences();
  const notices = new Notices();
  const stage = new Stage(nestbox, talk, new Look(storageOf("localStorage")), notices, {
    slide: Number(/^#(\d{1,3})$/.exec(location.hash)?.[1] ?? 1) - 1,
    cold: parameters.get("boot") === "cold",
    pace: paceOf(parameters.get("typing")),
  });
  const session = sessionOf(talk.id, storageOf("sessionStorage"));
  const target = begin(`${talk.title} – Nestbox`);
  mount(StageView, { target, props: { stage, preferences, session } });
  if (import.meta.env.PROD) {
    const script = new URL("../sw.js", document.baseURI);
    nestbox.ready.then(
      () => setTimeout(() => void keepForOffline(notices, script), OFFLINE_AFTER_MS),
      () => undefined, // the stage shows the reason
    );
  }
  return (text) => stage.terminals.active?.tab.input(text.replace(/\r?\n/g, "\r"));
}

export async function showNotes(summary: TalkSummary, session: string): Promise<void> {
  const talk = await load(summary);
  const target = begin(`Notes: ${talk.title} – Nestbox`);
  mount(NotesWindow, { target, props: { talk, session, preferences: new Preferences() } });
}

/** `wanted`: what the address asks for, but there is not. */
export function showList(talks: readonly TalkSummary[], wanted: string | null, problem?: string): void {
  const target = begin("Talks – Nestbox");
  mount(TalkList, { target, props: { talks, wanted, problem } });
}

/** Never resolves when the talk's file does not come: the page then says so. */
async function load(summary: TalkSummary): Promise<Talk> {
  try {
    const talk = await loadTalk(summary.id);
    if (talk.slides.length === 0) throw new Error("It has no slides.");
    return talk;
  } catch (cause) {
    showList([summary], null, `The talk “${summary.title}” could not be loaded: ${reasonOf(cause)}`);
    return new Promise(() => undefined);
  }
}

function begin(title: string): HTMLElement {
  document.title = title;
  // The static start screen has done its part.
  document.getElementById("start")?.remove();
  const target = document.getElementById("app");
  if (!target) throw new Error("present/index.html has no element #app");
  return target;
}

function paceOf(wanted: string | null): Pace | undefined {
  if (wanted === "instant" || matchMedia("(prefers-reduced-motion: reduce)").matches) return undefined;
  return humanPace(wanted !== null && /^\d{1,9}$/.test(wanted) ? Number(wanted) : Date.now());
}

/** Reading these properties itself throws where storage is blocked. */
function storageOf(kind: "localStorage" | "sessionStorage"): Storage | undefined {
  try {
    return globalThis[kind];
  } catch {
    return undefined;
  }
}
