import { ImageLibrary } from "./library";
import { LayoutRegistry } from "./oci/registry";
import { openStore } from "./store/open";
import type { Images, ImagesOptions } from "./types";

export * from "./types";

/** Milliseconds a download may stand still. */
const STALL_MS = 30_000;

/** Opens the image store of this origin (or of this process) and the registry it pulls from. */
export async function openImages(options: ImagesOptions): Promise<Images> {
  const registry = new LayoutRegistry(options.registry, options.fetch ?? globalThis.fetch, STALL_MS);
  return new ImageLibrary(registry, await openStore(options.storage ?? "indexeddb"));
}
