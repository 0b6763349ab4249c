/** The same Sandbox under Node: for tests, the snapshot's build and the bench. Images come from the checkout. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { openImages } from "../../images";
import { bootMachine, restoreMachine, type Machine, type MachineParts, type Snapshot } from "../machine";
import { loadParts } from "../node";
import { Sandbox } from "./sandbox";
import { buildName, type MachineStarter, type StartContext } from "./starter";

export interface NodeSandboxOptions {
  /** Restored instead of a cold boot. */
  snapshot?: Snapshot;
  /** OCI layouts; default `images/registry` of the checkout. */
  registryDir?: string;
  /** MiB. */
  memory?: number;
  hostname?: string;
}

/** Not a real host: `fetch` is replaced below. */
const REGISTRY = "http://registry.invalid/";

/** Starts the checkout's machine; await `ready`, and `stop()` at the end. */
export function startNodeSandbox(options: NodeSandboxOptions = {}): Sandbox {
  const directory = options.registryDir ?? fileURLToPath(new URL("../../images/registry", import.meta.url));
  return new Sandbox({
    machine: starter(options.snapshot),
    images: Promise.resolve(
      openImages({ registry: REGISTRY, storage: "memory", fetch: fileFetch(REGISTRY, directory) }),
    ),
    memoryImages: true,
    ...(options.memory === undefined ? {} : { memory: options.memory }),
    ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
  });
}

function starter(snapshot: Snapshot | undefined): MachineStarter {
  let parts: MachineParts | undefined;
  const need = (): MachineParts => {
    if (!parts) throw new Error("The machine has not been started yet.");
    return parts;
  };
  return {
    cold: !snapshot,
    start: async (context: StartContext): Promise<Machine> => {
      context.progress(snapshot ? "restore" : "boot");
      parts = await loadParts();
      return snapshot ? restoreMachine(parts, snapshot, context) : bootMachine(parts, context);
    },
    // As scripts/vite-assets.ts names the files for the page.
    build: () => buildName(`kernel-${hash(need().kernel)}.bin`, `initrd-${hash(need().initrd)}.bin`),
    restore: (saved, options) => restoreMachine(need(), saved, options),
  };
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** A fetch that answers GET below `base` from files below `directory`, as a static server would. */
export function fileFetch(base: string, directory: string): typeof fetch {
  const root = resolve(directory) + sep;
  return async (input, init) => {
    init?.signal?.throwIfAborted();
    const url = input instanceof Request ? input.url : String(input);
    const file = url.startsWith(base)
      ? resolve(root, decodeURIComponent(new URL(url).pathname).slice(1))
      : "";
    if (!file.startsWith(root)) return new Response("outside the registry", { status: 404 });
    try {
      return new Response(new Uint8Array(await readFile(file)));
    } catch {
      return new Response("no such file", { status: 404 });
    }
  };
}
