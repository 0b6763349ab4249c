/**
 * nest-oci on bundles in the real machine: the life of a container, what its program finds, and the same bundle through Debian's
 * crun as an oracle. One boot for the file.
 */
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

const TIMEOUT_MS = 300_000;
const guest = fileURLToPath(new URL("../../guest/", import.meta.url));
const run = promisify(execFile);

let sandbox: Sandbox;
const { sh, ok, ...host } = scripts(() => sandbox, { timeoutMs: TIMEOUT_MS });
/** Runs a script that must fail; what it said. */
const fails = async (script: string) => (await host.fails(script)).stderr;

type Json = Record<string, unknown>;
type Config = Json & { process: Json; root: Json; mounts: Json[]; linux: Json };

let defaults: string;

/** What `nest-oci spec` writes, without a terminal and changed by `change`, as the bundle's config.json. */
async function bundle(change: (config: Config) => void = () => undefined): Promise<void> {
  const config = JSON.parse(defaults) as Config;
  config.ociVersion = "1.0.2"; // as far as the crun of Debian 12 goes
  config.process.terminal = false;
  change(config);
  await sandbox.files.write("/tmp/b/config.json", new TextEncoder().encode(JSON.stringify(config)));
}

/** Refused with a number of its own, by an argument, and by a signal; the rest is allowed. */
const SECCOMP = {
  defaultAction: "SCMP_ACT_ALLOW",
  architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"],
  flags: ["SECCOMP_FILTER_FLAG_LOG"],
  syscalls: [
    { names: ["mkdir", "mkdirat", "no_such_call"], action: "SCMP_ACT_ERRNO", errnoRet: 51 },
    {
      names: ["chmod", "fchmodat"],
      action: "SCMP_ACT_ERRNO",
      args: [{ index: 1, value: 0o700, valueTwo: 0, op: "SCMP_CMP_EQ" }],
    },
    { names: ["sync"], action: "SCMP_ACT_KILL_PROCESS" },
  ],
};
const SECCOMP_PROBE =
  "busybox mkdir /x; busybox chmod 700 /bin; busybox chmod 755 /bin; busybox sync; echo $?; grep Seccomp /proc/self/status; ";

/** Two devices in the container, of which the list lets one be read. */
function devices(config: Config): void {
  config.linux.devices = [
    { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
    { path: "/dev/loop", type: "c", major: 10, minor: 237, fileMode: 0o666, uid: 0, gid: 0 },
  ];
  config.linux.resources = {
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rwm" },
      { allow: false, type: "c", major: 10, minor: 229, access: "w" },
    ],
  };
}
const DEVICE_PROBE =
  'for d in fuse loop null; do for m in "<" ">"; do (eval ": $m /dev/$d") 2>/dev/null && e=0 || e=1; echo "$d $m $e"; done; done; echo end;';

const script = (text: string) => (config: Config) => (config.process.args = ["sh", "-c", text]);
const status = async (id: string) => (JSON.parse(await ok(`nest-oci state ${id}`)) as Json).status;

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  // A mount without flags: crun drops those of what it binds, we keep them.
  await ok(`mkdir /tmp/b && mount -t tmpfs tmpfs /tmp/b && mkdir -p /tmp/b/rootfs/bin /tmp/b/rootfs/etc; cd /tmp/b
    cp $(readlink -f /bin/busybox) rootfs/bin/busybox
    for n in cat env grep id ls ps sh sleep stat tty; do ln -s busybox rootfs/bin/$n; done
    nest-oci spec -b .`);
  defaults = await ok("cat /tmp/b/config.json");
}, TIMEOUT_MS);

afterAll(() => sandbox.stop());

describe("the life of a container", () => {
  it(
    "is created, started, entered, killed and deleted, each only when it is its turn",
    async () => {
      await bundle(script("echo up; exec sleep 1000"));
      await ok("cd /tmp/b && nest-oci create --pid-file /tmp/pid one >/tmp/out");
      expect(JSON.parse(await ok("nest-oci state one"))).toMatchObject({
        ociVersion: "1.2.0",
        id: "one",
        status: "created",
        pid: Number(await ok("cat /tmp/pid")),
        bundle: "/tmp/b",
      });
      expect(await ok("cat /tmp/out")).toBe("");
      expect(await fails("nest-oci create -b /tmp/b one")).toContain("exists already");
      await ok("nest-oci start one");
      expect(await status("one")).toBe("running");
      expect(await fails("nest-oci start one")).toContain("cannot start a container that is running");
      expect(await ok("nest-oci list -q; cat /tmp/out")).toBe("one\nup");
      expect(await fails("nest-oci delete one")).toContain("it is running, not stopped");
      const inside = await sh("nest-oci exec -u 5:6 -e A=b one sh -c 'id; echo $A; ps; exit 7'");
      expect(inside.exitCode).toBe(7);
      expect(inside.stdout).toContain("uid=5 gid=6\nb\n");
      expect(inside.stdout).toMatch(/^ +1 .*sleep 1000$/m);
      await ok(
        "nest-oci kill one KILL; for i in $(seq 50); do nest-oci state one | grep -q stopped && exit; sleep 0.1; done; exit 1",
      );
      expect(await fails("nest-oci kill one KILL")).toContain("not running");
      expect(await fails("nest-oci exec one id")).toContain("stopped");
      await ok("nest-oci delete one");
      expect(await fails("nest-oci state one")).toContain("does not exist");
      expect(
        await ok(
          "ls /run/nest-oci; ls /sys/fs/cgroup/nest-oci | grep -v '\\.' || true; grep -c /tmp/b/ /proc/mounts || true",
        ),
      ).toBe("0");
    },
    TIMEOUT_MS,
  );

  it(
    "runs its hooks in their order, with the state on standard input",
    async () => {
      const hook = (name: string, command = "cat") => ({
        path: "/bin/sh",
        args: ["sh", "-c", `echo ${name} >>/tmp/hooks; ${command} >/tmp/state.${name}`],
        timeout: 20,
      });
      await ok("rm -f /tmp/hooks");
      await bundle((config) => {
        config.process.args = ["id"];
        config.annotations = { why: "hooks" };
        config.hooks = Object.fromEntries(
          ["prestart", "createRuntime", "createContainer", "poststart", "poststop"].map((name) => [
            name,
            [hook(name)],
          ]),
        );
      });
      expect(await ok("cd /tmp/b && nest-oci run hooked")).toContain("uid=0");
      expect(await ok("cat /tmp/hooks")).toBe(
        "prestart\ncreateRuntime\ncreateContainer\npoststart\npoststop",
      );
      expect(JSON.parse(await ok("cat /tmp/state.poststart"))).toMatchObject({
        id: "hooked",
        status: "running",
        bundle: "/tmp/b",
        annotations: { why: "hooks" },
      });
      await bundle(
        (config) =>
          (config.hooks = {
            createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", "sleep 60"], timeout: 1 }],
          }),
      );
      expect(await fails("cd /tmp/b && nest-oci create slow")).toContain(
        "createRuntime: hook /bin/sh: not done after 1 s",
      );
      expect(await ok("ls /run/nest-oci")).toBe("");
    },
    TIMEOUT_MS,
  );

  it(
    "refuses a bad configuration by the field's name and leaves nothing",
    async () => {
      const cases: [string, (config: Config) => void][] = [
        ["process.args", (c) => (c.process.args = [])],
        ["process.cwd", (c) => delete c.process.cwd],
        ["process.user.uid", (c) => (c.process.user = { uid: -1 })],
        ["process.env[0]", (c) => (c.process.env = [7])],
        [
          "process.rlimits: unknown type",
          (c) => (c.process.rlimits = [{ type: "RLIMIT_X", hard: 1, soft: 1 }]),
        ],
        ["process.apparmorProfile: is not supported", (c) => (c.process.apparmorProfile = "x")],
        ["root.path: is missing", (c) => (c.root = {})],
        ["mounts[1].destination", (c) => (c.mounts[1] = { type: "tmpfs" })],
        [
          "mounts[1].options",
          (c) => (c.mounts[1] = { destination: "/x", type: "tmpfs", options: ["size=x"] }),
        ],
        ["mounts[0].type", (c) => (c.mounts[0] = { destination: "/x", type: "nonsense" })],
        ["linux.namespaces: unknown type", (c) => (c.linux.namespaces = [{ type: "world" }])],
        [
          "is no network namespace",
          (c) => (c.linux.namespaces = [{ type: "network", path: "/proc/self/ns/pid" }]),
        ],
        ["linux.uidMappings", (c) => (c.linux.namespaces = [{ type: "mount" }, { type: "user" }])],
        ["linux.sysctl", (c) => (c.linux.sysctl = { "kernel.core_pattern": "|/x" })],
        ["linux.sysctl", (c) => (c.linux.sysctl = { "net/../kernel/core_pattern": "|/x" })],
        ["linux.seccomp.defaultAction: is missing", (c) => (c.linux.seccomp = {})],
        ['invalid action "SCMP_ACT_NONE"', (c) => (c.linux.seccomp = { defaultAction: "SCMP_ACT_NONE" })],
        [
          "SCMP_ACT_NOTIFY: nobody stays beside the program",
          (c) =>
            (c.linux.seccomp = {
              defaultAction: "SCMP_ACT_ALLOW",
              listenerPath: "/run/x",
              syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
            }),
        ],
        [
          'linux.seccomp.flags: unknown flag "FAST"',
          (c) => (c.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", flags: ["FAST"] }),
        ],
        [
          "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is about SCMP_ACT_NOTIFY",
          (c) =>
            (c.linux.seccomp = {
              defaultAction: "SCMP_ACT_ALLOW",
              flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
            }),
        ],
        [
          'linux.seccomp.architectures: unknown "x86"',
          (c) => (c.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["x86"] }),
        ],
        [
          "defaultErrnoRet: SCMP_ACT_ALLOW returns no error number",
          (c) => (c.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 }),
        ],
        [
          "no program can run without execve",
          (c) =>
            (c.linux.seccomp = {
              defaultAction: "SCMP_ACT_ALLOW",
              syscalls: [{ names: ["execve"], action: "SCMP_ACT_ERRNO" }],
            }),
        ],
        [
          "linux.seccomp.syscalls[0].args[0].op: is missing",
          (c) =>
            (c.linux.seccomp = {
              defaultAction: "SCMP_ACT_ALLOW",
              syscalls: [{ names: ["read"], action: "SCMP_ACT_LOG", args: [{ index: 0, value: 1 }] }],
            }),
        ],
        [
          'linux.resources.devices: type "p" is none of',
          (c) => (c.linux.resources = { devices: [{ allow: true, type: "p" }] }),
        ],
        [
          'linux.resources.devices: access "rx" is not',
          (c) => (c.linux.resources = { devices: [{ allow: true, access: "rx" }] }),
        ],
        ["linux.cgroupsPath", (c) => (c.linux.cgroupsPath = "/../x")],
        ["linux.resources.unified", (c) => (c.linux.resources = { unified: { "../x": "1" } })],
        ["linux.rootfsPropagation", (c) => (c.linux.rootfsPropagation = "everywhere")],
        ["ociVersion", (c) => (c.ociVersion = "2.0.0")],
      ];
      for (const [field, change] of cases) {
        await bundle(change);
        expect(await fails("nest-oci run -b /tmp/b bad")).toContain(field);
      }
      expect(await ok("ls /run/nest-oci; grep -c /tmp/b/ /proc/mounts || true")).toBe("0");
      await ok(
        'nest-oci --log /tmp/log --log-format json run -b /tmp/b bad; tail -1 /tmp/log | grep -q \'"level":"error"\'',
      );
    },
    TIMEOUT_MS,
  );
});

describe("what the program finds", () => {
  it(
    "has limits, ids, settings and mounts as the bundle says",
    async () => {
      await ok("mkdir -p /tmp/b/data && echo here >/tmp/b/data/file");
      await bundle((config) => {
        script(
          "id; umask; cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj /data/file /sys/fs/cgroup/pids.max; " +
            "cat /sys/fs/cgroup/memory.max; touch /data/x 2>&1; stat -c %t,%T,%a /dev/mine; cat /proc/uptime; cat /secret/x; echo end",
        )(config);
        config.process.user = { uid: 7, gid: 8, additionalGids: [9], umask: 0o27 };
        config.process.oomScoreAdj = 300;
        config.mounts.push({ destination: "/data", source: "data", options: ["rbind", "rro"] });
        config.mounts.push({ destination: "/secret", type: "tmpfs", options: ["mode=755"] });
        (config.linux.namespaces as Json[]).push({ type: "time" });
        config.linux.timeOffsets = { boottime: { secs: 5_000_000 } };
        config.linux.sysctl = { "net.ipv4.ip_forward": "1" };
        config.linux.devices = [
          { path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 0o640, uid: 0, gid: 0 },
        ];
        config.linux.resources = { pids: { limit: 17 }, memory: { limit: 33554432 } };
        config.linux.maskedPaths = ["/secret"];
      });
      const lines = (await ok("cd /tmp/b && nest-oci run found")).split("\n");
      expect(lines.slice(0, 7)).toEqual([
        "uid=7 gid=8 groups=9",
        "0027",
        "1",
        "300",
        "here",
        "17",
        "33554432",
      ]);
      expect(lines[7]).toContain("Read-only file system");
      expect(lines[8]).toBe("1,3,640");
      expect(Number(lines[9]?.split(" ")[0])).toBeGreaterThan(5_000_000);
      expect(lines[10]).toBe("end");
    },
    TIMEOUT_MS,
  );

  it(
    "is root of a user namespace of its own, with the level's devices",
    async () => {
      await ok("chown -R 100000:100000 /tmp/b/rootfs");
      await bundle((config) => {
        script(
          "id -u; cat /proc/self/uid_map; echo x >/dev/null && stat -c %t,%T /dev/zero; ls -ln /bin/busybox",
        )(config);
        (config.linux.namespaces as Json[]).push({ type: "user" });
        config.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
        config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
      });
      const lines = (await ok("cd /tmp/b && nest-oci run user"))
        .split("\n")
        .map((line) => line.replace(/\s+/g, " ").trim());
      expect(lines.slice(0, 3)).toEqual(["0", "0 100000 65536", "1,5"]);
      expect(lines[3]).toMatch(/ 1 0 0 /);
      await ok("chown -R 0:0 /tmp/b/rootfs");
    },
    TIMEOUT_MS,
  );

  it(
    "runs under the bundle's filter of system calls, also in exec",
    async () => {
      for (const noNewPrivileges of [true, false]) {
        await bundle((config) => {
          script(SECCOMP_PROBE + "exec sleep 1000")(config);
          config.process.noNewPrivileges = noNewPrivileges;
          config.linux.seccomp = SECCOMP;
        });
        await ok("cd /tmp/b && nest-oci create filtered >/tmp/out 2>&1; nest-oci start filtered");
        const inside = await ok(`nest-oci exec filtered sh -c '${SECCOMP_PROBE}' 2>&1`);
        expect(inside).toBe(
          [
            "mkdir: can't create directory '/x': Level 2 halted",
            "chmod: /bin: Operation not permitted",
            "chmod: /bin: Read-only file system",
            "Bad system call",
            "159",
            "Seccomp:\t2",
            "Seccomp_filters:\t1",
          ].join("\n"),
        );
        await ok("for i in $(seq 50); do grep -q filters /tmp/out && exit; sleep 0.1; done; exit 1");
        expect(await ok("cat /tmp/out")).toBe(inside);
        await ok("nest-oci delete -f filtered");
      }
    },
    TIMEOUT_MS,
  );

  it(
    "opens only the devices its list allows, and update changes that",
    async () => {
      await bundle((config) => {
        script(`${DEVICE_PROBE} exec sleep 1000`)(config);
        devices(config);
      });
      await ok("cd /tmp/b && nest-oci create dev >/tmp/out 2>&1 && nest-oci start dev");
      await ok("for i in $(seq 50); do grep -q 'end' /tmp/out && exit; sleep 0.1; done; exit 1");
      expect(await ok("cat /tmp/out")).toBe(
        "fuse < 0\nfuse > 1\nloop < 1\nloop > 1\nnull < 0\nnull > 0\nend",
      );
      await ok(
        `echo '{"devices":[{"allow":false},{"allow":true,"type":"c","major":10}]}' | nest-oci update -r - dev`,
      );
      expect(await ok(`nest-oci exec dev sh -c '${DEVICE_PROBE}'`)).toBe(
        "fuse < 0\nfuse > 0\nloop < 0\nloop > 0\nnull < 0\nnull > 0\nend",
      );
      await ok("nest-oci delete -f dev");
      // Without a list too: what every container has, and nothing else.
      await bundle((config) => {
        script(DEVICE_PROBE)(config);
        devices(config);
        delete config.linux.resources;
      });
      expect(await ok("cd /tmp/b && nest-oci run dev")).toBe(
        "fuse < 1\nfuse > 1\nloop < 1\nloop > 1\nnull < 0\nnull > 0\nend",
      );
    },
    TIMEOUT_MS,
  );

  it(
    "has a terminal of the container's own",
    async () => {
      await bundle((config) => {
        script("tty; ls -l /dev/console; stty size")(config);
        config.process.terminal = true;
        config.process.consoleSize = { width: 91, height: 17 };
      });
      expect(await fails("cd /tmp/b && nest-oci create term")).toContain("--console-socket is missing");
      const text = await ok("cd /tmp/b && nest-oci run term </dev/null");
      expect(text).toContain("/dev/pts/0");
      expect(text).toMatch(/crw.*136, +0 .*\/dev\/console/);
    },
    TIMEOUT_MS,
  );
});

/** Debian's crun and the libraries it needs, unpacked by the build's own tool; undefined when apt cannot. */
async function crun(): Promise<string | undefined> {
  const packages =
    "crun libc6 libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libseccomp2 libsystemd0 libyajl2 libzstd1";
  try {
    await run("bash", ["build.sh", "--packages", ".build/crun", ...packages.split(" ")], { cwd: guest });
  } catch (error) {
    console.warn(`crun is not compared: ${String((error as { stderr?: string }).stderr ?? error)}`);
    return undefined;
  }
  await run(
    "bash",
    [
      "-c",
      `cd .build/crun && find usr/bin/crun lib usr/lib \\( -name 'ld-linux.so.2' -o -name 'lib*.so*' -o -name crun \\) \\
       ! -path '*/gconv/*' ! -path '*/audit/*' -print0 | tar --null -czf ../crun.tgz -T -`,
    ],
    { cwd: guest },
  );
  return `${guest}.build/crun.tgz`;
}

/** What differs from run to run or by the runtime's own ways is taken out; each line says why. */
function comparable(text: string, masked: readonly string[]): Record<string, string[]> {
  const parts: Record<string, string[]> = {};
  let part: string[] = [];
  for (const line of text.split("\n")) {
    const name = /^== (.*)/.exec(line)?.[1];
    if (name !== undefined) parts[name] = part = [];
    else if (line) part.push(line);
  }
  // Sizes of the process and how often it was switched.
  parts.status = (parts.status ?? []).filter((line) => !/^(Vm|Rss|voluntary|nonvoluntary|SigQ)/.test(line));
  parts.mountinfo = (parts.mountinfo ?? [])
    .map((line) => {
      // Numbers of mounts, file systems and peer groups, and the root directory of what is no file system of its own.
      const [, , , root, at = "", flags, ...rest] = line.split(" ");
      const [type, , options = ""] = rest.slice(rest.indexOf("-") + 1);
      // What hides a path is as each sees fit; that it does is tested above.
      if (masked.includes(at)) return `${at} hidden`;
      // A file system of its own is read-only by its mount; crun says it of the file system, too.
      const own = options
        .split(",")
        .filter((option) => !/^(ro|rw|size=|nr_inodes=|mode=|inode)/.test(option));
      return `${at} ${type === "tmpfs" ? "-" : root} ${flags} ${type} ${own.sort().join(",")}`;
    })
    .sort();
  return parts;
}

describe("beside crun", () => {
  it(
    "gives the same bundle the same status, mounts, cgroup and limits",
    async ({ skip }) => {
      const archive = await crun();
      if (archive === undefined) return skip();
      await sandbox.files.write("/tmp/crun.tgz", new Uint8Array(await readFile(archive)));
      await ok("cd / && tar xzf /tmp/crun.tgz && rm /tmp/crun.tgz && crun --version");
      await bundle((config) => {
        script(
          "for f in status mountinfo cgroup limits; do echo == $f; cat /proc/self/$f; done; echo == dev; cd /dev; stat -c '%n %F %a %t,%T' *; echo == id; id; echo == env; env",
        )(config);
        config.process.user = { uid: 3, gid: 4, additionalGids: [5, 6] };
        config.process.capabilities = {
          bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
          permitted: ["CAP_KILL", "CAP_NET_RAW"],
          effective: ["CAP_KILL"],
          inheritable: ["CAP_NET_RAW"],
          ambient: ["CAP_NET_RAW"],
        };
        config.process.rlimits = [
          { type: "RLIMIT_NOFILE", hard: 1024, soft: 512 },
          { type: "RLIMIT_CORE", hard: 4096, soft: 0 },
        ];
        config.mounts.push({
          destination: "/tmp",
          type: "tmpfs",
          source: "tmpfs",
          options: ["nosuid", "noexec", "ro", "size=1m"],
        });
        config.mounts.push({
          destination: "/data",
          type: "bind",
          source: "/tmp/b/data",
          options: ["rbind", "ro", "nodev"],
        });
        config.linux.resources = { pids: { limit: 20 } };
      });
      await ok(
        "mkdir -p /tmp/b/data; cd /tmp/b && nest-oci run ours >/tmp/ours && crun --cgroup-manager=cgroupfs run theirs >/tmp/theirs",
      );
      const masked = (JSON.parse(defaults) as { linux: { maskedPaths: string[] } }).linux.maskedPaths;
      const [ours, theirs] = [
        comparable(await ok("cat /tmp/ours"), masked),
        comparable(await ok("cat /tmp/theirs"), masked),
      ];
      expect(theirs.status?.length).toBeGreaterThan(30);
      expect(theirs.mountinfo?.length).toBeGreaterThan(10);
      expect(ours).toEqual(theirs);
    },
    TIMEOUT_MS,
  );
});

describe("beside crun, filters", () => {
  it(
    "refuses the same calls and devices",
    async ({ skip }) => {
      if ((await sh("crun --version")).exitCode !== 0) return skip();
      await bundle((config) => {
        script(SECCOMP_PROBE)(config);
        config.linux.seccomp = SECCOMP;
      });
      const [ours, theirs] = [
        await ok("cd /tmp/b && nest-oci run ours 2>&1"),
        await ok("cd /tmp/b && crun --cgroup-manager=cgroupfs run theirs 2>&1"),
      ];
      expect(theirs).toContain("Seccomp_filters:\t1");
      expect(ours).toBe(theirs);
      await bundle((config) => {
        script(DEVICE_PROBE)(config);
        devices(config);
      });
      expect(await ok("cd /tmp/b && nest-oci run ours 2>&1")).toBe(
        await ok("cd /tmp/b && crun --cgroup-manager=cgroupfs run theirs 2>&1"),
      );
    },
    TIMEOUT_MS,
  );
});

afterAll(() => rm(`${guest}.build/crun.tgz`, { force: true }));
