/** The machine under Node, for tests and build steps: the same adapter, its parts read from the checkout. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { bootMachine } from "./machine";
import type { Machine, MachineOptions, MachineParts } from "./machine";

const top = new URL("../", import.meta.url);

/** Where the parts are, for hashing; the initrd is these archives one after the other. */
export const partFiles = {
  kernel: new URL("kernel/dist/bzImage", top),
  initrd: [new URL("guest/dist/base.cpio", top), new URL("guest/dist/nest.cpio", top)],
  wasm: createRequire(import.meta.url).resolve("v86/build/v86.wasm"),
} as const;

/** Compiled v86 alone: all that a restore needs. */
export async function loadWasm(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await read(partFiles.wasm));
}

/** Kernel, initrd and v86 of this checkout; an error names the file that is missing and what makes it. */
export async function loadParts(): Promise<MachineParts> {
  const [wasm, kernel, ...archives] = await Promise.all([
    loadWasm(),
    read(partFiles.kernel),
    ...partFiles.initrd.map(read),
  ]);
  return { wasm, kernel, initrd: new Uint8Array(Buffer.concat(archives)) };
}

/** Boots the checkout's machine and sets it running. `parts` replaces some of them. */
export async function bootNode(
  options: MachineOptions & { parts?: Partial<MachineParts> },
): Promise<Machine> {
  const { parts, ...machineOptions } = options;
  const machine = await bootMachine({ ...(await loadParts()), ...parts }, machineOptions);
  machine.run();
  return machine;
}

async function read(file: URL | string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    const name = file instanceof URL ? file.pathname.slice(top.pathname.length) : file;
    const way = name.startsWith("kernel")
      ? "kernel/build.sh"
      : name.startsWith("guest")
        ? "guest/build.sh"
        : "npm ci";
    throw new Error(`Cannot read ${name}: ${way} makes it.`, { cause: error });
  }
}
