/** Containers in containers, five deep: each level its own world, images shared from the outermost cache. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Container } from "../../emulator/control/api";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";

let sandbox: Sandbox;
const path: string[] = [];

const run = (argv: string[], timeoutMs = 60_000) => sandbox.exec(argv, { timeoutMs });
/** Runs inside the container at `depth` (0: the guest host), through all the levels above it. */
async function at(depth: number, ...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await sandbox.exec(argv, {
    ...(depth > 0 && { container: path.slice(0, depth) }),
  });
  expect({ depth, argv, exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stdout.trim();
}
const script = (depth: number, text: string) => at(depth, "sh", "-c", text);

const DEPTH = 5;

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  expect((await run(["docker", "pull", "-q", "busybox"])).exitCode).toBe(0);
  for (let level = 1; level <= DEPTH; level++) {
    const name = `level${String(level)}`;
    await at(
      level - 1,
      ..."docker run -d --nest --name NAME --hostname NAME busybox sleep 100000"
        .replaceAll("NAME", name)
        .split(" "),
    );
    path.push(name);
  }
}, 170_000);

afterAll(() => sandbox.stop());

describe("five levels", () => {
  it("sees only its own processes, host name, network and cgroup at each", async () => {
    for (let level = 1; level <= DEPTH; level++) {
      const name = `level${String(level)}`;
      expect(await at(level, "hostname")).toBe(name);
      expect(
        await script(level, "cat /proc/1/comm; cat /proc/self/cgroup | cut -d: -f1,2; ls /sys/class/net"),
      ).toMatch(/^sleep\n0:\neth0\nlo(\nnest0\nveth[0-9a-f]{7})?$/);
      // Of the levels below only what runs inside this one: never a level above.
      expect(await script(level, "cat /proc/[0-9]*/comm | sort | uniq -c | grep -c init; true")).toBe("0");
    }
    const deepest = (await script(DEPTH, "cat /proc/[0-9]*/comm")).split("\n");
    expect(deepest.filter((name) => name === "sleep")).toHaveLength(1);
  });

  it("counts one shift of ids per level", async () => {
    for (const level of [1, DEPTH]) {
      const [inside, outside] = (await script(level, "cat /proc/self/uid_map")).trim().split(/\s+/);
      expect([inside, outside]).toEqual(["0", "65536"]);
    }
  });

  it("shares the outermost images: a run inside pulls nothing anew and files belong to root", async () => {
    expect(await at(DEPTH, "docker", "run", "--rm", "busybox", "stat", "-c", "%u %g", "/bin/busybox")).toBe(
      "0 0",
    );
    expect(await at(DEPTH, "docker", "images", "-q")).toBe(await at(0, "docker", "images", "-q"));
  });

  it("lists at each level only that level's containers", async () => {
    for (let level = 0; level < DEPTH; level++)
      expect(await script(level, "docker ps | awk 'NR>1{print $NF}'")).toBe(`level${String(level + 1)}`);
    expect(await script(DEPTH, "docker ps -q")).toBe("");
  });

  it("draws the same chain for the page", async () => {
    const chain = (list: Container[]): string[] =>
      list[0] ? [list[0].name, ...chain(list[0].children)] : [];
    await expect.poll(async () => chain(await sandbox.containers.list()), { timeout: 10_000 }).toEqual(path);
  });

  it("makes an image pulled later visible inside", async () => {
    expect((await run(["docker", "pull", "-q", "debian:13"], 120_000)).exitCode).toBe(0);
    expect(await at(2, "docker", "run", "--rm", "debian:13", "cat", "/etc/debian_version")).toMatch(/^13/);
  });

  it("nests limits: an inner one cannot lift the outer", async () => {
    await at(0, ..."docker run -d --nest --name small --memory 48m busybox sleep 1000".split(" "));
    const { exitCode } = await sandbox.exec(
      ["docker", "run", "--rm", "--memory", "1g", "busybox", "sh", "-c", "x=a; while :; do x=$x$x; done"],
      { container: "small" },
    );
    expect(exitCode).toBe(137);
    expect(await at(0, "docker", "exec", "small", "echo", "alive")).toBe("alive");
    await at(0, "docker", "rm", "-f", "small");
  });

  it("takes everything inside with it when the outermost goes", async () => {
    await at(0, "docker", "rm", "-f", "level1");
    expect(await at(0, "docker", "ps", "-aq")).toBe("");
    await expect.poll(() => sandbox.containers.list(), { timeout: 10_000 }).toEqual([]);
    expect(await at(0, "sh", "-c", "cat /proc/[0-9]*/comm | grep -cx sleep; true")).toBe("0");
  });
});
