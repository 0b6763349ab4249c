/** Initramfs archives for tests: the guest's base userland with an `/init` of the test's own. */
import { readFile } from "node:fs/promises";
import { partFiles } from "../../emulator/node";

interface CpioFile {
  path: string;
  /** As stat's st_mode. */
  mode: number;
  data: Uint8Array;
}

/** The base userland (busybox under /bin) in which `script`, a shell script, runs as pid 1. */
export async function initramfs(script: string): Promise<Uint8Array> {
  const data = new TextEncoder().encode(`#!/bin/sh\n${script}\n`);
  const [base] = partFiles.initrd;
  return Buffer.concat([await readFile(base), cpio([{ path: "init", mode: 0o100755, data }])]);
}

/** A "newc" archive (Linux Documentation/driver-api/early-userspace/buffer-format.rst). */
function cpio(files: readonly CpioFile[]): Uint8Array {
  const trailer = { path: "TRAILER!!!", mode: 0, data: new Uint8Array(0) };
  return Buffer.concat([...files, trailer].flatMap((file, i) => [header(file, i + 1), pad(file.data)]));
}

function header({ path, mode, data }: CpioFile, inode: number): Uint8Array {
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, path.length + 1, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  return pad(Buffer.from(`070701${hex}${path}\0`));
}

function pad(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array(-bytes.length & 3)]);
}
