/** Programs for the guest that are in no archive of guest/dist, built by the runtime's own tool chain. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const top = fileURLToPath(new URL("../../", import.meta.url));

/** `sources`: as a shell's pattern, from the top of the checkout. */
export async function buildProgram(sources: string): Promise<Uint8Array> {
  const directory = await mkdtemp(join(tmpdir(), "program-"));
  const program = join(directory, "program");
  await promisify(execFile)("bash", ["-c", `exec guest/build.sh --program "$1" ${sources}`, "sh", program], {
    cwd: top,
  });
  const bytes = await readFile(program);
  await rm(directory, { recursive: true });
  return new Uint8Array(bytes);
}
