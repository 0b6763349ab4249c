/** `npm start [-- --port N --no-open]`: builds what is out of date, serves the page here, opens a browser if there is one. */
import { spawn } from "node:child_process";
import { platform } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildIfStale } from "./build";
import { serve } from "./serve";

const { port: wanted, open } = options();
await buildIfStale();
const folder = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const names = (number: number): string[] => [`http://localhost:${number}`, `http://127.0.0.1:${number}`];
// Two servers, for a container's page must not have the app's origin. Each is told of the other.
// 0 until it listens.
let previewPort = 0;
const { port } = await serve(folder("dist"), wanted, {
  // By the name the page has: storage is kept apart between sites, and these would be two.
  "/config.json": (hostname) => ({ preview: previewPort > 0 ? `http://${hostname}:${previewPort}` : null }),
});
({ port: previewPort } = await serve(folder("preview"), port + 1, {
  "/config.json": () => ({ app: names(port) }),
}));
const url = `http://localhost:${port}/`;
console.log(
  `\n  Nestbox is at ${url}\n  (previews of containers' pages at port ${previewPort})\n  Stop it with Ctrl+C.\n`,
);
if (open) openBrowser(url);

function options(): { port: number; open: boolean } {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "8080" }, "no-open": { type: "boolean", default: false } },
  });
  const number = Number(values.port);
  if (!Number.isInteger(number) || number < 1 || number > 65_500) {
    console.error(`--port ${values.port}: not a port number between 1 and 65500.`);
    process.exit(2);
  }
  return { port: number, open: !values["no-open"] };
}

/** A convenience: where there is no browser (a server, CI), nothing happens. */
function openBrowser(address: string): void {
  const [command, ...args] =
    platform() === "darwin"
      ? ["open", address]
      : platform() === "win32"
        ? ["cmd", "/c", "start", "", address]
        : ["xdg-open", address];
  const child = spawn(command, args, { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}
