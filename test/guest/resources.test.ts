/** What a container may use: limits as the kernel has them, `docker update`, and who is killed. One boot for the file. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, ok, refused } = scripts(() => sandbox);
const look = (name: string, path: string) => ok(`docker inspect -f '{{${path}}}' ${name}`);

/** Files of the container's cgroup, as it sees them itself. */
const files = (name: string, ...names: string[]) =>
  ok(`docker exec ${name} cat ${names.map((file) => `/sys/fs/cgroup/${file}`).join(" ")}`).then((text) =>
    text.split("\n"),
  );

const ALL = ["memory.max", "memory.swap.max", "memory.low", "cpu.weight", "cpu.max", "pids.max"] as const;

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
}, 120_000);

/** What a failed test left must not fail the others. */
afterEach(() => sh("docker ps -aq | xargs -r docker rm -f"));

afterAll(() => sandbox.stop());

describe("limits", () => {
  it("are written into the container's cgroup, and change by update, while it runs and for its next start", async () => {
    await ok(
      "docker run -d --name a -m 32m --memory-swap 40m --memory-reservation 16m -c 2000 --cpu-period 50000 --cpu-quota 25000 --pids-limit 50 busybox sleep 1000",
    );
    expect(await files("a", ...ALL)).toEqual(["33554432", "8388608", "16777216", "170", "25000 50000", "50"]);
    expect(
      await look(
        "a",
        ".HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuQuota}} {{.HostConfig.CpuShares",
      ),
    ).toBe("33554432 41943040 25000 2000");
    expect(await ok("docker update -m 64m --memory-swap -1 --cpu-shares 512 --pids-limit -1 a")).toBe("a");
    expect(await files("a", ...ALL)).toEqual(["67108864", "max", "16777216", "59", "25000 50000", "max"]);
    expect(await refused("docker update -m 1m a")).toContain("Minimum memory limit allowed is 6MB");
    expect(await refused("docker update --memory-swap 8m a")).toContain(
      "Minimum memoryswap limit should be larger than memory limit",
    );
    expect(await refused("docker update a")).toBe(
      "you must provide one or more flags when using this command",
    );
    expect(await refused("docker update -m 64m nobody")).toContain("No such container: nobody");
    expect((await files("a", "memory.max"))[0]).toBe("67108864");
    await ok("docker stop -t 0 a; docker update --cpu-quota -1 --restart on-failure:3 a; docker start a");
    expect(await files("a", ...ALL)).toEqual(["67108864", "max", "16777216", "59", "max 50000", "max"]);
    await ok("docker update --cpus 0.5 a");
    expect(await files("a", "cpu.max")).toEqual(["50000 100000"]);
    expect(await look("a", ".HostConfig.NanoCpus}} {{.HostConfig.CpuQuota")).toBe("500000000 0");
    expect(
      await look("a", ".HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount"),
    ).toBe("on-failure 3");
    await ok("docker rm -f a");
  });

  it("are kept by the monitor for a new engine", async () => {
    await ok("docker run -d --name a busybox sleep 1000; docker update -m 48m --restart always a");
    await ok(
      "old=$(pidof nest-engine); kill -9 $old; for i in $(seq 100); do new=$(pidof nest-engine) && [ $new != $old ] && docker ps -q >/dev/null && exit; sleep 0.1; done; exit 1",
    );
    expect(await look("a", ".HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name")).toBe("50331648 always");
    await ok("docker rm -f a");
  });

  it("that this kernel has not are discarded with docker's warning", async () => {
    const { exitCode, stdout, stderr } = await sh(
      "docker run --rm --cpuset-cpus 0 --blkio-weight 300 busybox echo ran",
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "ran\n" });
    expect(stderr.trim().split("\n")).toEqual([
      "WARNING: Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
      "WARNING: Your kernel does not support cpuset or the cgroup is not mounted. CPUset discarded.",
    ]);
    expect((await sh("docker run --rm --memory-swap -1 -m 32m busybox true")).stderr).toBe("");
  });

  it("out of range or contradicting are refused and leave nothing behind", async () => {
    for (const [flags, words] of [
      ["-m 1m", "Minimum memory limit allowed is 6MB"],
      ["-m lots", "invalid size: 'lots'"],
      ["--memory-swap 32m", "You should always set the Memory limit when using Memoryswap limit"],
      ["-m 32m --memory-swap 16m", "Minimum memoryswap limit should be larger than memory limit"],
      ["-m 32m --memory-reservation 64m", "can not be less than memory reservation limit"],
      ["--cpus 1 --cpu-quota 5000", "Conflicting options: Nano CPUs and CPU Quota cannot both be set."],
      ["--cpu-period 10", "CPU cfs period can not be less than 1ms"],
      ["--cpu-quota 10", "CPU cfs quota can not be less than 1ms"],
      ["--cpu-shares -1", "invalid CPU shares"],
      ["--blkio-weight 5", "Range of blkio weight is from 10 to 1000"],
      ["--device-read-bps x", "bad format: x"],
      ["--device-read-bps /dev/loop0:fast", "invalid rate for device: /dev/loop0:fast"],
      ["--device-write-iops /dev/none:5", "/dev/none"],
    ] as const)
      expect(await refused(`docker run ${flags} busybox true`, 125)).toContain(words);
    expect(await ok("docker ps -aq")).toBe("");
  });

  it("hold for block devices", async () => {
    await ok(
      "dd if=/dev/zero of=/tmp/disk bs=1M count=1 2>/dev/null; mknod /dev/loop0 b 7 0 2>/dev/null; losetup /dev/loop0 /tmp/disk",
    );
    await ok(
      "docker run -d --name d --device-read-bps /dev/loop0:1mb --device-write-iops /dev/loop0:20 busybox sleep 1000",
    );
    const device = await ok("cat /sys/block/loop0/dev");
    expect(await files("d", "io.max")).toEqual([`${device} rbps=1048576 wbps=max riops=max wiops=20`]);
    expect(await look("d", "json .HostConfig.BlkioDeviceReadBps")).toBe(
      '[{"Path":"/dev/loop0","Rate":1048576}]',
    );
    await ok("docker rm -f d; losetup -d /dev/loop0");
  });
});

describe("out of memory", () => {
  it("is seen at once, of a program that is not the first", async () => {
    await ok("docker run -d --name o -m 16m busybox sh -c 'tail /dev/zero; echo $?; sleep 1000'");
    await expect.poll(() => ok("docker logs o"), { timeout: 60_000, interval: 300 }).toBe("137");
    expect(await look("o", ".State.OOMKilled}} {{.State.Status")).toBe("true running");
    expect(await ok("docker events --since 1m --until 0s | grep -c ' container oom .*name=o)'")).toBe("1");
    await ok("docker restart -t 0 o");
    expect(await look("o", ".State.OOMKilled")).toBe("false");
    await ok("docker rm -f o");
  });

  it("of the first ends the container with 137", async () => {
    await refused("docker run --name o -m 16m busybox tail /dev/zero", 137);
    expect(await look("o", ".State.OOMKilled}} {{.State.ExitCode")).toBe("true 137");
    expect(await ok("docker events --since 1m --until 0s | grep 'name=o)' | tail -2 | cut -d' ' -f 3")).toBe(
      "oom\ndie",
    );
    await ok("docker rm o; docker run -d --name o -m 16m busybox sleep 1000; docker kill o");
    expect(await look("o", ".State.OOMKilled}} {{.State.ExitCode")).toBe("false 137");
    await ok("docker rm o");
  });
});

describe("a spinning container", () => {
  it("leaves the host's shell and the agent alive, and takes turns by its weight", async () => {
    await ok("docker run -d --name s1 -c 2048 busybox sh -c 'while :; do :; done'");
    await ok("docker run -d --name s2 -c 256 busybox sh -c 'while :; do :; done'");
    const started = Date.now();
    await ok("for i in 1 2 3 4 5; do true; done; echo ok");
    expect(Date.now() - started).toBeLessThan(2000);
    const used = async () =>
      Promise.all(
        ["s1", "s2"].map(async (name) => {
          const id = await look(name, ".Id");
          return Number(await ok(`sed -n 's/^usage_usec //p' /sys/fs/cgroup/nest/${id}/cpu.stat`));
        }),
      );
    const [a0 = 0, b0 = 0] = await used();
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const [a1 = 0, b1 = 0] = await used();
    // 174 to 33 by weight.
    expect((a1 - a0) / (b1 - b0)).toBeGreaterThan(2.5);
    await ok("docker rm -f s1 s2");
  });

  it("is held by its quota", async () => {
    // In the kernel's own terms: how fast the machine runs and what else it does changes neither side.
    const stat = await ok(
      `docker run -d --name q --cpus 0.2 busybox sh -c 'while :; do :; done' >/dev/null
       for i in $(seq 100); do
         s=$(docker exec q cat /sys/fs/cgroup/cpu.stat); echo "$s" | grep -q "nr_throttled .." && break; sleep 0.2
       done; echo "$s"`,
    );
    const count = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1]);
    expect(count("nr_throttled")).toBeGreaterThanOrEqual(10);
    expect(count("usage_usec")).toBeLessThan(2 * 20_000 * (count("nr_periods") + 1));
    const line = (await ok("docker stats --no-stream q")).split("\n")[1] ?? "";
    expect(Number(/ ([\d.]+)% /.exec(line)?.[1])).toBeGreaterThan(0);
    await ok("docker rm -f q");
  });
});

describe("an engine with nothing to do", () => {
  it("is not woken", async () => {
    await ok(
      "docker run -d --name idle --restart unless-stopped --health-cmd true busybox sleep 1000; docker stop -t 0 idle",
    );
    const wakes = () =>
      ok("grep ctxt /proc/$(pidof nest-engine)/status | cut -f 2 | paste -sd+ | { read a; echo $(($a)); }");
    await ok("sleep 2");
    const before = Number(await wakes());
    await ok("sleep 5");
    expect(Number(await wakes()) - before).toBeLessThanOrEqual(1);
  });
});

describe("one level down", () => {
  it("all of it works as well", async () => {
    const seen = await ok(
      `docker run --rm --nest -m 128m busybox sh -c 'nest run -d --name i -m 16m busybox sleep 1000 >/dev/null; nest pause i; nest ps --format "{{.Status}}"; nest unpause i; nest update -m 24m i; nest exec i cat /sys/fs/cgroup/memory.max; nest rm -f i'`,
    );
    expect(seen).toMatch(/\(Paused\)\ni\ni\n25165824\ni$/);
  });
});
