/**
 * Every attempt of the probe (probe/*.c), as root inside a default, a --nest and a --privileged container at depth 1, 2
 * and 3, judged by what it says and by a canary on the guest host and on each level between. Hostile images and command
 * lines, and what one container may do to the others, are in hostile.test.ts; layers of images in images/*.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OFF, ON } from "./kernel-options";
import { World } from "./world";

let world: World;
let before = "";

const KINDS = { default: "", nest: "--nest", privileged: "--privileged" } as const;
const DEPTHS = [1, 2, 3];

/** "NAME: OUTCOME" lines as a map. */
const outcomes = (text: string) =>
  Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => /^(.*?): *(.*)$/.exec(line)?.slice(1) ?? [line, ""]),
  ) as Record<string, string>;

/** Where the probe is at the level that starts the container. */
const probeAt = (depth: number) => (depth === 1 ? "/tmp/probe" : "/probe");

beforeAll(async () => {
  world = await World.start();
  await world.deepen("--memory 160m --pids-limit 700");
  await world.deepen("--memory 120m --pids-limit 500");
  // The level's first container of a kind makes things that stay: layers' mounts, the bridge.
  await world.ok("docker run --rm --nest busybox docker run --rm busybox true", 2);
  before = await world.canary();
  expect(before).toMatch(/^the host's canary\nlistening 0\n/);
}, 600_000);

afterAll(() => world.sandbox.stop());

describe.each(DEPTHS)("at depth %i", (depth) => {
  it.each(Object.keys(KINDS) as (keyof typeof KINDS)[])("holds a %s container", async (kind) => {
    const { exitCode, stdout, stderr } = await world.run(
      `docker run --rm ${KINDS[kind]} -v ${probeAt(depth)}:/probe:ro busybox /probe ${kind}`,
      depth - 1,
    );
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const made = outcomes(stdout);
    expect(Object.entries(made).filter(([, outcome]) => outcome !== "refused")).toEqual([]);
    expect(Object.keys(made).length).toBeGreaterThanOrEqual(40);
    expect(await world.canary()).toBe(before);
  });
});

it.each(Object.values(KINDS))("gives nothing away while a program joins it (%s)", async (flags) => {
  await world.ok(`docker run -d --name trap ${flags} -v /tmp/probe:/probe:ro busybox /probe watch 60`);
  await world.ok(
    "for i in 1 2 3 4 5 6 7 8 9 10; do docker exec trap true || exit; done; docker exec trap touch /tmp/stop",
  );
  await world.ok("docker wait trap");
  const seen = await world.ok("docker logs trap; docker rm trap");
  expect(seen).not.toContain("ESCAPED");
  // It did see some of them.
  expect(Number(/saw (\d+)/.exec(seen)?.[1])).toBeGreaterThan(0);
  expect(await world.canary()).toBe(before);
});

it.each(Object.values(KINDS))("has a terminal that takes no commands (%s)", async (flags) => {
  const said = await world.ok(`docker run --rm -t ${flags} -v /tmp/probe:/probe:ro busybox /probe terminal`);
  expect(Object.entries(outcomes(said.replaceAll("\r", ""))).filter(([, how]) => how !== "refused")).toEqual(
    [],
  );
});

it("hears what does reach the loopback", async () => {
  await world.ok("echo x | nc -w 1 127.0.0.1 31337; true");
  expect(await world.ok("cat /tmp/heard")).toContain("connection");
});

/** Where nothing lets them through but a machine with less in its way than any container: why. */
const NOTHING_WEAKER: Readonly<Record<string, string>> = {
  "capabilities of files": "the kernel's own rule",
  "capabilities without root": "the kernel's own rule",
  "map the host's ids": "even the host may not map its own ids away",
  "mounts that show outside": "the canary's mounts tell",
  "open by handle": "not in our kernel",
  "signal everything": "the canary's processes tell",
  "socket families": "not in our kernel",
  "the host's loopback": "the listener tells, as the test above shows",
  "unknown system calls": "not in our kernel",
};

it("notices what gets through", async () => {
  // The guest host itself stands where a container must never. What it has closed is opened: a writable runtime and
  // layer, a descriptor left open, control groups whose parent is in sight.
  const said = await world.ok(`docker run -d --name bystander busybox sleep 1000 >/dev/null
    mkdir -p /tmp/bin && cp /run/nest/bin/nest /tmp/bin/
    cat >/tmp/weak <<'END'
      groups=/sys/fs/cgroup
      mount --bind /tmp/bin /run/nest/bin
      case "$2" in
      "write an image's layer") mount -t tmpfs none /run/nest/layers && mkdir -p /run/nest/layers/0/layer ;;
      "groups above") mkdir -p $groups/cgroup && mount --bind $groups /sys/fs ;;
      "lift its own limits") mount --bind $(ls -d $groups/nest/*/ | tail -n 1) $groups ;;
      esac
      echo $(/tmp/probe "$1" "$2" 7</ 2>&1)
END
    /tmp/probe list default >/tmp/names
    /tmp/probe list nest | grep -vxFf /tmp/names >/tmp/nest.names
    while read -r name; do unshare -m sh /tmp/weak nest "$name" </dev/null; done </tmp/nest.names
    grep -v 'signal everything' /tmp/names |
      while read -r name; do unshare -m sh /tmp/weak default "$name" </dev/null; done`);
  const silent = new Set((await world.ok("cat /tmp/names /tmp/nest.names")).split("\n"));
  for (const line of said.split("\n")) if (line.includes("ESCAPED")) silent.delete(line.split(":")[0] ?? "");
  expect([...silent].sort()).toEqual(Object.keys(NOTHING_WEAKER));
});

it("has a kernel without the doors of the classic escapes", async () => {
  const lines = new Set((await world.ok("zcat /proc/config.gz")).split("\n"));
  const set = (symbol: string) => lines.has(`CONFIG_${symbol}=y`) || lines.has(`CONFIG_${symbol}=m`);
  expect(Object.entries(OFF).filter(([symbol]) => set(symbol))).toEqual([]);
  expect(Object.entries(ON).filter(([symbol]) => !set(symbol))).toEqual([]);
});
