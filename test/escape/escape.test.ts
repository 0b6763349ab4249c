/**
 * Attempts to get out, made as root inside a default, a --nest and a --privileged container, at depth 1 and 2, and
 * judged by a canary on the guest host. Each attempt would print ESCAPED or change the canary if it worked.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";

let sandbox: Sandbox;
let before = "";

const CANARY = [
  "cat /canary; hostname; cat /proc/sys/kernel/core_pattern /proc/sys/kernel/printk",
  "sha256sum /run/nest/bin/nest; stat -c '%a %u %g' / /run/nest /canary; ls -A /; grep -c . /proc/mounts",
].join("; ");

const host = async (script: string) => (await sandbox.exec(["sh", "-c", script])).stdout;

/** Name → script. Tools are busybox's; what a refusal prints does not matter. */
const ATTEMPTS: Record<string, string> = {
  "the host's files through pid 1's root": "cat /proc/1/root/canary && echo ESCAPED",
  "chroot and climb":
    "mkdir -p /a; chroot /a /bin/true; cd /; for i in 1 2 3 4 5 6 7 8; do cd ..; done; cat canary && echo ESCAPED",
  "a device node for memory": "mknod /mem c 1 1 && cat /mem >/dev/null && echo ESCAPED",
  "a device node for the console": "mknod /tty c 4 64 && echo x >/tty && echo ESCAPED",
  "the agent's port":
    "for f in /dev/vport* /dev/hvc* /dev/ttyS* /dev/mem /dev/port /dev/kmsg; do [ -e $f ] && echo ESCAPED; done; true",
  "mount the page's files": "mkdir -p /m; mount -t 9p -o trans=virtio host9p /m && echo ESCAPED",
  "mount devtmpfs": "mkdir -p /m; mount -t devtmpfs none /m && echo ESCAPED",
  "mount debugfs or securityfs":
    "mkdir -p /m; mount -t debugfs none /m && echo ESCAPED; mount -t securityfs none /m && echo ESCAPED",
  "cgroup v1 release_agent": "mkdir -p /m; mount -t cgroup -o memory none /m && echo ESCAPED",
  "remount the runtime writable":
    "mount -o remount,rw /run/nest/bin; echo x >>/run/nest/bin/nest && echo ESCAPED",
  "overwrite the runtime": "cp /bin/busybox $(readlink -f /usr/local/bin/nest) && echo ESCAPED",
  core_pattern: "echo '|/bin/evil' >/proc/sys/kernel/core_pattern && echo ESCAPED",
  sysrq: "echo c >/proc/sysrq-trigger && echo ESCAPED",
  "read kernel memory": "head -c 1 /proc/kcore && echo ESCAPED",
  "own limits lifted":
    "echo max >/sys/fs/cgroup/pids.max && echo ESCAPED; echo max >/sys/fs/cgroup/memory.max && echo ESCAPED",
  "a cgroup above": "ls /sys/fs/cgroup/../cgroup.procs /sys/fs/cgroup/agent && echo ESCAPED",
  "signal everything": "kill -9 -1; true",
  "the host's processes":
    "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -qE '(^| )(agent|init)( |$)' && echo ESCAPED; done; true",
  "the engine's socket":
    "for s in /run/nest/c/*/host.sock /proc/1/root/run/nest/9p; do [ -e $s ] && echo ESCAPED; done; true",
  "the wall clock": "date -s 2001-01-01; [ $(date +%Y) = 2001 ] && echo ESCAPED; true",
  "load a module, reboot": "reboot -f; insmod /x.ko && echo ESCAPED; true",
  "a foreign namespace": "nsenter -t 1 -m -p cat /canary && echo ESCAPED",
  sysfs:
    "echo x >/sys/kernel/uevent_helper && echo ESCAPED; echo 1 >/sys/kernel/mm/page_idle/bitmap && echo ESCAPED; true",
};

const DEFAULT_ONLY: Record<string, string> = {
  "mount anything": "mkdir -p /m; mount -t tmpfs none /m && echo ESCAPED",
  "a new user namespace": "unshare -U true && echo ESCAPED",
  "a new mount namespace": "unshare -m true && echo ESCAPED",
  "unmask by unmounting": "umount /proc/kcore && echo ESCAPED; umount /proc/timer_list && echo ESCAPED",
  "write to /proc/sys": "echo 1 >/proc/sys/kernel/ns_last_pid && echo ESCAPED",
  "write to cgroupfs": "mkdir /sys/fs/cgroup/x && echo ESCAPED",
};

const KINDS = {
  default: [],
  nest: ["--nest"],
  privileged: ["--privileged"],
} as const;

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await host("echo alive >/canary; chmod 644 /canary; docker pull -q busybox");
  expect(
    (await sandbox.exec(["docker", "run", "-d", "--nest", "--name", "outer", "busybox", "sleep", "100000"]))
      .exitCode,
  ).toBe(0);
  // The engine inside starts with its first command.
  expect(
    (await sandbox.exec(["docker", "run", "--rm", "busybox", "true"], { container: "outer" })).exitCode,
  ).toBe(0);
  before = await host(CANARY);
  expect(before).toMatch(/^alive\n/);
}, 120_000);

afterAll(() => sandbox.stop());

for (const depth of [1, 2]) {
  for (const [kind, flags] of Object.entries(KINDS)) {
    describe(`depth ${String(depth)}, ${kind}`, () => {
      const attempts = kind === "default" ? { ...ATTEMPTS, ...DEFAULT_ONLY } : ATTEMPTS;
      it(`stands ${String(Object.keys(attempts).length)} attempts`, async () => {
        // One container an attempt: one may kill itself without hiding the next.
        for (const [name, script] of Object.entries(attempts)) {
          const { stdout, stderr, exitCode } = await sandbox.exec(
            ["docker", "run", "--rm", ...flags, "busybox", "sh", "-c", script],
            { timeoutMs: 30_000, ...(depth === 2 && { container: "outer" }) },
          );
          expect({ name, stdout }).toEqual({
            name,
            stdout: expect.not.stringContaining("ESCAPED") as string,
          });
          // 125 would mean that the attempt was never made.
          expect({ name, exitCode, stderr }).not.toMatchObject({ exitCode: 125 });
        }
        expect(await host(CANARY)).toBe(before);
      });
    });
  }
}

it("has a kernel without the doors of the classic escapes", async () => {
  const config = await host("zcat /proc/config.gz");
  for (const symbol of [
    "MODULES",
    "KEXEC",
    "DEVMEM",
    "DEVPORT",
    "PROC_KCORE",
    "MAGIC_SYSRQ",
    "COREDUMP",
    "BINFMT_MISC",
    "DEBUG_FS",
    "IO_URING",
    "USERFAULTFD",
    "FHANDLE",
    "CRYPTO_USER_API",
    "VSOCKETS",
    "UEVENT_HELPER",
    "X86_IOPL_IOPERM",
    "LEGACY_TIOCSTI",
    "MODIFY_LDT_SYSCALL",
  ])
    expect(config, symbol).not.toMatch(new RegExp(`^CONFIG_${symbol}=`, "m"));
  for (const symbol of [
    "USER_NS",
    "SECCOMP_FILTER",
    "BPF_UNPRIV_DEFAULT_OFF",
    "SECURITY_YAMA",
    "PROC_MEM_NO_FORCE",
  ])
    expect(config, symbol).toMatch(new RegExp(`^CONFIG_${symbol}=y$`, "m"));
});
