/**
 * Workers for a frame without an origin: only a script of its own making may start there, so one that imports ours. A
 * classic script, because Chromium refuses modules from such a frame's blobs; what comes while it imports is kept.
 */
import { workerUrl } from "../../emulator/control/worker-url";

export function startWorkerFromBlob(): Worker {
  const url = JSON.stringify(new URL(workerUrl, import.meta.url).href);
  const script = `
const early = [];
const keep = (event) => early.push(event);
addEventListener("message", keep);
import(${url}).then(
  () => {
    removeEventListener("message", keep);
    for (const { data, ports } of early) dispatchEvent(new MessageEvent("message", { data, ports }));
  },
  (error) => setTimeout(() => { throw error; }),
);`;
  const blob = new Blob([script], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(blob), { name: "nestbox" });
}
