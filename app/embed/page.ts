/** Shows a box: everything that needs the interface's code. */
import { mount } from "svelte";
import { Box } from "./box.svelte";
import BoxView from "./BoxView.svelte";
import type { Desk } from "./desk";
import type { Seat } from "./seat";
import type { FrameSettings } from "./settings";

/** Returns what types into the terminal in front. */
export function showBox(
  settings: FrameSettings,
  seat: Seat,
  desk: Desk | undefined,
  container: string,
): (text: string) => void {
  const target = document.getElementById("app");
  if (!target) throw new Error("index.html has no element #app");
  const box = new Box(settings, seat, desk, container);
  mount(BoxView, { target, props: { box } });
  document.getElementById("start")?.remove();
  return (text) => box.type(text);
}
