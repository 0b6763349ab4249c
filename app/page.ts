/** Shows a sandbox: everything that needs the interface's code, which loads while the machine already starts. */
import { mount } from "svelte";
import type { NestboxHandle } from "../emulator/control";
import App from "./App.svelte";
import { Workspace } from "./playground/workspace.svelte";
import StartScreen from "./ui/StartScreen.svelte";

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
  return (text) => workspace.terminals.type(text);
}
