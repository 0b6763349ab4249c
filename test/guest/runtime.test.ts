/** The runtime in the real machine: what docker's users rely on. One boot for the file. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { ok } = scripts(() => sandbox);
const docker = (...argv: string[]) => sandbox.exec(["docker", ...argv]);

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
}, 120_000);

afterAll(() => sandbox.stop());

describe("run", () => {
  it("gives the program's output and exit code", async () => {
    const result = await docker("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 42");
    expect(result).toMatchObject({ exitCode: 42, stdout: "out\n", stderr: "err\n" });
  });

  it("has docker's exit codes 125, 126, 127 and 128+n", async () => {
    expect((await docker("run", "--rm", "--nosuchflag", "busybox")).exitCode).toBe(125);
    expect((await docker("run", "--rm", "nosuchimage")).exitCode).toBe(125);
    expect((await docker("run", "--rm", "busybox", "/etc/passwd")).exitCode).toBe(126);
    expect((await docker("run", "--rm", "busybox", "nosuchprogram")).exitCode).toBe(127);
    expect((await docker("run", "--rm", "busybox", "sh", "-c", "sh -c 'kill -9 $$'; exit $?")).exitCode).toBe(
      137,
    );
  });

  it("honours the flags for environment, directory, user, host name and entrypoint", async () => {
    expect(await ok("docker run --rm -e A=1 --env B=2 busybox sh -c 'echo $A$B'")).toBe("12");
    expect(await ok("docker run --rm -w /tmp busybox pwd")).toBe("/tmp");
    expect(await ok("docker run --rm -w /made/for/me busybox pwd")).toBe("/made/for/me");
    expect(await ok("docker run --rm -u 1000:2000 busybox sh -c 'id -u; id -g'")).toBe("1000\n2000");
    expect(await ok("docker run --rm -u nobody busybox id -un")).toBe("nobody");
    expect(await ok("docker run --rm --hostname custom busybox hostname")).toBe("custom");
    expect(await ok("docker run --rm --entrypoint echo busybox entry point")).toBe("entry point");
    expect((await docker("run", "--rm", "-u", "0x0", "busybox", "true")).exitCode).toBe(125);
  });

  it("feeds stdin with -i, and gives nothing without", async () => {
    const fed = await sandbox.exec(["docker", "run", "--rm", "-i", "busybox", "cat"], { stdin: "through" });
    expect(fed).toMatchObject({ exitCode: 0, stdout: "through" });
    const closed = await sandbox.exec(["docker", "run", "--rm", "busybox", "cat"], { stdin: "not for it" });
    expect(closed).toMatchObject({ exitCode: 0, stdout: "" });
  });

  it("mounts volumes, read-only where asked", async () => {
    await ok("mkdir -p /tmp/vol && echo from-host >/tmp/vol/file");
    expect(
      await ok("docker run --rm -v /tmp/vol:/v busybox sh -c 'cat /v/file; echo back >/v/new; id -u'"),
    ).toBe("from-host\n0");
    expect(await ok("cat /tmp/vol/new")).toBe("back");
    expect(
      (await docker("run", "--rm", "-v", "/tmp/vol:/v:ro", "busybox", "touch", "/v/x")).exitCode,
    ).not.toBe(0);
    await ok("docker run --rm -v data:/d busybox sh -c 'echo kept >/d/file'");
    expect(await ok("docker run --rm -v data:/d busybox cat /d/file")).toBe("kept");
  });

  it("keeps each container's files its own and forgets them with --rm", async () => {
    expect(
      await ok("docker run --rm busybox sh -c 'echo x >/file; rm /etc/group; ls / | grep -c file'"),
    ).toBe("1");
    expect(await ok("docker run --rm busybox sh -c 'ls /file /etc/group 2>/dev/null'; true")).toBe(
      "/etc/group",
    );
  });
});

describe("isolation", () => {
  it("shows a container only itself", async () => {
    const seen = await ok(
      "docker run --rm --hostname box busybox sh -c 'ls -d /proc/[0-9]* | wc -l; hostname; ip -o link | wc -l; cat /proc/self/cgroup; ls /sys/fs/cgroup | grep -c memory.max'",
    );
    const [processes, host, links, cgroup] = seen.split("\n");
    expect(Number(processes)).toBeLessThanOrEqual(3);
    expect([host, links, cgroup]).toEqual(["box", "2", "0::/"]);
  });

  it("has all namespaces of its own and ids that mean nothing outside", async () => {
    const inside = (await ok("docker run --rm busybox sh -c 'ls -l /proc/self/ns'")).split("\n");
    const outside = (await ok("ls -l /proc/self/ns")).split("\n");
    const kinds = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
    for (const kind of kinds) {
      const of = (list: string[]) =>
        list.map((line) => / -> (.*)$/.exec(line)?.[1]).find((name) => name?.startsWith(`${kind}:`));
      expect(of(inside), kind).toBeDefined();
      expect(of(inside), kind).not.toBe(of(outside));
    }
    const map = (await ok("docker run --rm busybox cat /proc/self/uid_map")).trim().split(/\s+/);
    expect(map).toEqual(["0", "65536", "65536"]);
  });

  it("drops capabilities, filters system calls, and refuses new privileges", async () => {
    const status = await ok("docker run --rm busybox grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
    const fields = Object.fromEntries(
      status.split("\n").map((line) => line.split(":\t") as [string, string]),
    );
    expect(fields).toMatchObject({
      CapInh: "0000000000000000",
      CapBnd: "00000000a80425fb",
      CapEff: "00000000a80425fb",
      CapAmb: "0000000000000000",
      Seccomp: "2",
    });
    expect(
      (await ok("docker run --rm -u 1000 busybox grep -E '^Cap(Prm|Eff)' /proc/self/status")).split("\n"),
    ).toEqual(["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"]);
    expect(
      await ok("docker run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status"),
    ).toBe("NoNewPrivs:\t1");
  });

  it("gives a program descriptors 0, 1 and 2 and no others", async () => {
    // ls itself opens the directory: one more.
    expect(await ok("docker run --rm busybox sh -c 'ls /proc/self/fd | wc -l'")).toBe("4");
    await ok("docker run -d --name fds busybox sleep 1000");
    expect(await ok("docker exec fds sh -c 'ls /proc/self/fd | wc -l; ls /proc/1/fd | wc -l'")).toBe("4\n3");
    await ok("docker rm -f fds");
  });
});

describe("limits", () => {
  it("kills what takes more memory than it may", async () => {
    const { exitCode } = await docker(
      ..."run --rm --memory 16m busybox sh -c".split(" "),
      "x=a; while :; do x=$x$x; done",
    );
    expect(exitCode).toBe(137);
    expect(await ok("docker run --rm -m 32m busybox cat /sys/fs/cgroup/memory.max")).toBe(String(32 << 20));
  });

  it("refuses more processes than allowed", async () => {
    const { stdout, stderr } = await docker(
      ..."run --rm --pids-limit 8 busybox sh -c".split(" "),
      "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; echo unreachable",
    );
    expect(stderr).toMatch(/fork|resource/i);
    expect(stdout).not.toContain("unreachable");
  });

  it("throttles the processor", async () => {
    const stat = await ok(
      "docker run --rm --cpus 0.2 busybox sh -c 'end=$(($(date +%s)+2)); while [ $(date +%s) -lt $end ]; do :; done; cat /sys/fs/cgroup/cpu.stat'",
    );
    expect(Number(/^nr_throttled (\d+)$/m.exec(stat)?.[1])).toBeGreaterThan(2);
  });
});

describe("life of a container", () => {
  it("goes from run -d through ps, logs, exec, inspect, stop to rm", async () => {
    const id = await ok(
      `docker run -d --name life -e GREETING=hi busybox sh -c 'trap "echo bye; exit 5" TERM; echo started; while :; do sleep 0.1; done'`,
    );
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const ps = (await ok("docker ps")).split("\n");
    expect(ps[0]).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
    expect(ps[1]).toMatch(new RegExp(`^${id.slice(0, 12)} +busybox +"sh -c 'trap .*" +.* ago +Up .* +life$`));
    expect(await ok("docker exec life sh -c 'echo $GREETING; hostname'")).toBe(`hi\n${id.slice(0, 12)}`);
    expect((await docker("exec", "life", "sh", "-c", "exit 9")).exitCode).toBe(9);
    expect((await docker("exec", "life", "nosuchprogram")).exitCode).toBe(127);
    const [info] = JSON.parse(await ok("docker inspect life")) as [Record<string, never>];
    expect(info).toMatchObject({ Id: id, Name: "/life", State: { Status: "running", Running: true } });
    expect((await docker("rm", "life")).stderr).toMatch(/container is running/);
    expect(await ok("docker stop life")).toBe("life");
    expect(await ok("docker logs life")).toBe("started\nbye");
    expect(await ok("docker ps -a")).toMatch(/Exited \(5\)/);
    expect(await ok("docker ps -q")).toBe("");
    expect(await ok(`docker rm ${id.slice(0, 6)}`)).toBe(id.slice(0, 6));
    expect(await ok("docker ps -aq")).toBe("");
  });

  it("kills, names what is unknown, and refuses a name twice", async () => {
    await ok("docker run -d --name one busybox sleep 1000");
    const twice = await docker("run", "-d", "--name", "one", "busybox", "true");
    expect(twice.exitCode).toBe(125);
    expect(twice.stderr).toMatch(/name "\/?one" is already in use/);
    expect(await ok("docker kill one")).toBe("one");
    await expect.poll(() => ok("docker ps -a"), { timeout: 5000 }).toMatch(/Exited \(137\)/);
    await ok("docker rm one");
    for (const command of ["rm", "stop", "kill", "logs", "inspect"]) {
      const { exitCode, stderr } = await docker(command, "nosuch");
      expect({ command, exitCode }).toEqual({ command, exitCode: 1 });
      expect(stderr).toMatch(/no such (container|object).*nosuch/i);
    }
  });

  it("leaves nothing behind", async () => {
    const count = () =>
      ok(
        "ls /sys/fs/cgroup/nest | grep -cE '^[0-9a-f]{12}'; grep -c . /proc/mounts; ls /run/nest/c | wc -l; true",
      );
    await ok("docker run --rm busybox true");
    const before = await count();
    for (let i = 0; i < 10; i++) await ok("docker run --rm -v /tmp:/t busybox true");
    expect(await count()).toBe(before);
  });

  it("survives a flood on stdout of a detached container with a bounded log", async () => {
    await ok("docker run -d --name flood busybox sh -c 'yes 0123456789 | head -c 8000000; echo; echo last'");
    await expect
      .poll(() => ok("docker ps -aq --no-trunc >/dev/null; docker ps -a"), { timeout: 60_000 })
      .toMatch(/Exited \(0\)/);
    const size = Number(await ok("docker logs flood | wc -c"));
    expect(size).toBeLessThanOrEqual(2 << 20);
    expect(await ok("docker logs flood | tail -1")).toBe("last");
    await ok("docker rm flood");
  });
});

describe("images", () => {
  it("lists, pulls again without fetching, and removes", async () => {
    expect(await ok("docker images")).toMatch(
      /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\nbusybox +latest +[0-9a-f]{12} /,
    );
    expect(await ok("docker pull busybox")).toMatch(/Image is up to date for busybox:latest/);
    await ok("docker pull -q busybox:1.35");
    expect(await ok("docker rmi busybox:1.35")).toMatch(/Untagged: busybox:1\.35/);
  });
});
