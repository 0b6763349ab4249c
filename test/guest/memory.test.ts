/** The machine's memory is used up: programs end, the runtime does not. One boot for the file. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, ok } = scripts(() => sandbox);
const runtime = () => ok("pidof agent; pidof nest-engine; nest ps -q --no-trunc -f name=keep");

/** The agent, the engine and what runs beside are the same processes after `work`, and the memory is free again. */
async function survives(work: () => Promise<unknown>): Promise<void> {
  const before = await runtime();
  await work();
  await ok("nest ps -aqf name=hog | xargs -r nest rm -f");
  expect(await runtime()).toBe(before);
  const free = Number(await ok("awk '/MemAvailable/{print $2}' /proc/meminfo"));
  expect(free).toBeGreaterThan(64 * 1024);
}

/** As seen inside, then after an attempt to lower it. */
const LOOK =
  "cat /proc/self/oom_score_adj /proc/1/oom_score_adj; for n in -1000 -1 299; do echo $n >/proc/self/oom_score_adj; done 2>/dev/null; cat /proc/self/oom_score_adj";

beforeAll(async () => {
  sandbox = startNodeSandbox({ memory: 128 });
  await sandbox.ready;
  await ok("nest pull -q busybox; nest run -d --name keep busybox sleep 100000");
}, 120_000);

afterEach(() => sh("nest ps -aqf name=hog | xargs -r nest rm -f"));

afterAll(() => sandbox.stop());

describe("the order in which processes are ended", () => {
  it("has agent and engine never, monitors last", async () => {
    expect(await ok("cat /proc/$(pidof agent)/oom_score_adj /proc/$(pidof nest-engine)/oom_score_adj")).toBe(
      "-1000\n-1000",
    );
    expect(await ok("cat /proc/$(pidof nest-monitor)/oom_score_adj")).toBe("-999");
    expect(await ok("cat /proc/self/oom_score_adj")).toBe("0");
  });

  it("is nothing a container has from the runtime, or can go back to", async () => {
    expect(await ok(`nest exec keep sh -c '${LOOK}'`)).toBe("0\n0\n299");
    await ok("nest run -d --name hog --oom-score-adj 300 --init busybox sleep 100000");
    expect(await ok(`nest exec hog sh -c '${LOOK}'`)).toBe("300\n300\n300");
    expect(await ok(`nest run --rm --pid container:keep busybox sh -c '${LOOK}'`)).toBe("0\n0\n299");
    await ok(
      `nest rm -f hog; nest run -d --name hog --oom-score-adj 200 --health-cmd 'cat /proc/self/oom_score_adj' --health-interval 1s busybox sleep 1000`,
    );
    await expect
      .poll(() => ok("nest inspect -f '{{with index .State.Health.Log 0}}{{.Output}}{{end}}' hog"), {
        timeout: 20_000,
        interval: 300,
      })
      .toBe("200");
  });

  it("is kept where the kernel refuses to lower it, one level down", async () => {
    expect(
      await ok(
        "nest run --rm --nest --oom-score-adj 100 busybox nest run --rm busybox cat /proc/self/oom_score_adj",
      ),
    ).toBe("100");
    expect(
      await ok(
        "nest run --rm --nest busybox nest run --rm --oom-score-adj 50 busybox cat /proc/self/oom_score_adj",
      ),
    ).toBe("50");
  });

  it("has what copies into a container before the runtime", async () => {
    await ok(
      "mkfifo /tmp/fifo; sh -c 'nest cp - keep:/ </tmp/fifo' 2>/dev/null & exec 9>/tmp/fifo; sleep 1; pidof nest-files >/tmp/files; for p in $(cat /tmp/files); do cat /proc/$p/oom_score_adj; done | sort -n >/tmp/scores; exec 9>&-; wait; rm /tmp/fifo",
    );
    expect(await ok("cat /tmp/scores")).toBe("-999\n0");
  });
});

describe("a hog", () => {
  it("in a container without limits is ended, and nothing else", async () => {
    await survives(async () => {
      expect((await sh("nest run --name hog busybox tail /dev/zero")).exitCode).toBe(137);
      expect(await ok("nest inspect -f '{{.State.ExitCode}}' hog")).toBe("137");
    });
  }, 180_000);

  it("on the guest host is ended, and nothing else", async () => {
    await survives(() => sh("tail /dev/zero"));
  }, 180_000);

  it("that fills its files leaves the host's shell and the runtime room", async () => {
    await survives(async () => {
      await ok(
        "for i in 1 2 3; do nest run -d --name hog$i busybox sh -c 'dd if=/dev/zero of=/big bs=64k; sleep 1000' >/dev/null; done; sleep 5",
      );
      expect(Number(await ok("awk '/MemAvailable/{print $2}' /proc/meminfo"))).toBeGreaterThan(10 * 1024);
      expect(await ok("nest ps -aqf name=hog | wc -l")).toBe("3");
    });
  }, 180_000);
});
