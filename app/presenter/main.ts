/**
 * The stage's page. `?talk=<id>`: the talk; `&notes[=<session>]`: the speaker's window of it; `#3`: begins with slide 3;
 * `typing=instant` or `typing=<number>` (a rhythm that repeats) instead of a human's; `boot=cold`.
 */
import { talks } from "virtual:nestbox-tutorials";
import { createNestbox } from "../../emulator/control";

// preflight.js has said what is missing; without it, starting would only add noise.
if (!document.documentElement.hasAttribute("data-unsupported")) {
  const parameters = new URLSearchParams(location.search);
  const talk = talks.find(({ id }) => id === parameters.get("talk"));
  if (!talk) {
    void import("./page").then(({ showList }) => showList(talks, parameters.get("talk")));
  } else if (parameters.has("notes")) {
    void import("./page").then(({ showNotes }) => showNotes(talk, parameters.get("notes") ?? ""));
  } else {
    const cold = parameters.get("boot") === "cold";
    // The machine first: it needs a second, the interface a third of one.
    const nestbox = createNestbox({ cold, type: async (text) => (await typing)(text) });
    window.nestbox = nestbox;
    const typing = import("./page").then(({ showStage }) => showStage(nestbox, talk, parameters));
  }
}
