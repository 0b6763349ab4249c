/** Other runtimes to measure beside ours, in the same machine: Debian's i386 packages, unpacked by the guest's build. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const guest = fileURLToPath(new URL("../../guest/", import.meta.url));
const run = promisify(execFile);

const PACKAGES =
  "bubblewrap crun runc libc6 libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libpcre2-8-0 libseccomp2 libselinux1 libsystemd0 libyajl2 libzstd1";

/** A gzipped tar of crun, runc and bwrap with their libraries, to unpack at the guest's root. Rejects where there is no apt. */
export async function peersArchive(): Promise<Uint8Array> {
  await run("bash", ["build.sh", "--packages", ".build/peers", ...PACKAGES.split(" ")], { cwd: guest });
  const list = `find usr/bin/crun usr/bin/bwrap usr/sbin/runc lib usr/lib \\( -name 'ld-linux.so.2' -o -name 'lib*.so*' -o -type f -path '*bin/*' \\) ! -path '*/gconv/*' ! -path '*/audit/*' -print0`;
  const { stdout } = await run("bash", ["-c", `cd .build/peers && ${list} | tar --null -cz -T -`], {
    cwd: guest,
    encoding: "buffer",
    maxBuffer: 64 << 20,
  });
  return stdout;
}
