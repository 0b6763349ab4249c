import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        plugins: [svelte({ configFile: false })],
        test: {
          name: "unit",
          include: ["{app,emulator,images,scripts,tutorials}/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      // In the virtual machine. Two at a time: each keeps a core busy.
      ...["guest", "escape"].map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          // As in the browser tests: a loaded CI machine may be slow once.
          retry: process.env["CI"] ? 1 : 0,
        },
      })),
    ],
  },
});
