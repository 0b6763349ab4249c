import { isBuiltin } from "node:module";
import type { Plugin } from "vite";

const EMPTY = "\0v86-node-builtin";

/** v86 names Node's modules for its Node paths, which a page never takes: give it empty ones, without a warning each. */
export function v86WithoutNode(): Plugin {
  return {
    name: "nestbox-v86-without-node",
    enforce: "pre",
    resolveId(id, importer) {
      return isBuiltin(id) && importer?.includes("/v86/build/") ? EMPTY : undefined;
    },
    load(id) {
      return id === EMPTY ? "export default {};" : undefined;
    },
  };
}
