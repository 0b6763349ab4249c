/** Namespaces shared with the level or another container: --network, --pid, --ipc, --uts, --cgroupns, --userns. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, ok } = scripts(() => sandbox, { timeoutMs: 60_000 });

/** What `docker run FLAGS busybox true` says when it is refused with 125, which leaves nothing behind. */
async function refused(flags: string): Promise<string> {
  const { exitCode, stderr } = await sh(`docker run --name refused ${flags} busybox true`);
  expect({ flags, exitCode }).toEqual({ flags, exitCode: 125 });
  expect(await ok("docker ps -aq --no-trunc | grep -c . || true; ls /run/nest/c | wc -l")).toBe(before);
  return /Error response from daemon: (.*)/.exec(stderr)?.[1] ?? stderr;
}

const KINDS = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] as const;
type Namespaces = Record<(typeof KINDS)[number], string>;

const LOOK = `for k in ${KINDS.join(" ")}; do readlink /proc/self/ns/$k; done`;
const namespaces = (text: string) =>
  Object.fromEntries(text.split("\n").map((line) => line.split(":"))) as Namespaces;

/** Which kinds two processes have in common. */
const common = (a: Namespaces, b: Namespaces) => KINDS.filter((kind) => a[kind] === b[kind]);

let before = "";
let host: Namespaces;

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
  host = namespaces(await ok(LOOK));
  await ok("docker run -d --name donor --ipc shareable --hostname donor.box busybox sleep 100000");
  await ok("docker run -d --name other busybox sleep 100000");
  before = await ok("docker ps -aq --no-trunc | grep -c . || true; ls /run/nest/c | wc -l");
}, 120_000);

afterAll(() => sandbox.stop());

describe("of the host", () => {
  it("is none by default", async () => {
    expect(common(namespaces(await ok(`docker run --rm busybox sh -c '${LOOK}'`)), host)).toEqual([]);
  });

  it.each([
    ["--network host", "net"],
    ["--net=host", "net"],
    ["--pid host", "pid"],
    ["--ipc host", "ipc"],
    ["--uts host", "uts"],
    ["--cgroupns host", "cgroup"],
    ["--userns host", "user"],
  ])("is exactly that of %s", async (flags, kind) => {
    expect(common(namespaces(await ok(`docker run --rm ${flags} busybox sh -c '${LOOK}'`)), host)).toEqual([
      kind,
    ]);
  });

  it("goes together", async () => {
    const flags = "--network host --pid host --ipc host --uts host --cgroupns host";
    const own = namespaces(await ok(`docker run --rm ${flags} busybox sh -c '${LOOK}'`));
    expect(common(own, host)).toEqual(["cgroup", "ipc", "net", "pid", "uts"]);
  });

  it("shows the host's network, which stays the host's to change", async () => {
    const seen = await ok(
      `docker run --rm --network host busybox sh -c 'hostname; ls /sys/class/net; cat /etc/hosts; ip link set nest0 down 2>&1; ip link add x type dummy 2>&1; true'`,
    );
    expect(seen).toContain("nest0");
    expect(seen).toContain(await ok("hostname"));
    expect(seen.match(/Operation not permitted/g)).toHaveLength(2);
    expect(await ok("ip link show nest0")).toContain("UP");
  });

  it("lets a server of the container answer on the host's loopback", async () => {
    await ok(
      "docker run -d --name served --network host busybox sh -c 'echo here >/tmp/index.html; exec httpd -f -p 127.0.0.1:8099 -h /tmp'",
    );
    expect(
      await ok(
        "for i in $(seq 50); do wget -qO- http://127.0.0.1:8099/ && break; sleep 0.1; done; docker rm -f served >/dev/null",
      ),
    ).toBe("here");
  });

  it("shows the host's processes, which stay out of reach", async () => {
    const seen = await ok(
      `docker run --rm --pid host busybox sh -c 'cat /proc/1/comm; ls /proc/1/root 2>&1; kill -9 1 2>&1; for p in /proc/[0-9]*; do [ $(cat $p/comm) = nest-engine ] && kill -9 \${p#/proc/} 2>&1; done; cat /proc/kcore /proc/timer_list; (echo x >/proc/sys/kernel/printk) 2>&1; true'`,
    );
    expect(seen).toMatch(/^nest\n/);
    expect(seen.match(/Permission denied|Operation not permitted|Read-only/g)).toHaveLength(4);
    await ok("docker exec donor true");
  });

  it("ends all of a container's processes with its first one", async () => {
    await ok("docker run --rm --pid host busybox sh -c 'sleep 98765 & sleep 0.2'");
    expect(await ok("pgrep -f 'sleep 9876[5]' || echo none")).toBe("none");
  });

  it("shares memory", async () => {
    await ok("echo from the host >/dev/shm/word; chmod 644 /dev/shm/word");
    expect(await ok("docker run --rm --ipc host busybox cat /dev/shm/word")).toBe("from the host");
    expect(await ok("docker run --rm busybox ls /dev/shm; rm /dev/shm/word")).toBe("");
  });

  it("has the host's name", async () => {
    const seen = await ok(
      "hostname; docker run --rm --uts host busybox sh -c 'hostname; hostname x 2>&1; true'",
    );
    const [name, inside, denied] = seen.split("\n");
    expect(inside).toBe(name);
    expect(denied).toContain("not permitted");
  });

  it("shows the container's place among the control groups, read-only", async () => {
    const seen = await ok(
      `docker run --rm --cgroupns host busybox sh -c 'cat /proc/self/cgroup; ls /sys/fs/cgroup; mkdir /sys/fs/cgroup/x 2>&1; true'`,
    );
    expect(seen).toMatch(/^0::\/nest\/[0-9a-f]{64}\n/);
    expect(seen).toContain("agent");
    expect(seen).toContain("Read-only file system");
  });

  it("is what exec joins", async () => {
    await ok("docker run -d --name shared --network host --pid host --uts host busybox sleep 1000");
    const own = namespaces(await ok(`docker exec shared sh -c '${LOOK}'`));
    expect(common(own, host)).toEqual(["net", "pid", "uts"]);
    await ok("docker stop -t 1 shared; docker start shared; docker exec shared true; docker rm -f shared");
  });

  it("does not reach the engine", async () => {
    const seen = await ok(
      `docker run --rm --network host busybox sh -c 'ls /run/nest 2>&1; grep -c @ /proc/net/unix; netstat -tln | grep -c LISTEN; true'`,
    );
    expect(seen).toContain("No such file");
    expect(seen.split("\n").slice(1)).toEqual(["0", "0"]);
  });
});

describe("of another container", () => {
  let donor: Namespaces;

  beforeAll(async () => {
    donor = namespaces(await ok(`docker exec donor sh -c '${LOOK}'`));
  });

  it.each([
    ["--network container:donor", ["net", "user"]],
    ["--pid container:donor", ["pid", "user"]],
    ["--ipc container:donor", ["ipc", "user"]],
    ["--network container:donor --pid container:donor --ipc container:donor", ["ipc", "net", "pid", "user"]],
  ])("is exactly that of %s", async (flags, kinds) => {
    const own = namespaces(await ok(`docker run --rm ${flags} busybox sh -c '${LOOK}'`));
    expect(common(own, donor)).toEqual(kinds);
    expect(common(own, host)).toEqual([]);
  });

  it("shares address, names and files of /etc", async () => {
    const script =
      "ip -o -4 addr show eth0 | cut -d/ -f1; cat /etc/hosts /etc/resolv.conf /etc/hostname; hostname";
    expect(await ok(`docker run --rm --network container:donor busybox sh -c '${script}'`)).toBe(
      await ok(`docker exec donor sh -c '${script}'`),
    );
  });

  it("reaches its processes as far as any root of it, and its memory", async () => {
    await ok("docker exec donor sh -c 'echo shared >/dev/shm/word; echo private >/word'");
    expect(await ok("docker run --rm --ipc container:donor busybox cat /dev/shm/word")).toBe("shared");
    expect(
      await ok(
        "docker run --rm --pid container:donor busybox sh -c 'cat /proc/1/comm; kill -0 1 && echo alive'",
      ),
    ).toBe("sleep\nalive");
    expect(await ok("docker run --rm --pid container:donor busybox cat /word 2>&1 || true")).toContain(
      "No such file",
    );
  });

  it("follows one that has the host's", async () => {
    await ok("docker run -d --name hosted --network host busybox sleep 1000");
    const own = namespaces(await ok(`docker run --rm --network container:hosted busybox sh -c '${LOOK}'`));
    expect(common(own, host)).toEqual(["net"]);
    await ok("docker rm -f hosted");
  });

  it("goes on when the other ends, and does not start without it", async () => {
    await ok("docker run -d --name first busybox sleep 1000");
    await ok("docker run -d --name second --network container:first busybox sleep 1000");
    await ok("docker stop -t 0 first");
    expect(await ok("docker exec second ip -o link show lo")).toContain("lo");
    await ok("docker stop -t 0 second");
    const { exitCode, stderr } = await sh("docker start second");
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      "cannot join network namespace of a non running container: container first is exited",
    );
    await ok("docker start first; docker start second; docker exec second true; docker rm -f first second");
  });

  it("is never a process that came later", async () => {
    // Its pid is another's now, and the engine may not have heard of its end yet.
    await ok("docker run -d --name brief busybox sleep 1000");
    const pid = await ok("docker inspect -f '{{.State.Pid}}' brief");
    await ok("docker kill brief");
    await ok(
      `i=0; until [ "$last" = ${pid} ] || [ $i = 50 ]; do echo $((${pid} - 1)) >/proc/sys/kernel/ns_last_pid; sleep 300 </dev/null >/dev/null 2>&1 & last=$!; i=$((i+1)); done; [ "$last" = ${pid} ]`,
    );
    for (const command of ["docker exec brief true", "docker run --rm --pid container:brief busybox true"])
      expect((await sh(command)).stderr).toMatch(/not running|non running/);
    expect((await sh("docker kill brief")).stderr).toContain("is not running");
    await ok(`kill -0 ${pid}; kill ${pid}; docker rm brief`);
  });
});

describe("what does not go together", () => {
  it.each([
    ["--pid foo", "--pid: invalid PID mode: foo"],
    ["--pid container:", "--pid: invalid PID mode: container:"],
    ["--uts container:donor", "--uts: invalid UTS mode: container:donor"],
    ["--userns private", "--userns: invalid USER mode: private"],
    ["--cgroupns foo", "--cgroupns: invalid CGROUP mode: foo"],
    ["--ipc foo", "--ipc: invalid IPC mode: foo"],
    ["--network container:", "invalid network mode: invalid container format container:<name|id>"],
    ["--network container:../x", "invalid network mode: container:../x"],
    ["--network container:nobody", "No such container: nobody"],
    ["--uts host --hostname x", "conflicting options: hostname and the UTS mode"],
    ["--network container:donor --hostname x", "conflicting options: hostname and the network mode"],
    ["--network container:donor --dns 1.1.1.1", "conflicting options: dns and the network mode"],
    [
      "--network container:donor --add-host a:1.1.1.1",
      "conflicting options: custom host-to-IP mapping and the network mode",
    ],
    [
      "--network container:donor -p 80:80",
      "conflicting options: port publishing and the container type network mode",
    ],
    [
      "--network container:donor --pid container:other",
      "cannot join the namespaces of both other and donor: each is in a user namespace of its own",
    ],
    [
      "--network container:donor --userns host",
      "cannot join the namespaces of container donor: one of the two has --userns=host, the other not",
    ],
    ["--userns host --privileged", "conflicting options: --userns=host and more capabilities"],
    ["--userns host --cap-add SYS_ADMIN", "conflicting options: --userns=host and more capabilities"],
    ["--userns host --pid host", "conflicting options: --userns=host and --pid=host"],
    ["--nest --network host", "conflicting options: --nest and --privileged need a network"],
    ["--privileged --pid host", "conflicting options: --nest and --privileged need a network"],
    ["--ipc container:other", "non-shareable IPC (hint: use IpcMode:shareable for the donor container)"],
  ])("%s", async (flags, words) => {
    expect(await refused(flags)).toContain(words);
  });

  it("cannot be connected to networks afterwards", async () => {
    await ok("docker network create late; docker run -d --name fixed --network host busybox sleep 1000");
    expect((await sh("docker network connect late fixed")).stderr).toContain(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
    await ok("docker rm -f fixed; docker network rm late");
  });
});

it("tells of them in inspect", async () => {
  await ok(
    "docker create --name told --network host --pid host --uts host --ipc none --cgroupns host busybox",
  );
  expect(
    await ok(
      "docker inspect -f '{{.HostConfig.NetworkMode}} {{.HostConfig.PidMode}} {{.HostConfig.UTSMode}} {{.HostConfig.IpcMode}} {{.HostConfig.CgroupnsMode}} {{.HostConfig.UsernsMode}}' told; docker rm told >/dev/null",
    ),
  ).toBe("host host host none host");
  expect(await ok("docker run --rm --ipc none busybox sh -c 'mount | grep -c /dev/shm; true'")).toBe("0");
});

it("discards published ports with --network host, and says so as docker does", async () => {
  const { stdout, stderr, exitCode } = await sh(
    "docker run --rm --network host -p 8123:80 busybox sh -c 'echo ran; netstat -tln' ",
  );
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: "WARNING: Published ports are discarded when using host network mode\n",
  });
  expect(stdout).toMatch(/^ran\n/);
  expect(stdout).not.toContain(":8123 ");
});

it("opens only the devices asked for with --userns=host, and only as asked, though its root may open any file", async () => {
  const probe =
    'cd /dev; for d in fuse r ../loop null; do for m in "<" ">"; do (eval ": $m $d") 2>/dev/null; echo "$d $m $?"; done; done';
  await ok("mkdir -p /tmp/nodes && mknod /tmp/nodes/loop c 10 237");
  expect(
    await ok(
      `docker run --rm --userns=host --network none --device /dev/fuse --device /dev/net/tun:/dev/r:r -v /tmp/nodes/loop:/loop busybox sh -c '${probe}'`,
    ),
  ).toBe("fuse < 0\nfuse > 0\nr < 0\nr > 1\n../loop < 1\n../loop > 1\nnull < 0\nnull > 0");
});

it("is root of the level with --userns=host, and no more than docker's", async () => {
  const seen = await ok(
    `docker run --rm --userns=host busybox sh -c 'cat /proc/self/uid_map; grep CapEff /proc/self/status; mknod /x c 1 1 2>&1; (echo x >/proc/sys/kernel/printk) 2>&1; mount -t tmpfs x /mnt 2>&1; stat -c %u /bin/busybox /etc; true' 2>&1`,
  );
  expect(seen).toMatch(/^ *0 +0 +4294967295\n/);
  expect(seen).toContain("00000000a00425fb");
  expect(seen.match(/not permitted|Read-only|permission denied/gi)).toHaveLength(3);
});

it("works a level down", async () => {
  await ok("docker run -d --name below --nest busybox sleep 1000");
  const level = namespaces(await ok(LOOK, { container: ["below"] }));
  for (const [flags, kind] of [
    ["--network host", "net"],
    ["--pid host", "pid"],
    ["--ipc host", "ipc"],
    ["--uts host", "uts"],
    ["--cgroupns host", "cgroup"],
  ])
    expect(
      common(
        namespaces(await ok(`docker run --rm ${flags} busybox sh -c '${LOOK}'`, { container: ["below"] })),
        level,
      ),
    ).toEqual([kind]);
  await ok("docker run -d --name a busybox sleep 1000", { container: ["below"] });
  expect(
    await ok("docker run --rm --network container:a --pid container:a busybox cat /proc/1/comm", {
      container: ["below"],
    }),
  ).toBe("sleep");
  expect((await sh("docker run --rm --userns host busybox true", { container: ["below"] })).stderr).toContain(
    "--userns=host: only on the outermost level",
  );
  await ok("docker rm -f below");
});
