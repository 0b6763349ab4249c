/** Starts the machine in a page: its parts come over HTTP, with progress in bytes, and a deadline on silence. */
import { bootMachine, restoreMachine } from "../machine";
import { unpackSnapshot, type PackedSnapshot } from "../machine/unpack";
import { buildName, type MachineStarter, type StartContext } from "./starter";

export interface Asset {
  url: string;
  bytes: number;
}

/** The shape of `virtual:nestbox-assets` (emulator/assets.d.ts). */
export interface MachineAssets {
  wasm: Asset;
  kernel: Asset;
  initrd: Asset;
  snapshot: (Asset & PackedSnapshot & { memory: number }) | null;
}

/** A server that sends nothing for this long is given up. */
const SILENCE_MS = 60_000;

/** From the snapshot, or cold when that is asked for, when there is none, or when it is of another memory size. */
export function downloadingStarter(
  assets: MachineAssets,
  cold: boolean,
  memory: number | undefined,
): MachineStarter {
  const { kernel, initrd } = assets;
  const snapshot =
    cold || (memory !== undefined && memory !== assets.snapshot?.memory) ? null : assets.snapshot;
  let module: Promise<WebAssembly.Module> | undefined;
  const keep: KeepModule = (compiled) => (module = compiled);
  return {
    cold: !snapshot,
    start: (context) =>
      snapshot ? restore(assets.wasm, snapshot, context, keep) : boot(assets, context, keep),
    // Their file names carry the hashes of their content.
    build: () => buildName(fileName(kernel), fileName(initrd)),
    restore: async (saved, options) => {
      if (!module) throw new Error("The emulator has not been loaded yet.");
      return restoreMachine({ wasm: await module }, saved, options);
    },
  };
}

type KeepModule = (module: Promise<WebAssembly.Module>) => Promise<WebAssembly.Module>;

function fileName({ url }: Asset): string {
  return new URL(url).pathname.split("/").at(-1) ?? "";
}

async function restore(
  wasm: Asset,
  snapshot: NonNullable<MachineAssets["snapshot"]>,
  context: StartContext,
  keep: KeepModule,
) {
  const download = new Download([wasm, snapshot], context);
  const module = keep(compile(download, wasm));
  // The emulator is set up while the snapshot is still on its way.
  const unpacked = download
    .open(snapshot)
    .then((stream) => unpackSnapshot(module, stream, snapshot))
    .then((state) => {
      context.progress("restore");
      return state;
    });
  unpacked.catch(() => undefined); // restoreMachine reports it, unless the module failed first
  return restoreMachine({ wasm: await module }, unpacked, { ...context, memory: snapshot.memory });
}

async function boot(assets: MachineAssets, context: StartContext, keep: KeepModule) {
  const { wasm, kernel, initrd } = assets;
  const download = new Download([wasm, kernel, initrd], context);
  const bytes = async (asset: Asset) =>
    new Uint8Array(await new Response(await download.open(asset)).arrayBuffer());
  const [module, kernelBytes, initrdBytes] = await Promise.all([
    keep(compile(download, wasm)),
    bytes(kernel),
    bytes(initrd),
  ]);
  context.progress("boot");
  return bootMachine({ wasm: module, kernel: kernelBytes, initrd: initrdBytes }, context);
}

/** Compiles while it arrives, whatever type the server gives the file. */
async function compile(download: Download, wasm: Asset): Promise<WebAssembly.Module> {
  const body = await download.open(wasm);
  return WebAssembly.compileStreaming(
    new Response(body, { headers: { "Content-Type": "application/wasm" } }),
  );
}

/** Several files as one download: one sum of bytes, one watch for silence. */
class Download {
  private received = 0;
  private readonly total: number;

  constructor(
    assets: readonly Asset[],
    private readonly context: StartContext,
  ) {
    this.total = assets.reduce((sum, { bytes }) => sum + bytes, 0);
    context.progress("download", 0, this.total);
  }

  /** The body of a file; it fails in words when the server refuses, breaks off, or falls silent. */
  async open({ url }: Asset): Promise<ReadableStream<Uint8Array>> {
    const name = new URL(url).pathname;
    const abort = new AbortController();
    const stop = () => abort.abort(this.context.signal.reason);
    this.context.signal.addEventListener("abort", stop, { once: true });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = () => {
      abort.abort(
        new Error(
          `The server sent nothing of ${name} for ${SILENCE_MS / 1000} s. Check the connection, then try again.`,
        ),
      );
    };
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(silence, SILENCE_MS);
    };
    const done = () => {
      clearTimeout(timer);
      this.context.signal.removeEventListener("abort", stop);
    };
    const explain = (error: unknown): Error => {
      done();
      if (abort.signal.aborted) return abort.signal.reason as Error;
      return new Error(
        `Downloading ${name} failed: ${error instanceof Error ? error.message : String(error)}. Check the connection, then try again.`,
        { cause: error },
      );
    };
    alive();
    let response: Response;
    try {
      response = await fetch(url, { signal: abort.signal });
    } catch (error) {
      throw explain(error);
    }
    if (!response.ok || !response.body) {
      done();
      throw new Error(
        `The server answered ${response.status} for ${name}. The page may be from an older build: reload it.`,
      );
    }
    const reader = response.body.getReader();
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const { done: ended, value } = await reader.read();
          if (ended) {
            done();
            return controller.close();
          }
          alive();
          this.received += value.length;
          this.context.progress("download", this.received, this.total);
          controller.enqueue(value);
        } catch (error) {
          controller.error(explain(error));
        }
      },
      cancel: async (reason) => {
        done();
        await reader.cancel(reason);
      },
    });
  }
}
