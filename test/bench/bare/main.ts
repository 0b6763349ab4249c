/** The yardstick for the page: fetch the snapshot, unpack it, restore it, run; no interface, no agent, no images. */
const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => {
  document.title = data === "restored" ? `restored ${String(performance.now())}` : String(data);
};
worker.onerror = (event) => {
  document.title = `failed ${event.message}`;
};
