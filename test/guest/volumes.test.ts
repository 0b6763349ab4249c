/** Volumes in the real machine: named and anonymous ones, what fills them, and what keeps them. One boot for the file. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, ok, fails } = scripts(() => sandbox);
const volumes = async () => (await ok("docker volume ls -q")).split("\n").filter(Boolean);

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
}, 120_000);

afterAll(() => sandbox.stop());

// What one test leaves is not the next one's failure.
afterEach(async () => {
  await sh("docker rm -fv $(docker ps -aq); docker volume prune -af");
});

describe("docker volume", () => {
  it("makes, lists, describes and removes", async () => {
    expect(await ok("docker volume create --label a=1 --label b data")).toBe("data");
    expect(await ok("docker volume create data")).toBe("data");
    const anonymous = await ok("docker volume create");
    expect(anonymous).toMatch(/^[0-9a-f]{64}$/);
    expect(await ok("docker volume ls")).toBe(
      ["DRIVER    VOLUME NAME", ...[anonymous, "data"].sort().map((name) => `local     ${name}`)].join("\n"),
    );
    const [described] = JSON.parse(await ok("docker volume inspect data")) as Record<string, unknown>[];
    expect(described).toMatchObject({
      Driver: "local",
      Labels: { a: "1", b: "" },
      Mountpoint: "/run/nest/volumes/data/_data",
      Name: "data",
      Scope: "local",
    });
    expect(await ok("docker volume ls -q --filter label=a=1")).toBe("data");
    expect(await ok("docker volume ls -q --filter name=dat --filter dangling=true")).toBe("data");
    expect(await ok(`docker volume rm data ${anonymous}`)).toBe(`data\n${anonymous}`);
    expect(await volumes()).toEqual([]);
  });

  it("refuses bad names and missing volumes in docker's words, and makes nothing", async () => {
    expect((await fails("docker volume create ../x")).stderr).toContain(
      'create ../x: "../x" includes invalid characters for a local volume name',
    );
    expect((await fails("docker volume create x")).stderr).toContain("volume name is too short");
    expect((await fails("docker volume create --driver nfs data")).stderr).toContain(
      'plugin "nfs" not found',
    );
    expect(await fails("docker volume rm data")).toEqual({
      exitCode: 1,
      stderr: "Error response from daemon: get data: no such volume",
    });
    await ok("docker volume rm -f data");
    expect((await fails("docker volume inspect data")).stderr).toContain("get data: no such volume");
    expect((await fails("docker volume ls --filter colour=red")).stderr).toContain("invalid filter 'colour'");
    expect(await volumes()).toEqual([]);
  });
});

describe("a named volume", () => {
  it("outlives its containers, is shared by them, and is not removed under them", async () => {
    await ok("docker run --rm -v keep:/d busybox sh -c 'echo first >/d/f'");
    const id = await ok("docker run -d --name user -v keep:/e busybox sleep 1000");
    expect(await ok("docker run --rm -v keep:/d busybox cat /d/f")).toBe("first");
    await ok("docker exec user sh -c 'echo second >/e/g'");
    expect(await ok("docker run --rm -v keep:/d:ro busybox cat /d/g")).toBe("second");
    expect((await fails("docker run --rm -v keep:/d:ro busybox touch /d/h")).stderr).toContain(
      "Read-only file system",
    );
    expect((await fails("docker volume rm keep")).stderr).toBe(
      `Error response from daemon: remove keep: volume is in use - [${id}]`,
    );
    await ok("docker rm -f -v user");
    expect(await ok("docker run --rm -v keep:/d busybox ls /d")).toBe("f\ng");
    await ok("docker volume rm keep");
  });

  it("holds the container's ids on the guest host, at no shift", async () => {
    await ok("docker run --rm -v ids:/d busybox sh -c 'touch /d/f; chown 1000:1000 /d/f'");
    expect(await ok("stat -c %u:%g /run/nest/volumes/ids/_data/f")).toBe("1000:1000");
    await ok("docker volume rm ids");
  });

  it("is filled from the image the first time, with owners, modes and links, and not again", async () => {
    const list = "sh -c 'cd /bin && ls -ln vi sh; find . | wc -l'";
    expect(
      await ok(`docker run --rm -v bin:/bin busybox ${list}; docker run --rm -v bin:/bin busybox rm /bin/vi`),
    ).toBe(await ok(`docker run --rm busybox ${list}`));
    expect(await ok("docker run --rm -v bin:/bin busybox sh -c 'test -e /bin/vi || echo gone'")).toBe("gone");
    await ok("docker run --rm -v mail:/var/spool/mail busybox true");
    expect(await ok("docker run --rm -v mail:/m busybox stat -c '%u:%g %a' /m")).toBe("8:8 755");
    await ok("docker run --rm -v empty:/etc:nocopy busybox ls /etc/passwd; test $? = 1");
    await ok("docker volume rm bin mail empty");
  });

  it("on /etc keeps the container's own names and addresses", async () => {
    const seen = await ok(
      "docker run --rm --hostname box -v etc:/etc busybox sh -c 'hostname; grep box /etc/hosts; cat /etc/hostname; ls /etc/passwd'",
    );
    expect(seen).toMatch(/^box\n[0-9.]+\tbox\nbox\n\/etc\/passwd$/);
    expect(await ok("docker run --rm --hostname other -v etc:/etc busybox cat /etc/hostname")).toBe("other");
    await ok("docker volume rm etc");
  });
});

describe("a part of a volume", () => {
  const part = (path: string, program: string) =>
    `docker run --rm --mount type=volume,src=whole,dst=/m,volume-subpath=${path} busybox ${program}`;

  it("is all that its container sees, and its links lead nowhere else", async () => {
    await ok(
      "docker run --rm -v whole:/v busybox sh -c 'mkdir -p /v/a/b; echo in >/v/a/b/f; echo out >/v/f; ln -s / /v/up; ln -s ../../../../canary /v/far'",
    );
    expect(await ok(part("a/b", "ls /m"))).toBe("f");
    expect(await ok(part("up", "cat /m/f"))).toBe("out");
    await ok("echo host >/canary");
    expect((await fails(part("far", "cat /m"))).stderr).toContain("No such file or directory");
    expect(await fails(part("nosuch", "true"))).toMatchObject({
      exitCode: 125,
      stderr: expect.stringMatching(/subpath nosuch.*No such file or directory/) as string,
    });
    expect((await fails(part("a/../..", "true"))).stderr).toContain("relative path within the volume");
    await ok("rm /canary");
  });
});

describe("an anonymous volume", () => {
  it("stays when its container is removed, and goes with rm -v, --rm and prune", async () => {
    await ok("docker run --name a -v /data busybox sh -c 'echo mine >/data/f'");
    const [name] = await volumes();
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    await ok("docker rm a");
    expect(await volumes()).toEqual([name]);
    expect(await ok(`docker run --rm -v ${String(name)}:/d busybox cat /d/f`)).toBe("mine");
    await ok("docker run --rm -v /data busybox true");
    await ok("docker run --name b -v /data -v named:/n busybox true && docker rm -v b");
    expect(await volumes()).toEqual([name, "named"].sort());
    expect(await ok("docker volume prune -f")).toMatch(
      new RegExp(`^Deleted Volumes:\n${String(name)}\n\nTotal reclaimed space: [0-9.]+k?B$`),
    );
    expect(await volumes()).toEqual(["named"]);
    expect(await ok("docker volume prune -af")).toContain("Deleted Volumes:\nnamed\n");
    expect(await ok("ls /run/nest/volumes/.removed")).toBe("");
  });

  it("keeps its content over stop and start", async () => {
    await ok("docker run -d --name again -v /data busybox sh -c 'date >>/data/f; sleep 1000'");
    const lines = () => ok("docker exec again sh -c 'wc -l </data/f || echo none'");
    await expect.poll(lines).toBe("1");
    await ok("docker stop -t 0 again && docker start again");
    await expect.poll(lines).toBe("2");
    await ok("docker rm -fv again");
    expect(await volumes()).toEqual([]);
  });

  it("is not left behind by a container that cannot be made", async () => {
    await fails("docker run --name web -v /data -v /other --network nope busybox true");
    await fails("docker run -v /data -v relative busybox true");
    await fails("docker run -v /data --volumes-from nobody busybox true");
    expect(await volumes()).toEqual([]);
  });
});

describe("--volumes-from", () => {
  it("mounts another container's volumes, read-only if wished, and keeps them in use", async () => {
    await ok("docker run --name source -v /anon -v shared:/s busybox sh -c 'echo x >/anon/f; echo y >/s/g'");
    expect(await ok("docker run --rm --volumes-from source busybox cat /anon/f /s/g")).toBe("x\ny");
    expect((await fails("docker run --rm --volumes-from source:ro busybox touch /s/h")).stderr).toContain(
      "Read-only file system",
    );
    await ok("docker run -d --name second --volumes-from source busybox sleep 1000");
    await ok("docker rm -v source");
    expect(await ok("docker exec second cat /anon/f")).toBe("x");
    await ok("docker rm -fv second");
    expect(await volumes()).toEqual(["shared"]);
    await ok("docker volume rm shared");
    expect((await fails("docker run --rm --volumes-from nobody busybox true")).stderr).toContain(
      "No such container: nobody",
    );
    await ok("docker create --name bad busybox true");
    expect((await fails("docker run --rm --volumes-from bad:rx busybox true")).stderr).toContain(
      "invalid mode: rx",
    );
    await ok("docker rm bad");
  });
});

describe("destinations", () => {
  it("that are ours, or no place at all, are refused and nothing is made", async () => {
    for (const target of [
      "/",
      "//",
      "/proc",
      "/proc/self",
      "/sys/fs/cgroup",
      "/dev",
      "/dev/shm/..",
      "/a/../proc",
      "x",
    ]) {
      const { exitCode } = await fails(`docker run --rm -v vol:${target} busybox true`);
      expect({ target, exitCode }).toEqual({ target, exitCode: 125 });
    }
    expect((await fails("docker run --rm -v vol:/a -v other:/a/ busybox true")).stderr).toContain(
      "Duplicate mount point: /a",
    );
    expect((await fails("docker run --rm -v vol:/a:rx busybox true")).stderr).toContain("invalid mode: rx");
    expect(await volumes()).toEqual([]);
  });

  it("lead nowhere but into the container, however it flips symlinks", async () => {
    // The attacker owns `shared` and swaps a directory and a link out of it while others are started with a mount below.
    await ok("mkdir -p /tmp/canary && echo safe >/tmp/canary/file");
    const mounts = await ok("grep -c . /proc/self/mountinfo");
    await ok("docker volume create shared");
    await ok(
      `docker run -d --name flipper -v shared:/s busybox sh -c '
        mkdir -p /s/real /s/a; ln -s ../../../../../../tmp/canary /s/b
        while :; do mv /s/a /s/t; mv /s/b /s/a; mv /s/t /s/b; mv /s/a /s/t; mv /s/b /s/a; mv /s/t /s/b; done'`,
    );
    for (let i = 0; i < 12; i++)
      await sh(
        "docker run --rm -v shared:/s -v planted:/s/a/in busybox sh -c 'echo bad >/s/a/in/file; echo bad >/s/a/file'",
      );
    await ok("docker rm -f flipper");
    expect(await ok("ls /tmp/canary; cat /tmp/canary/file")).toBe("file\nsafe");
    expect(await ok("grep -c . /proc/self/mountinfo")).toBe(mounts);
    await ok("docker volume rm shared planted");
  }, 60_000);
});
