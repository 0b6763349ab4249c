import { createServer, type Server } from "node:http";
import sirv from "sirv";

const HOST = "127.0.0.1";
const TRIES = 20;
/** Packed machines, and blobs named by their digest. */
const BINARY = /\.(zst|bin)$|\/[0-9a-f]{64}$/;

/**
 * Serves a folder on this machine only, as any static host would: content types, ranges, 404 for what is not there.
 * Takes the next free port when `port` is taken; rejects after 20 of them. `made` has files that stand in no folder, by
 * path: JSON made at each request, for the host name by which this machine was called.
 */
export async function serve(
  folder: string,
  port: number,
  made: Readonly<Record<string, (hostname: string) => unknown>> = {},
): Promise<{ server: Server; port: number }> {
  const files = sirv(folder, {
    etag: true,
    // Looks at the folder at each request: a build may replace its files meanwhile.
    dev: true,
    // Its table of types lacks these; without a type a browser may guess.
    setHeaders: (response, path) => {
      if (BINARY.test(path)) response.setHeader("Content-Type", "application/octet-stream");
      // The one file that pages of other origins load as a module, which browsers allow only so.
      if (path === "/embed.js") response.setHeader("Access-Control-Allow-Origin", "*");
    },
  });
  const server = createServer((request, response) => {
    const make = made[(request.url ?? "").split("?")[0] ?? ""];
    if (make) {
      response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
      response.end(
        JSON.stringify(make(/^127\.0\.0\.1(:|$)/.test(request.headers.host ?? "") ? HOST : "localhost")),
      );
      return;
    }
    files(request, response, () => {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("Not found\n");
    });
  });
  for (let candidate = port; candidate < port + TRIES; candidate++) {
    if (await listens(server, candidate)) return { server, port: candidate };
    console.log(`Port ${candidate} is taken, trying ${candidate + 1}.`);
  }
  throw new Error(`Ports ${port} to ${port + TRIES - 1} are all taken. Choose another with --port.`);
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    };
    server.once("error", failed);
    server.listen(port, HOST, () => {
      server.off("error", failed);
      resolve(true);
    });
  });
}
