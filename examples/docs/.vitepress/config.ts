/** A docs site as anybody may have one. NESTBOX_BASE: where Nestbox is served; default what `npm start` serves here. */
import { defineConfig } from "vitepress";

const nestbox = process.env["NESTBOX_BASE"] ?? "http://localhost:8080/";

export default defineConfig({
  title: "Pod notes",
  description: "Two pages of documentation with boxes to try things in.",
  outDir: "../../build/examples",
  cacheDir: "../../build/examples-cache",
  cleanUrls: false,
  // All that a site needs: the script, and Vue's word that the tag is not one of its own.
  head: [["script", { type: "module", src: new URL("embed.js", nestbox).href }]],
  vue: { template: { compilerOptions: { isCustomElement: (tag) => tag === "nest-box" } } },
  vite: { define: { NESTBOX: JSON.stringify(nestbox) } },
  themeConfig: {
    sidebar: [
      { text: "A first container", link: "/" },
      { text: "Boxes by script", link: "/script" },
    ],
  },
});
