/** The page: makes the sandbox, gives it to scripts as `window.nestbox`, and shows it. */
import { createNestbox, type Nestbox } from "../emulator/control";

declare global {
  interface Window {
    /** The sandbox of this page, for scripts and demos; documented in emulator/control/api.ts. */
    nestbox: Nestbox;
  }
}

/** Browsers load a worker's script with this thread's help, so evaluating the interface meanwhile would hold it up. */
async function workerRuns(nestbox: Nestbox): Promise<unknown> {
  const begun = new Promise((resolve) => nestbox.on("progress", resolve));
  const slow = new Promise((resolve) => setTimeout(resolve, 1000));
  return Promise.race([begun, slow, nestbox.ready.catch(() => undefined)]);
}

// preflight.js has said what is missing; without it, starting would only add noise.
if (!document.documentElement.hasAttribute("data-unsupported")) {
  const cold = new URLSearchParams(location.search).get("boot") === "cold";
  // The machine first: it needs a second, the interface a third of one.
  const nestbox = createNestbox({ cold, type: async (text) => (await typing)(text) });
  window.nestbox = nestbox;
  const typing = workerRuns(nestbox)
    .then(() => import("./page"))
    .then(({ showPage }) => showPage(nestbox, cold));
}
