/**
 * Brings the machine to the page: the module `virtual:nestbox-assets` (see emulator/assets.d.ts) says where snapshot,
 * kernel, initrd, v86 and registry are and how big; the files themselves go to dist/, or are served by the dev server.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sirv from "sirv";
import type { Plugin } from "vite";
import { sha256 } from "./hash.ts";
import { MANIFEST, STAGING, type Manifest } from "./manifest.ts";

const NAME = "virtual:nestbox-assets";
const RESOLVED = `\0${NAME}`;

interface Asset {
  file: string;
  bytes: Uint8Array;
}

/** Resolves the module; for the page's and for the workers' plugin lists. */
export function assetsModule(top: string): Plugin {
  let dev = false;
  return {
    name: "nestbox-assets-module",
    configResolved(config) {
      dev = config.command === "serve";
    },
    resolveId(id) {
      return id === NAME ? RESOLVED : undefined;
    },
    load(id) {
      if (id !== RESOLVED) return undefined;
      this.addWatchFile(join(top, MANIFEST));
      return moduleText(top, dev);
    },
  };
}

/** Copies the files into the build, or serves them in development. */
export function assetFiles(top: string): Plugin {
  let outDir = "";
  let command = "";
  const registry = join(top, "images/registry");
  return {
    name: "nestbox-asset-files",
    configResolved(config) {
      outDir = config.build.outDir;
      command = config.command;
    },
    configureServer(server) {
      server.middlewares.use("/registry", sirv(registry, { dev: true }));
      server.middlewares.use("/machine", (request, response, next) => {
        const name = decodeURIComponent((request.url ?? "").split("?")[0] ?? "").slice(1);
        const asset = machineAssets(top).find(({ file }) => file === name);
        if (!asset) {
          next();
          return;
        }
        response.setHeader("Content-Type", "application/octet-stream");
        response.setHeader("Content-Length", asset.bytes.length);
        response.end(asset.bytes);
      });
    },
    closeBundle() {
      if (command !== "build") return;
      if (existsSync(registry)) cpSync(registry, join(outDir, "registry"), { recursive: true });
      const folder = join(outDir, "machine");
      mkdirSync(folder, { recursive: true });
      for (const { file, bytes } of machineAssets(top)) writeFileSync(join(folder, file), bytes);
    },
  };
}

/** The machine's files under the names they are served by: each carries the hash of its content. */
function machineAssets(top: string): Asset[] {
  const manifest = readManifest(top);
  const kernel = readFileSync(join(top, "kernel/dist/bzImage"));
  const initrd = Buffer.concat(
    ["base", "nest"].map((name) => readFileSync(join(top, `guest/dist/${name}.cpio`))),
  );
  const assets: Asset[] = [
    { file: `kernel-${sha256(kernel).slice(0, 16)}.bin`, bytes: kernel },
    { file: `initrd-${sha256(initrd).slice(0, 16)}.bin`, bytes: initrd },
  ];
  if (manifest) {
    const { file } = manifest.snapshot;
    assets.push({ file, bytes: readFileSync(join(top, STAGING, file)) });
  }
  return assets;
}

function readManifest(top: string): Manifest | undefined {
  const file = join(top, MANIFEST);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Manifest) : undefined;
}

function moduleText(top: string, dev: boolean): string {
  const manifest = readManifest(top);
  const [kernel, initrd] = machineAssets(top);
  if (!kernel || !initrd) throw new Error("The machine has no kernel or initrd.");
  const wasmBytes = readFileSync(join(top, "node_modules/v86/build/v86.wasm")).length;
  const snapshot = manifest && {
    ...manifest.snapshot,
    companion: manifest.companion,
    memory: manifest.memory,
  };
  // Built chunks lie in assets/, one below the app's own folder, wherever that is served from. The address is kept in
  // a variable because Vite rewrites a literal `new URL("…", import.meta.url)`.
  return `
import wasmUrl from "v86/build/v86.wasm?url";
const here = import.meta.url;
const base = new URL(${JSON.stringify(dev ? "/" : "../")}, here);
const at = (path) => new URL(path, base).href;
const machine = ({ file, bytes }) => ({ url: at("machine/" + file), bytes });
export const wasm = { url: new URL(wasmUrl, here).href, bytes: ${String(wasmBytes)} };
export const kernel = machine(${JSON.stringify({ file: kernel.file, bytes: kernel.bytes.length })});
export const initrd = machine(${JSON.stringify({ file: initrd.file, bytes: initrd.bytes.length })});
const saved = ${JSON.stringify(snapshot ?? null)};
export const snapshot = saved && { ...saved, url: at("machine/" + saved.file) };
export const registry = at("registry/");
`;
}
