/** Shows a sandbox: everything that needs the interface's code, which loads while the machine already starts. */
import { mount } from "svelte";
import type { NestboxHandle } from "../emulator/control";
import App from "./App.svelte";
import { Workspace } from "./playground/workspace.svelte";
import { keepForOffline } from "./ui/offline";
import StartScreen from "./ui/StartScreen.svelte";

/** The first prompt comes before the copies for offline use. */
const OFFLINE_AFTER_MS = 2000;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element #${id}`);
  return found;
}

/** Returns what types into the terminal in front. */
export function showPage(nestbox: NestboxHandle, cold: boolean): (text: string) => void {
  const workspace = new Workspace(nestbox, cold);
  mount(App, { target: element("app"), props: { workspace } });
  // The static start screen gives way to the live one, same place and looks.
  element("start").remove();
  mount(StartScreen, { target: document.body, props: { boot: workspace.sandbox.boot } });
  if (import.meta.env.PROD) {
    const script = new URL("sw.js", document.baseURI);
    nestbox.ready.then(
      () => setTimeout(() => void keepForOffline(workspace.notices, script), OFFLINE_AFTER_MS),
      () => undefined, // the start screen shows the reason
    );
  }
  return (text) => workspace.terminals.type(text);
}
