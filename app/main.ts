/** The page: makes the sandbox, gives it to scripts as `window.nestbox`, and shows it. */
import { mount } from "svelte";
import { createNestbox } from "../emulator/control";
import type { Nestbox } from "../emulator/control/api";
import App from "./App.svelte";
import { Workspace } from "./playground/workspace.svelte";
import StartScreen from "./ui/StartScreen.svelte";

declare global {
  interface Window {
    /** The sandbox of this page, for scripts and demos; documented in emulator/control/api.ts. */
    nestbox: Nestbox;
  }
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element #${id}`);
  return found;
}

// preflight.js has said what is missing; without it, starting would only add noise.
if (!document.documentElement.hasAttribute("data-unsupported")) {
  const cold = new URLSearchParams(location.search).get("boot") === "cold";
  const nestbox = createNestbox({ cold, type: (text) => workspace.terminals.type(text) });
  const workspace = new Workspace(nestbox, cold);
  window.nestbox = nestbox;
  mount(App, { target: element("app"), props: { workspace } });
  // The static start screen gives way to the live one, same place and looks.
  element("start").remove();
  mount(StartScreen, { target: document.body, props: { boot: workspace.sandbox.boot } });
}
