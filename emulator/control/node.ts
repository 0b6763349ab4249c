/** The same Sandbox under Node: for tests, the snapshot's build and the bench. Images come from the checkout. */
import { readFile } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { openImages } from "../../images";
import { bootMachine, restoreMachine, type Snapshot } from "../machine";
import { loadParts, loadWasm } from "../node";
import { Sandbox } from "./sandbox";
import type { MachineStarter } from "./starter";

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
  if (snapshot) {
    return {
      cold: false,
      start: async (context) => {
        context.progress("restore");
        return restoreMachine({ wasm: await loadWasm() }, snapshot, context);
      },
    };
  }
  return {
    cold: true,
    start: async (context) => {
      context.progress("boot");
      return bootMachine(await loadParts(), context);
    },
  };
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
