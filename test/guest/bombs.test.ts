/**
 * A container without a limit of its own uses up one thing after the other: only it suffers. The guest host answers, other containers
 * go on and new ones start, `rm -f` works, and then everything is back. One boot for the file.
 */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { buildProgram } from "./program";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { ok, sh } = scripts(() => sandbox);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** How long each bomb is watched. */
const WATCHED_MS = 6000;
/** The aim is two seconds; on a machine that has other things to do, it must be an answer at all. */
const ANSWER_MS = 10_000;
/** What allocators keep for the next time. */
const KB_KEPT = 24_000;

interface Bomb {
  name: string;
  flags?: string;
  run: string;
  /** What is to be seen of it after a while, in the bomb's cgroup; or it was ended for its memory, and that is gone. */
  burst?: string;
}

const BOMBS: readonly Bomb[] = [
  { name: "forks", run: "/bomb forks", burst: "[ $(sed -n 's/^max //p' pids.events) -gt 0 ]" },
  { name: "heap", run: "/bomb heap", burst: "[ $(sed -n 's/^oom_kill //p' memory.events) -gt 0 ]" },
  {
    name: "tmpfs, /dev, shm and heap",
    run: "for f in /f /dev/f /dev/shm/f /x/f; do cat /dev/zero >$f; done; /bomb heap",
    flags: "--tmpfs /x",
    burst: "[ $(sed -n 's/^max //p' memory.events) -gt 0 ]",
  },
  {
    name: "volume",
    flags: "-v /data",
    run: "cat /dev/zero >/data/f",
    burst: "[ $(cat memory.current) -gt 60000000 ]",
  },
  {
    name: "page cache",
    run: "while :; do find / -xdev -type f | while read f; do cat $f; done; done >/dev/null 2>&1",
  },
  { name: "pipes", run: "/bomb pipes", burst: "[ $(cat memory.current) -gt 50000000 ]" },
  {
    name: "fds",
    run: "/bomb fds",
    // More than the machine had for all; then each ends at the container's memory.
    burst:
      "read used rest </proc/sys/fs/file-nr; [ $used -gt 30000 ] || grep -q 'oom_kill [1-9]' memory.events",
  },
  { name: "inodes", run: "/bomb inodes", burst: "[ $(cat memory.current) -gt 2000000 ]" },
  { name: "log", run: "/bomb log" },
  { name: "cpu", run: "/bomb cpu", burst: "[ $(sed -n 's/^usage_usec //p' cpu.stat) -gt 2000000 ]" },
  {
    name: "network namespaces",
    flags: "--privileged",
    run: "/bomb networks",
    burst: "[ $(cat pids.current) -gt 30 ]",
  },
  {
    name: "veths",
    flags: "--nest",
    run: "i=0; while :; do i=$((i+1)); ip link add v$i type veth peer name w$i; done",
  },
];

const available = async () =>
  Number(
    await ok(
      "echo 3 >/proc/sys/vm/drop_caches; sed -n 's/^MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo",
    ),
  );

/** The program's own seconds, as long as it takes to come back. */
async function timed(script: string): Promise<number> {
  const started = Date.now();
  await ok(script);
  return Date.now() - started;
}

const built = buildProgram("test/guest/bomb/*.c");

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await sandbox.files.write("/tmp/bomb", await built);
  await ok(`chmod 755 /tmp/bomb; docker pull -q busybox
    docker run -d --name other busybox sh -c 'while :; do echo x >>/beats; sleep 0.2; done'
    docker run --rm --privileged busybox true
    docker run --rm --nest busybox true`);
}, 300_000);

/** What a failed test left must not fail the others. */
afterEach(() => sh("docker rm -fv bomb"));

afterAll(() => sandbox.stop());

it.each(BOMBS)(
  "$name",
  async ({ name, flags = "", run, burst }) => {
    const before = await available();
    const engine = await ok("pidof nest-engine");
    const kills = await ok("dmesg | grep -c 'Out of memory:'; true");
    const beats = async () => Number(await ok("docker exec other sh -c 'wc -l </beats'"));
    const first = await beats();

    const id = await ok(
      `docker run -d --name bomb ${flags} -v /tmp/bomb:/bomb:ro busybox sh -c '${run}; while :; do sleep 1; done'`,
    );
    // While it goes off.
    const answers: number[] = [];
    for (const until = Date.now() + WATCHED_MS; Date.now() < until; await sleep(300))
      answers.push(await timed("true"));
    if (burst)
      await expect
        .poll(
          async () =>
            ok(
              `cd /sys/fs/cgroup/nest/${id} && ${burst} && echo burst || docker inspect -f '{{.State.OOMKilled}}' bomb`,
            ),
          {
            timeout: 150_000,
            interval: 1000,
          },
        )
        .toMatch(/^(burst|true)$/);
    answers.push(await timed("true"));
    const started = await timed("[ $(docker run --rm busybox echo new) = new ]");
    expect(await beats()).toBeGreaterThan(first);

    const removed = await timed("docker rm -fv bomb");
    console.log(
      `${name}: the host answers in ${String(Math.max(...answers))} ms at most, another container runs in ${String(started)} ms, rm -f takes ${String(removed)} ms`,
    );
    expect(Math.max(...answers)).toBeLessThan(ANSWER_MS);
    expect(await ok("docker ps -a --format '{{.Names}} {{.State}}'")).toBe("other running");
    expect(await ok("pidof nest-engine")).toBe(engine);
    // Only within its own limit.
    expect(await ok("dmesg | grep -c 'Out of memory:'; true")).toBe(kills);
    await expect.poll(available, { timeout: 20_000, interval: 1000 }).toBeGreaterThan(before - KB_KEPT);
  },
  300_000,
);
