import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { assetFiles, assetsModule } from "./scripts/vite-assets.ts";
import { contentSecurityPolicy } from "./scripts/vite-csp.ts";
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
    v86WithoutNode(),
    contentSecurityPolicy(),
  ],
  worker: { format: "es", plugins: () => [assetsModule(top), v86WithoutNode()] },
  build: {
    outDir: `${top}dist`,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  server: { fs: { allow: [top] } },
});
