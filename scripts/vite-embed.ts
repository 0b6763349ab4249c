/**
 * Brings `embed.js` to the build: one module without imports under a name that never changes, for pages elsewhere. It is
 * told how many bytes a first click fetches, so it is built after the page. In development it is served from its source.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";

const ENTRY = "embed/index.html";
/** Text that any host sends compressed; the rest goes as it is. */
const TEXT = /\.(js|css|html|wasm)$/;

interface Bundled {
  type: "chunk" | "asset";
  fileName: string;
  imports?: string[];
  dynamicImports?: string[];
  facadeModuleId?: string | null;
  code?: string;
  source?: string | Uint8Array;
}

export function embedSdk(top: string): Plugin {
  let outDir = "";
  let command = "";
  let bytes = 0;
  return {
    name: "nestbox-embed-sdk",
    configResolved(config) {
      outDir = config.build.outDir;
      command = config.command;
    },
    configureServer(server) {
      server.middlewares.use("/embed.js", (_request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.setHeader("Access-Control-Allow-Origin", "*");
        response.end('export * from "/embed/sdk.ts";\n');
      });
    },
    generateBundle(_options, bundle) {
      bytes = firstClick(Object.values(bundle));
    },
    closeBundle: {
      sequential: true,
      async handler() {
        if (command !== "build" || bytes === 0) return;
        const machine = join(outDir, "machine");
        const snapshot = readdirSync(machine).find((name) => name.endsWith(".zst"));
        await build({
          configFile: false,
          root: join(top, "app"),
          logLevel: "warn",
          define: {
            NESTBOX_DOWNLOAD: JSON.stringify(bytes + (snapshot ? statSync(join(machine, snapshot)).size : 0)),
          },
          publicDir: false,
          build: {
            outDir,
            emptyOutDir: false,
            target: "es2022",
            lib: { entry: join(top, "app/embed/sdk.ts"), formats: ["es"], fileName: () => "embed.js" },
            minify: true,
          },
        });
      },
    },
  };
}

/** Compressed bytes of the frame's page: what its scripts import, the worker and the emulator. */
function firstClick(bundle: readonly Bundled[]): number {
  const files = new Map(bundle.map((file) => [file.fileName, file]));
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const file = files.get(name);
    if (!file || seen.has(name)) return;
    seen.add(name);
    for (const next of [...(file.imports ?? []), ...(file.dynamicImports ?? [])]) visit(next);
  };
  for (const file of bundle) {
    if (file.facadeModuleId?.endsWith(ENTRY)) visit(file.fileName);
    if (/(^|\/)(worker-[^/]*\.js|[^/]*\.wasm|[^/]*\.css)$/.test(file.fileName)) visit(file.fileName);
  }
  let sum = 0;
  for (const name of seen) {
    const { code, source = code } = files.get(name)!;
    if (source !== undefined) sum += TEXT.test(name) ? gzipSync(source).length : source.length;
  }
  return sum;
}
