/** Flags of `docker run` that shape a container's programs and files, and what each says to a bad value. One boot for the file. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, ok, fails } = scripts(() => sandbox);

/** What a script says in a fresh container with these flags. */
const inside = (flags: string, script: string) =>
  ok(`docker run --rm --network none ${flags} busybox sh -c '${script}'`);

interface Inspected {
  HostConfig: Record<string, unknown> & { SecurityOpt: string[] };
  Config: Record<string, unknown>;
  State: Record<string, unknown>;
}
const inspect = async (name: string) => (JSON.parse(await ok(`docker inspect ${name}`)) as [Inspected])[0];

/** Writes a file on the guest host. */
const write = (path: string, text: string) => ok(`cat >${path} <<'END'\n${text}\nEND`);

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
}, 120_000);

afterAll(() => sandbox.stop());

describe("the process", () => {
  it("has the limits of --ulimit, in a later exec too", async () => {
    const limits = "ulimit -Sn; ulimit -Hn; ulimit -c";
    expect(await inside("--ulimit nofile=64:2048 --ulimit core=0", limits)).toBe("64\n2048\n0");
    // Above what the guest host itself has: raised before the container is made, since nobody in it may.
    expect(await inside("--ulimit nofile=600000", "ulimit -Hn")).toBe("600000");
    expect(await inside("--ulimit nofile=20 --ulimit nofile=30", "ulimit -n")).toBe("30");
    await ok(
      "docker run -d --name limited --ulimit nofile=77 --oom-score-adj 9 --group-add 55 busybox sleep 1000",
    );
    expect(await ok("docker exec limited sh -c 'ulimit -n; cat /proc/self/oom_score_adj; id -G'")).toBe(
      "77\n9\n0 55",
    );
    await ok("docker rm -f limited");
  });

  it("joins the groups of --group-add, by the names of the image", async () => {
    expect(await inside("-u 1000 --group-add nogroup --group-add 1234", "id -G")).toBe("0 1234 65534");
    const { exitCode, stderr } = await fails("docker run --rm --group-add nosuch busybox true");
    expect(exitCode).toBe(125);
    expect(stderr).toContain("unable to find group nosuch: no matching entries in group file");
  });

  it("has the settings of --sysctl, each of its own namespace", async () => {
    const paths = "net/ipv4/ip_forward kernel/shmmax fs/mqueue/msg_max kernel/sem";
    const flags =
      "--sysctl net.ipv4.ip_forward=0 --sysctl kernel.shmmax=12345 --sysctl fs.mqueue.msg_max=20 --sysctl 'kernel.sem=100 200 50 60'";
    expect(await inside(flags, `cd /proc/sys; cat ${paths}`)).toBe("0\n12345\n20\n100\t200\t50\t60");
    expect(await ok("cat /proc/sys/kernel/shmmax")).not.toBe("12345");
  });

  it("takes a score for the kernel's choice when memory ends", async () => {
    expect(await inside("--oom-score-adj 500", "cat /proc/self/oom_score_adj")).toBe("500");
    expect(await inside("", "cat /proc/self/oom_score_adj")).toBe("0");
  });

  it("sees clocks shifted by --time-offset, and so does an exec", async () => {
    await ok("docker run -d --name late --time-offset boottime=864000 busybox sleep 1000");
    const uptime = Number((await ok("docker exec late cat /proc/uptime")).split(" ")[0]);
    expect(uptime).toBeGreaterThan(864000);
    expect(uptime).toBeLessThan(864000 + 3600);
    expect(Number((await ok("cat /proc/uptime")).split(" ")[0])).toBeLessThan(3600);
    expect((await inspect("late")).HostConfig.TimeOffsets).toEqual(["boottime=864000"]);
    await ok("docker rm -f late");
  });

  it("is looked after by --init: orphans are collected, signals arrive, its status is kept", async () => {
    const zombies = "for i in 1 2 3; do (true & ) ; done; sleep 0.3; ps -o stat,comm | grep -c ^Z";
    expect(await ok(`docker run --rm --init busybox sh -c '${zombies}; true'`)).toBe("0");
    // Without: the shell, waiting for another child, leaves them.
    expect(await ok('docker run --rm --init busybox sh -c \'tr "\\0" " " </proc/1/cmdline\'')).toMatch(
      /^\/sbin\/docker-init -- sh -c/,
    );
    expect((await fails("docker run --rm --init busybox sh -c 'exit 7'")).exitCode).toBe(7);
    expect((await fails("docker run --rm --init busybox sh -c 'kill -9 $$'")).exitCode).toBe(137);
    expect((await fails("docker run --rm --init busybox nosuchprogram")).exitCode).toBe(127);
    // `sleep` as pid 1 would ignore TERM and be killed after the time-out; here it gets the signal and its default action.
    await ok("docker run -d --name watched --init --stop-timeout 20 busybox sleep 1000");
    await ok("docker stop watched");
    expect((await inspect("watched")).State.ExitCode).toBe(143);
    await ok("docker rm watched");
    await ok(
      "docker run -d --name quit --init --stop-signal QUIT busybox sh -c 'trap \"exit 3\" QUIT; echo set; while :; do sleep 0.1; done'",
    );
    await expect.poll(() => ok("docker logs quit"), { timeout: 10_000 }).toBe("set");
    await ok("docker stop quit");
    expect((await inspect("quit")).State.ExitCode).toBe(3);
    await ok("docker rm quit");
  });

  it("cannot write the runtime's binary that runs as its first process", async () => {
    const { stderr } = await fails("docker run --rm --init busybox sh -c 'echo x >/proc/1/exe'");
    expect(stderr).toMatch(/Read-only file system|Text file busy|Permission denied/);
  });

  it("gets variables from files, in docker's reading of them", async () => {
    await write("/tmp/env", "A=1\n# a comment\n\n  B=two words \nFROM_HERE\nNOT_SET_ANYWHERE\r\nC=\r");
    const seen = await ok("FROM_HERE=yes docker run --rm --env-file /tmp/env -e A=2 busybox env");
    expect(seen.split("\n")).toEqual(expect.arrayContaining(["A=2", "B=two words ", "C=", "FROM_HERE=yes"]));
    expect(seen).not.toContain("NOT_SET_ANYWHERE");
    await write("/tmp/env", "GOOD=1\nno good=2");
    const { exitCode, stderr } = await fails("docker run --rm --env-file /tmp/env busybox true");
    expect(exitCode).toBe(125);
    expect(stderr).toContain("variable 'no good' contains whitespaces");
    // A name alone that is not set here takes the variable away.
    expect(await ok("docker run --rm -e PATH busybox /bin/sh -c 'echo ok'")).toBe("ok");
  });

  it('runs without the image\'s entry point after --entrypoint ""', async () => {
    expect(await ok('docker run --rm --entrypoint "" busybox echo plain')).toBe("plain");
    expect((await fails('docker run --rm --entrypoint "" busybox')).stderr).toContain("no command specified");
  });
});

describe("the file system", () => {
  it("has a /dev/shm of --shm-size", async () => {
    expect(await inside("--shm-size 1m", "df -k /dev/shm | tail -1")).toMatch(/ 1024 /);
    expect(await inside("", "df -k /dev/shm | tail -1")).toMatch(/ 65536 /);
  });

  it("has the tmpfs asked for, above and below volumes", async () => {
    const mounts = await inside(
      "--tmpfs /run --tmpfs /t:size=1m,mode=700,exec,ro -v data:/t2 --tmpfs /t2/deep -v data:/run/below",
      'grep -E " /(t|run)" /proc/mounts; ls -ld /t',
    );
    expect(mounts).toMatch(/^tmpfs \/run tmpfs rw,nosuid,nodev,noexec/m);
    expect(mounts).toMatch(/^tmpfs \/t tmpfs ro,nosuid,nodev,relatime,size=1024k,mode=700/m);
    expect(mounts).toMatch(/^tmpfs \/t2\/deep tmpfs rw/m);
    expect(mounts).toMatch(/^tmpfs \/run\/below tmpfs rw/m);
    expect(mounts).toMatch(/^drwx------ /m);
  });

  it("mounts with --mount what -v and --tmpfs mount", async () => {
    await ok("mkdir -p /tmp/source && echo here >/tmp/source/file");
    const seen = await inside(
      "--mount type=bind,src=/tmp/source,dst=/a,readonly --mount type=volume,source=vol,target=/b" +
        " --mount type=tmpfs,destination=/c,tmpfs-size=1m,tmpfs-mode=1770 --mount 'type=volume,\"dst=/d,e\",src=vol'",
      "cat /a/file; echo x >/a/new; echo x >/b/new; cat /d,e/new; df -k /c | tail -1; ls -ld /c; true",
    );
    expect(seen).toMatch(/^here\nx\n/);
    expect(seen).toMatch(/ 1024 .* \/c$/m);
    expect(seen).toMatch(/^drwxrwx--T/m);
    expect(
      (await sh("docker run --rm --mount type=bind,src=/nope,dst=/a busybox true; ls /nope")).stderr,
    ).toMatch(/bind source path does not exist: \/nope[^]*No such file/);
  });

  it("has the devices asked for and no others", async () => {
    const seen = await inside(
      "--device /dev/fuse --device /dev/net/tun:/dev/x/y:r",
      "exec 3<>/dev/fuse && echo opened; cat /dev/x/y 2>&1 | head -1; (exec 4>/dev/x/y) 2>&1; ls /dev/net 2>&1; true",
    );
    expect(seen).toMatch(/^opened$/m);
    expect(seen).toContain("can't create /dev/x/y: Permission denied");
    expect(seen).toContain("/dev/net: No such file");
    // Not even its mode can be changed: the node is the guest host's.
    expect(
      (await fails("docker run --rm --device /dev/net/tun:r busybox chmod 666 /dev/net/tun")).stderr,
    ).toContain("Operation not permitted");
  });

  it("has a root that cannot be written with --read-only, and volumes that can", async () => {
    const script = "echo x >/file; echo x >/data/file && echo x >/t/file && cat /data/file";
    const result = await sh(
      `docker run --rm --read-only -v rodata:/data --tmpfs /t busybox sh -c '${script}'`,
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: "x\n" });
    expect(result.stderr).toContain("Read-only file system");
  });
});

describe("names and notes", () => {
  it("has a domain name, and the level's address as host-gateway", async () => {
    const flags = "--hostname h --domainname d.e --add-host gw:host-gateway --add-host other=1.2.3.4";
    const seen = await ok(
      `docker run --rm ${flags} busybox sh -c 'hostname -f; cat /proc/sys/kernel/domainname /etc/hosts'`,
    );
    expect(seen).toMatch(/^h\.d\.e\nd\.e\n/);
    expect(seen).toMatch(/^172\.17\.0\.1\tgw$/m);
    expect(seen).toMatch(/^1\.2\.3\.4\tother$/m);
  });

  it("shows everything in inspect under docker's names", async () => {
    await write("/tmp/labels", "from.file=1\nboth=file\n");
    await ok(
      "docker create --name shown --label-file /tmp/labels -l both=flag -l empty -l 'html=<script>' --domainname d.e" +
        " --ulimit nofile=64:128 --ulimit nofile=65:129 --group-add 7 --sysctl net.ipv4.ip_forward=0 --oom-score-adj 5 --init" +
        " --shm-size 2m --tmpfs /t:size=1m --device /dev/fuse:/dev/f:rw --security-opt no-new-privileges --read-only" +
        " --stop-signal USR1 --stop-timeout 7 --mount type=tmpfs,dst=/m --memory 64m --cpus 0.5 --pids-limit 9 busybox true",
    );
    const { HostConfig, Config } = await inspect("shown");
    expect(HostConfig).toMatchObject({
      Devices: [{ PathOnHost: "/dev/fuse", PathInContainer: "/dev/f", CgroupPermissions: "rw" }],
      GroupAdd: ["7"],
      Init: true,
      Memory: 64 << 20,
      NanoCpus: 5e8,
      OomScoreAdj: 5,
      PidsLimit: 9,
      ReadonlyRootfs: true,
      SecurityOpt: ["no-new-privileges"],
      ShmSize: 2 << 20,
      Sysctls: { "net.ipv4.ip_forward": "0" },
      Tmpfs: { "/t": "size=1m", "/m": "rw" },
      Ulimits: [{ Name: "nofile", Soft: 65, Hard: 129 }],
    });
    expect(Config).toMatchObject({
      Domainname: "d.e",
      Labels: { "from.file": "1", both: "flag", empty: "", html: "<script>" },
      StopSignal: "USR1",
      StopTimeout: 7,
    });
    expect(await ok("docker inspect -f '{{.Config.Labels.both}}' shown")).toBe("flag");
    await ok("docker rm shown");
  });
});

describe("a system call filter of one's own", () => {
  const profile = (text: object) => write("/tmp/profile.json", JSON.stringify(text));
  const own = "--security-opt seccomp=/tmp/profile.json";

  it("refuses by name, by argument and with the errno asked for, in exec as well", async () => {
    await profile({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 },
        { names: ["chmod", "fchmodat", "nosuchcall"], action: "SCMP_ACT_ERRNO" },
        { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, value: 18, op: "SCMP_CMP_EQ" }] },
        { names: ["socket"], action: "SCMP_ACT_KILL_PROCESS" },
        { names: ["symlink"], action: "SCMP_ACT_ERRNO", includes: { caps: ["CAP_SYS_ADMIN"] } },
        { names: ["link"], action: "SCMP_ACT_ERRNO", excludes: { caps: ["CAP_SYS_ADMIN"] } },
        { names: ["sync"], action: "SCMP_ACT_KILL", includes: { arches: ["amd64"] } },
      ],
    });
    const script =
      "mkdir /x; touch /y; chmod 0 /y; kill -18 $$; kill -28 $$ && echo other; ln -s y /s && echo link; ln y /h; sync && echo synced; ping -c1 127.0.0.1; echo $?";
    const direct = await sh(`docker run --rm ${own} busybox sh -c '${script}'`);
    await ok(`docker run -d --name filtered ${own} busybox sleep 1000`);
    for (const { stdout, stderr } of [direct, await sh(`docker exec filtered sh -c '${script}'`)]) {
      expect(stdout.trim()).toBe("other\nlink\nsynced\n159");
      expect(stderr).toContain("'/x': No space left on device");
      expect(stderr).toContain("chmod: /y: Operation not permitted");
      expect(stderr).toContain("can't kill pid");
      expect(stderr).toMatch(/ln: .*: Operation not permitted/);
      expect(stderr).toContain("Bad system call");
    }
    expect((await inspect("filtered")).HostConfig.SecurityOpt[0]).toMatch(
      /^seccomp=\{"defaultAction":"SCMP_ACT_ALLOW"/,
    );
    await ok("docker rm -f filtered");
  });

  it("allows only what is listed, whether before or after capabilities go", async () => {
    const names =
      "_llseek access brk capget capset chdir clone close close_range dup dup2 dup3 execve exit exit_group fchdir fcntl64 fork fstat64 fstatat64 futex getcwd getdents64 geteuid32 getgid32 getpid getppid getuid32 ioctl lstat64 mmap2 mprotect munmap open openat poll prctl prlimit64 read readlink readv rt_sigaction rt_sigprocmask rt_sigreturn sendfile64 set_robust_list set_thread_area set_tid_address setgroups32 setresgid32 setresuid32 setrlimit sigreturn stat64 statx ugetrlimit umask uname vfork wait4 write writev seccomp";
    await profile({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ names: names.split(" "), action: "SCMP_ACT_ALLOW" }],
    });
    for (const flags of [own, `${own} --security-opt no-new-privileges -u 1000`]) {
      const result = await sh(`docker run --rm ${flags} busybox sh -c 'cat /etc/hostname; mkdir /tmp/x'`);
      expect(result.stderr).toContain("Operation not permitted");
      expect(result.stdout).toMatch(/^[0-9a-f]{12}\n$/);
    }
  });

  it("can be switched off", async () => {
    expect(await inside("--security-opt seccomp=unconfined", "grep Seccomp: /proc/self/status")).toMatch(
      /\t0$/,
    );
    expect(await inside("", "grep Seccomp: /proc/self/status")).toMatch(/\t2$/);
  });

  it("is refused when it is none", async () => {
    for (const [text, says] of [
      ['{"defaultAction":', "bad JSON"],
      ['{"defaultAction":"SCMP_ACT_ERRNO"}', "no program can run without execve"],
      ['{"defaultAction":"SCMP_ACT_FOO"}', 'invalid action "SCMP_ACT_FOO"'],
      [
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["kill"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}',
        "arguments 0 to 5",
      ],
      [
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["kill"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"op":"=="}]}]}',
        'invalid operator "=="',
      ],
    ] as const) {
      await write("/tmp/profile.json", text);
      const { exitCode, stderr } = await fails(`docker run --rm ${own} busybox true`);
      expect(exitCode).toBe(125);
      expect(stderr).toContain("seccomp=/tmp/profile.json");
      expect(stderr).toContain(says);
    }
  });
});

describe("--privileged and --nest", () => {
  const status = 'grep -hE "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | cut -f2';
  const all = "000001ffffffffff";
  const none = "0000000000000000";
  /** Capabilities, bounding set, no_new_privs, kind of filter. */
  const cases: [flags: string, seen: string[]][] = [
    ["--privileged --nest", [all, all, "0", "2"]],
    // Docker forgets --cap-drop then; who writes it means it.
    ["--privileged --cap-drop ALL", [none, none, "0", "2"]],
    [
      "--privileged --cap-drop NET_ADMIN --security-opt no-new-privileges",
      ["000001ffffffefff", "000001ffffffefff", "1", "2"],
    ],
    ["--privileged --security-opt seccomp=unconfined", [all, all, "0", "0"]],
    ["--privileged -u 1000", [none, all, "0", "2"]],
    ["--nest --cap-drop ALL", [none, none, "0", "2"]],
    ["--nest --cap-drop ALL --cap-add KILL", ["0000000000000020", "0000000000000020", "0", "2"]],
  ];
  it.each(cases)("%s", async (flags, seen) => {
    expect((await inside(flags, status)).split("\n")).toEqual(seen);
  });

  it("--nest --read-only", async () => {
    expect(
      await inside("--nest --read-only", "touch /x 2>/dev/null || docker version -f {{.Server.Version}}"),
    ).toMatch(/^\d+\.\d+/);
  });

  it.each(["--nest --pid host", "--privileged --network host", "--nest --cgroupns host"])(
    "not with %s",
    async (flags) => {
      const { exitCode, stderr } = await fails(`docker run --rm ${flags} busybox true`);
      expect(exitCode).toBe(125);
      expect(stderr).toContain(
        "conflicting options: --nest and --privileged need a network, processes and control groups of their own",
      );
    },
  );
});

describe("inside a container", () => {
  it("works the same one level deeper", async () => {
    const inner =
      "docker run --rm --oom-score-adj 300 --time-offset boottime=864000 --sysctl net.ipv4.ip_forward=0 --shm-size 1m --ulimit nofile=33" +
      ' --group-add 7 --init --tmpfs /x --device /dev/zero:/dev/z busybox sh -c "cut -c1-3 /proc/uptime; cat /proc/self/oom_score_adj; id -G; ulimit -n; grep -c /x /proc/mounts; head -c 3 /dev/z | wc -c"';
    expect(await ok(`docker run --rm --nest --oom-score-adj 100 busybox sh -c '${inner}'`)).toBe(
      "864\n300\n0 7\n33\n1\n3",
    );
    // Down to what the level above has is all the way there is.
    const lower = "docker run --rm --device /dev/zero:r busybox true";
    expect((await fails(`docker run --rm --nest busybox sh -c '${lower}'`)).stderr).toContain(
      "reading and writing",
    );
  });
});

const ON_OR_OFF = [
  "--detach",
  "--init",
  "--interactive",
  "--nest",
  "--no-healthcheck",
  "--privileged",
  "--publish-all",
  "--quiet",
  "--read-only",
  "--rm",
  "--tty",
];

describe("bad values", () => {
  const long = "x".repeat(20_000);
  /** Flag, value, and what must be said besides the two. */
  const cases: [flag: string, value: string, says: string | RegExp][] = [
    ["--add-host", "box", "bad format for add-host"],
    ["--add-host", "box:300.1.1.1", "invalid IP address"],
    ["--blkio-weight", "5", "Range of blkio weight is from 10 to 1000"],
    ["--blkio-weight", "x", "invalid syntax"],
    ["--cap-add", "NO_SUCH", "invalid capability"],
    ["--cap-drop", "NO_SUCH", "invalid capability"],
    ["--cgroupns", "nosuch", "invalid CGROUP mode"],
    ["--cpu-period", "10", "CPU cfs period can not be less than 1ms"],
    ["--cpu-period", "1e5", "invalid syntax"],
    ["--cpu-quota", "10", "CPU cfs quota can not be less than 1ms"],
    ["--cpu-shares", "-1", "invalid CPU shares"],
    ["--cpus", "-1", "failed to parse"],
    ["--cpus", "0.0001", "Range of CPUs"],
    ["--cpus", "1x", "failed to parse"],
    ["--cpuset-cpus", "x", "nvalid value x for cpuset cpus"],
    ["--cpuset-mems", "0-", "nvalid value 0- for cpuset mems"],
    ["--detach-keys", "ctrl-99", "invalid"],
    ["--device", "/dev/nosuch", "no such file or directory"],
    ["--device", "/etc/passwd", "below /dev"],
    ["--device", "/dev/../etc/passwd", "below /dev"],
    ["--device", "/dev/pts", "not a device node"],
    ["--device", "/dev/null:/dev/x:rwx", "invalid device mode"],
    ["--device", "/dev/null:/etc/x", "below /dev"],
    ["--device", "/dev/vport1p1", /channel to the page|no such file/],
    ["--device-read-bps", "/dev/null", "bad format"],
    ["--device-read-bps", "/dev/null:-1", "invalid rate"],
    ["--device-read-iops", "/dev/null:1.5", "invalid rate"],
    ["--device-write-bps", "/nosuch:1mb", "No such file"],
    ["--device-write-iops", "/dev/null:10", "not a block device"],
    ["--dns", "name", "is not an ip address"],
    ["--domainname", "-x", "invalid domain name"],
    ["--env", "=x", "invalid environment variable"],
    ["--env", `LONG=${long}`, "bytes"],
    ["--env-file", "/nosuch", "No such file"],
    ["--group-add", "a:b", "unable to find group"],
    ["--health-interval", "10us", "cannot be less than 1ms"],
    ["--health-interval", "soon", "invalid duration"],
    ["--health-retries", "-1", "cannot be negative"],
    ["--health-retries", "many", "invalid syntax"],
    ["--health-start-interval", "-1s", "interval"],
    ["--health-start-period", "1", "invalid duration"],
    ["--health-timeout", "1y", "invalid duration"],
    ["--hostname", "a b", "invalid hostname"],
    ["--hostname", "x".repeat(64), "invalid hostname"],
    ["--ip", "1.2.3", "invalid IPv4 address"],
    ["--ipc", "nosuch", "IPC mode"],
    ["--ipc", "container:nosuch", "No such container: nosuch"],
    ["--label", "=x", "empty name"],
    ["--label", "a b=c", "contains whitespaces"],
    ["--label", `a=${long}`, "bytes"],
    ["--label-file", "/nosuch", "No such file"],
    ["--label-file", "/tmp/megabyte", "bytes"],
    ["--log-driver", "nosuch", "no log driver named 'nosuch' is registered"],
    ["--log-opt", "nosuch=1", "unknown log opt 'nosuch'"],
    ["--log-opt", "max-size=lots", "invalid"],
    ["--log-opt", "max-file=0", "max-file cannot be less than 1"],
    ["--memory", "1k", "Minimum memory limit allowed is 6MB"],
    ["--memory", "-1", "invalid size"],
    ["--memory", "1q", "invalid size"],
    ["--memory-reservation", "1k", "Minimum memory reservation allowed is 6MB"],
    ["--memory-swap", "64m", "You should always set the Memory limit"],
    ["--memory-swap", "-2", "invalid size"],
    ["--mount", "type=bind,src=/tmp", "target is required"],
    ["--mount", "type=bind,src=tmp,dst=/x", "must be absolute"],
    ["--mount", "type=bind,src=/tmp,dst=/x,bind-propagation=shared", "private"],
    ["--mount", "type=bind,src=/tmp,dst=/proc/x", "nothing can be mounted"],
    ["--mount", "type=cluster,src=a,dst=/x", "mount type unknown"],
    ["--mount", "type=tmpfs,dst=/x,tmpfs-size=lots", "invalid"],
    ["--mount", "type=tmpfs,dst=/x,tmpfs-mode=9", "tmpfs-mode"],
    ["--mount", "type=tmpfs,dst=/x,src=/y", "must not be specified"],
    ["--mount", "type=volume,src=a,dst=/x,tmpfs-size=1", "cannot mix"],
    ["--mount", "type=volume,src=a,dst=/x,nosuch=1", "unknown option 'nosuch'"],
    ["--mount", "nonsense", "must be a key=value pair"],
    ["--mount", "type=volume,src=../a,dst=/x", "volume"],
    ["--name", "../a", "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"],
    ["--network", "../x", "not found"],
    ["--network-alias", "a b", "alias"],
    ["--oom-score-adj", "1001", "[-1000, 1000]"],
    ["--oom-score-adj", "-1", "0 is the lowest"],
    ["--oom-score-adj", "x", "invalid syntax"],
    ["--pid", "nosuch", "PID mode"],
    ["--pid", "container:", "PID mode"],
    ["--pid", "container:nosuch", "No such container: nosuch"],
    ["--pids-limit", "-7", "invalid pids limit"],
    ["--platform", "linux/amd64", "linux/386"],
    ["--publish", "99999:80", "99999"],
    ["--publish", "x", "invalid containerPort"],
    ["--publish", "1.2.3:80:80", "invalid"],
    ["--publish", "80/xyz", "invalid proto"],
    ["--publish", "80-90:80", "nvalid"],
    ["--pull", "often", "invalid pull option"],
    ["--restart", "on-failure:x", "maximum retry count must be an integer"],
    ["--restart", "sometimes", "unknown policy 'sometimes'"],
    ["--security-opt", "nosuch", "invalid --security-opt"],
    ["--security-opt", "no-new-privileges:maybe", "invalid --security-opt"],
    ["--security-opt", "seccomp=/nosuch", "opening seccomp profile"],
    ["--shm-size", "-1", "invalid size"],
    ["--shm-size", "0x10", "invalid size"],
    ["--stop-signal", "NOSUCH", "Invalid signal"],
    ["--stop-timeout", "-9", "invalid stop timeout"],
    ["--stop-timeout", "1s", "invalid syntax"],
    ["--sysctl", "kernel.hostname=x", "is not allowed"],
    ["--sysctl", "kernel.core_pattern=|/x", "is not allowed"],
    ["--sysctl", "kernel.shm_rmid_forced=1+kernel.core_pattern=x", "no usable value"],
    ["--sysctl", "net/../kernel.core_pattern=x", "is not allowed"],
    ["--sysctl", "net..ipv4=1", "is not allowed"],
    ["--sysctl", "net.ipv4.ip_forward", "is not allowed"],
    ["--time-offset", "realtime=1", "boottime=SECONDS"],
    ["--time-offset", "boottime=1.5", "whole number"],
    ["--tmpfs", "x", "must be absolute"],
    ["--tmpfs", "/proc/x", "nothing can be mounted"],
    ["--tmpfs", "/x/../..", "destination can't be"],
    ["--tmpfs", "/x:nosuch", "invalid tmpfs option"],
    ["--tmpfs", "/x:size=1z", "invalid tmpfs option"],
    ["--ulimit", "nosuch=1", "invalid ulimit type: nosuch"],
    ["--ulimit", "nofile", "invalid ulimit argument"],
    ["--ulimit", "nofile=2:1", "must be less than or equal to hard limit"],
    ["--ulimit", "nofile=1:2:3", "too many limit values"],
    ["--ulimit", "nofile=x", "invalid syntax"],
    ["--ulimit", "nofile=-2", "out of range"],
    ["--user", "0 ", "no matching entries in passwd file"],
    ["--user", "a/b", "no matching entries in passwd file"],
    ["--user", "0:nosuch", "no matching entries in group file"],
    ["--userns", "nosuch", "invalid USER mode"],
    ["--uts", "container:x", "invalid UTS mode"],
    ["--volume", "/tmp:relative", "must be absolute"],
    ["--volume", "/tmp:/proc", "nothing can be mounted"],
    ["--volume", "../a:/x", "invalid characters"],
    ["--volume", "a:/x:nosuch", "invalid mode"],
    ["--volume", "/tmp:/x:ro:rw", "invalid"],
    ["--volumes-from", "nosuch", "No such container: nosuch"],
    ["--volumes-from", "nosuch:xx", "invalid mode"],
    ["--workdir", "relative", "needs to be an absolute path"],
  ];

  /** Each flag that is on or off says no to anything else. */
  for (const flag of ON_OR_OFF) cases.push([flag, "maybe", "invalid syntax"]);

  beforeAll(() => ok("head -c 1048576 /dev/zero | tr '\\0' x >/tmp/megabyte"));

  /** What is only looked up at the start. */
  const late = ["--ipc", "--pid", "--user"];
  const titled = cases.map(([flag, value, says], i) => {
    const command = i % 2 === 0 || late.includes(flag) ? "run --rm" : "create";
    return { title: `${command} ${flag} ${value.slice(0, 60)}`, command, flag, value, says };
  });

  it.each(titled)(
    "$title: an error with both, and nothing is made",
    async ({ command, flag, value, says }) => {
      const state =
        "ls /run/nest/c /run/nest/volumes /sys/fs/cgroup/nest 2>/dev/null | md5sum; docker ps -aq";
      const script = `before=$(${state}); docker ${command} "$0" "$1" busybox true; echo $?
      [ "$before" = "$(${state})" ] || echo left`;
      const words = ON_OR_OFF.includes(flag) ? [`${flag}=${value}`, "--quiet"] : [flag, value];
      const { stdout, stderr } = await sandbox.exec(["sh", "-c", script, ...words]);
      expect(stdout).toBe("125\n");
      expect(stderr).toContain(flag);
      expect(stderr).toContain(value.slice(0, 60));
      if (typeof says === "string") expect(stderr).toContain(says);
      else expect(stderr).toMatch(says);
    },
  );
});
