/** Hostile images, command lines and neighbours, judged by the same canary. */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { layoutFiles, type TestImage } from "../../images/testing/registry";
import type { TestEntry } from "../../images/testing/tar";
import { buildProbe, World } from "./world";

let world: World;
let registry: string;
let before = "";

const link = (name: string, to: string): TestEntry => ({ name, type: "2", link: to });
const directory = (name: string): TestEntry => ({ name, type: "5", mode: 0o755 });

/** Two seconds on a machine that has nothing else to do. */
const LATE_MS = 10_000;

/** Far up and to a directory of the host that everybody may write to. */
const OUT = "../../../../../../canary.d";

/** Where the runtime mounts or writes, as links that lead out, and as files where directories belong. */
const TREES: Record<string, TestEntry[]> = {
  proc: [link("proc", OUT)],
  sys: [link("sys", OUT)],
  dev: [link("dev", OUT)],
  "dev-null": [
    directory("dev"),
    link("dev/null", `../${OUT}/null`),
    link("dev/pts", OUT),
    link("dev/shm", OUT),
  ],
  etc: [link("etc", OUT)],
  "etc-files": [
    directory("etc"),
    link("etc/resolv.conf", `../${OUT}/resolv.conf`),
    link("etc/hosts", "/proc/1/root/canary.d/hosts"),
    link("etc/hostname", "/proc/self/fd/3"),
    link("etc/passwd", `../${OUT}/../canary`),
  ],
  files: [{ name: "proc" }, { name: "sys" }, { name: "dev" }, { name: "etc" }].map((entry) => ({
    ...entry,
    data: "a file",
  })),
  run: [link("run", OUT), link("usr", OUT), link("tmp", OUT)],
  nodes: [
    directory("devices"),
    { name: "devices/mem", type: "3", major: 1, minor: 1, mode: 0o666 },
    { name: "devices/disk", type: "4", major: 7, minor: 0, mode: 0o666 },
  ],
};

/** Settings of images that lead out or mean nothing. */
const CONFIGS: Record<string, object> = {
  "workdir-fd": { WorkingDir: "/proc/self/fd/7" },
  "workdir-up": { WorkingDir: "/../../../canary.d" },
  "user-blank": { User: "0 " },
  "user-negative": { User: "-1" },
  "user-huge": { User: "65536999999" },
  "user-thrice": { User: "root:root:x" },
  "user-hex": { User: "0x0" },
  env: { Env: ["A\nB=1", "=x", "NOVALUE", "LD_PRELOAD=/probe", `LONG=${"x".repeat(20000)}`] },
  entrypoint: { Entrypoint: ["/proc/self/exe"], Cmd: ["ps"] },
  volumes: {
    Volumes: { "/proc": {}, "/proc/self": {}, "/sys/fs/cgroup": {}, "/dev": {}, "/": {}, "/../x": {} },
  },
  labels: { Labels: { "<script>alert(1)</script>": "</pre><script>alert(2)</script>" } },
  signal: { StopSignal: "SIGKILL; rm -rf /" },
};

beforeAll(async () => {
  const probe = await buildProbe();
  registry = await mkdtemp(join(tmpdir(), "registry-"));
  await cp(
    fileURLToPath(new URL("../../images/registry/busybox", import.meta.url)),
    join(registry, "busybox"),
    {
      recursive: true,
    },
  );
  const program: TestEntry = { name: "probe", mode: 0o755, data: probe };
  const images: TestImage[] = [
    ...Object.entries(TREES).map(([name, tree]) => ({
      name: `tree-${name}`,
      tags: ["latest"],
      layers: [[program], tree],
      config: { Cmd: ["/probe", "id"] },
    })),
    ...Object.entries(CONFIGS).map(([name, config]) => ({
      name: `config-${name}`,
      tags: ["latest"],
      layers: [[program]],
      config: { Cmd: ["/probe", "id"], ...config },
    })),
    {
      name: "suid",
      tags: ["latest"],
      layers: [[{ ...program, mode: 0o4755 }]],
      config: { Cmd: ["/probe", "id"] },
    },
  ];
  for (const [path, bytes] of layoutFiles(images)) {
    await mkdir(dirname(join(registry, path)), { recursive: true });
    await writeFile(join(registry, path), bytes);
  }
  world = await World.start({ registryDir: registry }, probe);
  await world.ok(
    "docker run --rm --nest busybox docker run --rm busybox true; docker run --rm -v shared:/v busybox true",
  );
  before = await world.canary();
}, 600_000);

afterEach(async () => {
  await world.run("docker rm -f $(docker ps -aq)");
}, 120_000);

afterAll(async () => {
  await world.sandbox.stop();
  await rm(registry, { recursive: true });
});

describe("images", () => {
  it.each(Object.keys(TREES))("whose tree leads out: %s", async (name) => {
    const said = await world.ok(
      ["", "--nest", "--privileged", "-v shared:/etc/volume -v shared:/run/volume"]
        .map(
          (flags) =>
            `docker run --rm ${flags} tree-${name} /probe default "roots and directories of all processes"; echo "$?"`,
        )
        .join("\n"),
    );
    expect(said).not.toContain("ESCAPED");
    // Either it runs as it should or it is refused before it does.
    for (const code of said.split("\n").filter((line) => /^\d+$/.test(line)))
      expect(code).toBeOneOf(["0", "125", "126", "127"]);
  });

  it("whose device files open nothing", async () => {
    const said = await world.ok(
      `docker run --rm -v /tmp:/tools:ro tree-nodes /probe default "find device nodes"; docker run --rm --privileged --entrypoint /probe tree-nodes flip /devices/mem /devices/disk & sleep 1; docker run --rm --user 0 --cap-add MKNOD tree-nodes /probe default "make device nodes"`,
    );
    expect(said).not.toContain("ESCAPED");
  });

  it.each(Object.keys(CONFIGS))("whose settings lead out: %s", async (name) => {
    const { stdout, stderr } = await world.run(
      `docker run --rm config-${name}; docker run --rm config-${name} /probe id; echo "code $?"`,
    );
    expect(stdout + stderr).not.toContain("the host's canary");
    if (name.startsWith("user-")) {
      expect(stdout).toMatch(/code 12[56]/);
      expect(stderr).toMatch(/unable to find (user|group)/);
    }
  });

  it("with setuid programs, which no-new-privileges holds", async () => {
    expect(await world.ok("docker run --rm -u 1000 suid")).toBe("0");
    expect(await world.ok("docker run --rm -u 1000 --security-opt no-new-privileges suid")).toBe("1000");
  });
});

describe("command lines", () => {
  it("that name what is the runtime's, or nothing, are refused", async () => {
    const refused = [
      ...["/", "/proc", "/proc/self", "/sys/fs/cgroup", "/dev", "/run/nest/bin", "/a/../proc"].map(
        (path) => `-v shared:${path}`,
      ),
      "-v ../canary.d:/x",
      "--name ../x",
      "--name '<script>'",
      `--hostname ${"h".repeat(1024)}`,
      "--hostname ../x",
      ...["'0 '", "-1", "65536999999", "4294967295", "0x0"].map((user) => `-u ${user}`),
      "-e =x",
    ];
    const said = await world.ok(
      refused.map((flags) => `docker run --rm ${flags} busybox true 2>/dev/null; echo $?`).join("\n") +
        "\ndocker ps -aq",
    );
    expect(said.split("\n").map((code, i) => [refused[i], code])).toEqual(
      refused.map((flags) => [flags, "125"]),
    );
  });

  it("with a working directory behind a descriptor", async () => {
    await world.ok("docker run -d --name cwd busybox sh -c 'ln -s /proc/self/fd/7 /link; sleep 1000'");
    const { stdout } = await world.run(
      `for fd in 3 4 5 6 7 8 9 10 12 16 20; do for how in "run --rm -w /proc/self/fd/$fd busybox" "exec -w /proc/self/fd/$fd cwd"; do
         docker $how sh -c 'cat canary ../canary ../../canary ../../../canary; pwd'
       done; done`,
    );
    expect(stdout).toBe("");
    expect((await world.run("docker exec -w /link cwd cat ../../../canary")).stdout).toBe("");
  });
});

describe("a container whose program is the runtime", () => {
  it.each(["", "--nest", "--privileged"])("cannot change it (%s)", async (flags) => {
    await world.ok(`docker run -d --name evil ${flags} -v /tmp/probe:/probe:ro busybox sh -c '
      ln -s /proc/self/exe /bin/evil; printf "#!/proc/self/exe\\n" >/bin/script; chmod 755 /bin/script
      while :; do for p in /proc/[0-9]*; do (echo x >$p/exe) 2>/dev/null && echo ESCAPED; done; done'`);
    await world.run(
      "for i in 1 2 3; do for program in /bin/evil /bin/script /proc/self/exe /proc/1/exe; do timeout 5 docker exec evil $program version; done; done",
    );
    expect(await world.ok("docker logs evil")).toBe("");
  });
});

describe("two containers with a volume", () => {
  it("lead no mount out by exchanging its parts", async () => {
    await world.ok(`docker run --rm -v shared:/v busybox sh -c 'mkdir -p /v/a/x /v/a/canary.d; echo harmless >/v/a/canary; ln -s / /v/b'
      docker run -d --name flipper -v shared:/v -v /tmp/probe:/probe:ro busybox /probe flip /v/a /v/b`);
    // Its places in the container, and on the host through a name that the other changes.
    const { stdout } = await world.run(
      `for i in $(seq 15); do
         docker run --rm -v shared:/v -v /tmp:/v/a/canary.d busybox true
         docker run --rm -v /run/nest/volumes/shared/a/canary:/c busybox cat /c
         docker run --rm -v shared:/v -w /v/a/x busybox true
         docker exec -w /v/a flipper /probe id
       done 2>/dev/null`,
    );
    expect(stdout).not.toContain("the host's");
    expect(stdout).toMatch(/^(harmless\n|0\n)*$/);
  });

  it("leave nothing on it that makes somebody root on the host", async () => {
    await world.ok(
      "docker run --rm -v shared:/v -v /tmp/probe:/probe:ro busybox sh -c 'cp /probe /v/suid; chmod 4755 /v/suid'",
    );
    // Ids in a volume are those in the containers, so it is the mount that has to take the bit's meaning away.
    expect(await world.ok("stat -c '%u %a' $(find /run/nest/volumes/shared -name suid)")).toBe("0 4755");
    expect(await world.ok("grep ' /run/nest ' /proc/mounts")).toMatch(/[ ,]nosuid,/);
    expect(await world.ok("docker run --rm --privileged -v shared:/v busybox stat -c %u /v/suid")).toBe("0");
  });
});

describe("a container that takes all it can get", () => {
  it.each([
    ["processes", "f() { f & f & wait; }; f"],
    ["memory", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done"],
    ["memory of its tmpfs", "dd if=/dev/zero of=/dev/shm/x bs=1M; dd if=/dev/zero of=/x bs=1M; sleep 1000"],
    ["inodes", "i=0; while :; do i=$((i+1)); : >/tmp/$i; done"],
    [
      "the log",
      "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done",
    ],
    ["processor time", "while :; do :; done & while :; do :; done & while :; do :; done & wait"],
  ])("does not get %s of the others", async (_, script) => {
    await world.ok("docker run -d --name quiet busybox sleep 1000");
    await world.ok(
      `docker run -d --name bomb -m 32m --pids-limit 60 busybox sh -c 'mkdir -p /tmp; ${script}'`,
    );
    await world.ok("sleep 3");
    const started = performance.now();
    await world.ok("echo alive; docker exec quiet true");
    expect(performance.now() - started).toBeLessThan(LATE_MS);
    await world.ok("docker rm -f bomb");
    await world.ok("docker exec quiet true");
  });
});

it("changed nothing on the host", async () => {
  expect(await world.canary()).toBe(before);
});
