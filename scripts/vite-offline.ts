/**
 * Makes the built page work without a network: a service worker (workbox) that keeps the app, the saved machine and the
 * small images. Big images are kept by the app itself once pulled (IndexedDB).
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { generateSW } from "workbox-build";

/** Images whose layers together are at most this big are kept from the first visit on. */
const SMALL_IMAGE = 4 << 20;
/** A file that has to be kept and is bigger would be left out silently by workbox; the build fails instead. */
const LARGEST = 64 << 20;
/** Names that carry the hash of their content. */
const HASHED = /-[0-9a-zA-Z_-]{8,}\.|\/blobs\/sha256\//;

/** Runs after all files are in the output folder. */
export function offline(): Plugin {
  let outDir = "";
  let building = false;
  return {
    name: "nestbox-offline",
    configResolved(config) {
      outDir = config.build.outDir;
      building = config.command === "build";
    },
    closeBundle: {
      order: "post",
      sequential: true,
      async handler() {
        if (!building || !existsSync(join(outDir, "index.html"))) return;
        await writeServiceWorker(outDir);
      },
    },
  };
}

async function writeServiceWorker(folder: string): Promise<void> {
  const { warnings } = await generateSW({
    globDirectory: folder,
    globPatterns: [
      "**/*.{html,js,css,woff2,wasm,svg,png,webmanifest}",
      "machine/snapshot-*",
      ...smallImages(join(folder, "registry")).map((name) => `registry/${name}/**`),
      "registry/*/{index.json,oci-layout}",
    ],
    // embed.js belongs to other sites' pages; config.json is the host's to change.
    globIgnores: ["embed.js"],
    maximumFileSizeToCacheInBytes: LARGEST,
    dontCacheBustURLsMatching: HASHED,
    manifestTransforms: [
      async (entries) => ({ manifest: entries.map((entry) => ({ ...entry, ...integrityOf(entry.url) })) }),
    ],
    // `?boot=cold`, `?talk=…` are read by the page; the file is the same.
    ignoreURLParametersMatching: [/./],
    runtimeCaching: [
      {
        urlPattern: ({ url }) => url.pathname.endsWith("/config.json"),
        handler: "NetworkFirst",
        options: { cacheName: "config" },
      },
    ],
    // A running page keeps the files it was started with; a new version starts with the next visit.
    skipWaiting: false,
    clientsClaim: true,
    cleanupOutdatedCaches: true,
    swDest: join(folder, "sw.js"),
    sourcemap: false,
    inlineWorkboxRuntime: true,
    mode: "production",
  });
  if (warnings.length > 0) throw new Error(`The service worker would be incomplete: ${warnings.join("; ")}`);
}

/** A blob is named by its digest: one that comes damaged is not kept, and the next visit tries again. */
function integrityOf(url: string): { integrity?: string } {
  const digest = /\/blobs\/sha256\/([0-9a-f]{64})$/.exec(url)?.[1];
  return digest ? { integrity: `sha256-${Buffer.from(digest, "hex").toString("base64")}` } : {};
}

/** Names of the shipped images that are small enough. */
function smallImages(registry: string): string[] {
  if (!existsSync(registry)) return [];
  return readdirSync(registry, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [];
    const blobs = join(registry, entry.name, "blobs/sha256");
    const bytes = readdirSync(blobs).reduce((sum, blob) => sum + statSync(join(blobs, blob)).size, 0);
    return bytes <= SMALL_IMAGE ? [entry.name] : [];
  });
}
