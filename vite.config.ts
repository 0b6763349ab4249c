import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { assetFiles, assetsModule } from "./scripts/vite-assets.ts";
import { contentSecurityPolicy } from "./scripts/vite-csp.ts";
import { embedSdk } from "./scripts/vite-embed.ts";
import { offline } from "./scripts/vite-offline.ts";
import { tutorials } from "./scripts/vite-tutorials.ts";
import { v86WithoutNode } from "./scripts/vite-v86.ts";

const top = fileURLToPath(new URL("./", import.meta.url));

export default defineConfig({
  root: "app",
  // Relative, so that the app works under any path of any static server.
  base: "./",
  // No fallback page: a file that is missing must be a 404, not HTML.
  appType: "mpa",
  plugins: [
    svelte({ configFile: false }),
    assetsModule(top),
    assetFiles(top),
    embedSdk(top),
    tutorials(top),
    v86WithoutNode(),
    contentSecurityPolicy(),
    offline(),
  ],
  worker: { format: "es", plugins: () => [assetsModule(top), v86WithoutNode()] },
  build: {
    outDir: `${top}dist`,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
    rolldownOptions: {
      input: ["index", "embed/index", "present/index"].map((page) => `${top}app/${page}.html`),
    },
  },
  server: { fs: { allow: [top] } },
});
