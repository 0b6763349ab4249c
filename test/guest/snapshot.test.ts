/** A whole machine saved and set back: what runs, what it can read, what ends, and what must not be the same again. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Container } from "../../emulator/control/api";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";

let sandbox: Sandbox;
let base: Blob;
const restored: number[] = [];
/** Type of a 9P read request. */
const TREAD = 116;
const SET_BACK = { code: "stopped", message: "The machine was set back." };

async function sh(script: string, container?: string | string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await sandbox.exec(
    ["sh", "-c", script],
    container === undefined ? {} : { container },
  );
  expect({ script, exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stdout.trim();
}
const names = (list: Container[]): string[] =>
  list.flatMap(({ name, children }) => [name, ...names(children)]).sort();

/** 9P requests without an answer in a snapshot. */
async function pendingIn(blob: Blob): Promise<number> {
  const magic = "NESTBOX-SNAPSHOT/1\n".length;
  const length = new DataView(await blob.slice(magic, magic + 4).arrayBuffer()).getUint32(0, true);
  const text = await blob.slice(magic + 4, magic + 4 + length).text();
  return (JSON.parse(text) as { companion: { pending: unknown[] } }).companion.pending.length;
}

beforeAll(async () => {
  sandbox = startNodeSandbox();
  sandbox.on("restored", ({ elapsedMs }) => restored.push(elapsedMs));
  await sandbox.ready;
  await sh("docker pull -q busybox");
  await sh("docker run -d --name web busybox sleep 100000");
  await sh("docker run -d --nest --name outer busybox sleep 100000");
  await sandbox.exec(["docker", "run", "-d", "--name", "inner", "busybox", "sleep", "100000"], {
    container: "outer",
  });
  await vi.waitFor(
    async () => expect(names(await sandbox.containers.list())).toEqual(["inner", "outer", "web"]),
    { timeout: 10_000 },
  );
  await sh("echo before >/root/mark");
  await sandbox.files.write("share/note", "saved");
  base = await sandbox.snapshot();
}, 120_000);

afterAll(() => sandbox.stop());

describe("a machine set back", () => {
  it("has the files, containers and page files of that moment, at once, and runs on", async () => {
    await sh("echo after >/root/mark; docker rm -f web outer; docker run -d --name late busybox sleep 100");
    await sandbox.files.write("share/note", "changed");
    await sandbox.restore(base);
    // Before any engine has reported.
    expect(names(await sandbox.containers.list())).toEqual(["inner", "outer", "web"]);
    expect(await sh("cat /root/mark")).toBe("before");
    expect(await sh("cat /run/nest/9p/share/note")).toBe("saved");
    expect(new TextDecoder().decode(await sandbox.files.read("share/note"))).toBe("saved");
    expect((await sh("docker ps --format '{{.Names}}'")).split("\n").sort()).toEqual(["outer", "web"]);
    // Engines report again within two seconds; what they say changes nothing.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(names(await sandbox.containers.list())).toEqual(["inner", "outer", "web"]);
  });

  it("still reads its images: running containers, and the layers under them", async () => {
    const sum = await sh("md5sum /bin/busybox", "web");
    await sandbox.restore(base);
    await sh("echo 3 >/proc/sys/vm/drop_caches");
    expect(await sh("md5sum /bin/busybox", "web")).toBe(sum);
    expect(
      await sh("cat /etc/passwd | head -1; hostname >/tmp/x; cat /tmp/x | wc -l", ["outer", "inner"]),
    ).toMatch(/^root:.*\n1$/);
    expect(await sh("docker run --rm busybox echo new")).toBe("new");
    expect((await sh("docker exec web cat /proc/1/comm")).trim()).toBe("sleep");
  });

  it("goes on with what was being read when it was saved", async () => {
    await sandbox.restore(base);
    // This mount keeps no cache: every read asks the page.
    await sandbox.files.write("share/big", new Uint8Array(100_000).fill(7));
    const read = "cat /run/nest/9p/share/big | md5sum >/tmp/new && mv /tmp/new /tmp/sum || touch /tmp/bad";
    const loop = `n=0; while :; do ${read}; n=$((n+1)); echo $n >/tmp/n; done`;
    // In a session of its own: programs of a terminal or an exec end with a restore.
    await sh(`setsid sh -c '${loop}' >/dev/null 2>&1 </dev/null &`);
    const count = () => sh("cat /tmp/n 2>/dev/null || echo 0").then(Number);
    await expect.poll(count, { timeout: 30_000 }).toBeGreaterThan(3);
    const sums = new Set([await sh("cat /tmp/sum")]);
    // As from a slow store: a save then falls between question and answer.
    const { server } = sandbox["guest"];
    const handle = server.handle.bind(server);
    server.handle = (request, reply) =>
      void setTimeout(() => handle(request, reply), request[4] === TREAD ? 1000 : 0);
    let blob = base;
    for (let tries = 0; tries < 20 && (await pendingIn(blob)) === 0; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      blob = await sandbox.snapshot();
    }
    expect(await pendingIn(blob)).toBeGreaterThan(0);
    for (let round = 0; round < 2; round++) {
      await sandbox.restore(blob);
      const before = await count();
      await expect.poll(count, { timeout: 30_000 }).toBeGreaterThan(before + 1);
      sums.add(await sh("cat /tmp/sum"));
    }
    expect(sums.size).toBe(1);
    expect(await sh("ls /tmp")).not.toContain("bad");
  }, 90_000);

  it("from one snapshot twice is never the same twice: time, randomness, boot id", async () => {
    const look = () => sh("head -c 16 /dev/urandom | md5sum; cat /proc/sys/kernel/random/boot_id; date +%s");
    await sandbox.restore(base);
    const one = (await look()).split("\n");
    await sandbox.restore(base);
    const two = (await look()).split("\n");
    expect(one[0]).not.toBe(two[0]);
    expect(one[1]).not.toBe(two[1]);
    expect(Math.abs(Number(two[2]) - Date.now() / 1000)).toBeLessThan(3);
  });

  it("can be saved again, and set back to either", async () => {
    await sandbox.restore(base);
    await sh("echo second >/root/mark");
    const second = await sandbox.snapshot();
    await sandbox.restore(base);
    expect(await sh("cat /root/mark")).toBe("before");
    await sandbox.restore(second);
    expect(await sh("cat /root/mark")).toBe("second");
  });

  it("has its terminals ended and its programs stopped, with that reason, and opens new ones", async () => {
    await sandbox.restore(base);
    const terminal = await sandbox.terminals.open();
    const running = sandbox.exec(["sleep", "100"]);
    const refused = expect(running).rejects.toMatchObject(SET_BACK);
    await sandbox.restore(base);
    await refused;
    expect(await terminal.exited).toEqual({ exitCode: 129, error: SET_BACK.message });
    const again = await sandbox.terminals.open();
    let text = "";
    again.onData((data, consumed) => {
      text += new TextDecoder().decode(data);
      consumed();
    });
    again.write("echo $((6*7))ok\n");
    await expect.poll(() => text, { timeout: 10_000 }).toContain("42ok");
    again.close();
  });

  it("takes calls made meanwhile, and restores and snapshots asked for at once, in turn", async () => {
    const order: string[] = [];
    const first = sandbox.restore(base).then(() => order.push("first"));
    const saved = sandbox.snapshot().then((blob) => (order.push("snapshot"), blob));
    const second = sandbox.restore(base).then(() => order.push("second"));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const listed = sandbox.containers.list();
    await Promise.all([first, saved, second]);
    expect(order).toEqual(["first", "snapshot", "second"]);
    expect(names(await listed)).toEqual(["inner", "outer", "web"]);
    await sandbox.restore(await saved);
    expect(await sh("cat /root/mark")).toBe("before");
  });

  it("costs less than a second", () => {
    expect(restored.length).toBeGreaterThan(0);
    // The best of them: this machine may be busy with other things.
    expect(Math.min(...restored)).toBeLessThan(1000);
  });
});

describe("a snapshot that does not fit", () => {
  const bytes = async () => new Uint8Array(await base.arrayBuffer());

  it.each<[string, (good: Uint8Array<ArrayBuffer>) => BlobPart[], RegExp]>([
    ["nothing", () => [], /not a snapshot/],
    ["another file", () => ["<html>"], /not a snapshot/],
    ["a shortened one", (good) => [good.subarray(0, -1)], /damaged/],
    ["only its head", (good) => [good.subarray(0, 40)], /damaged/],
    ["one with a changed byte", (good) => [good.subarray(0, -1), Uint8Array.of(good.at(-1)! ^ 1)], /damaged/],
  ])("%s is refused in words, and the machine runs on", async (_, spoil, reason) => {
    await sh("echo here >/root/mark");
    await expect(sandbox.restore(new Blob(spoil(await bytes())))).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(reason) as string,
    });
    expect(await sh("cat /root/mark")).toBe("here");
  });
});

describe("output", () => {
  it("over maxOutput ends the program, in the guest and in a container", async () => {
    await sandbox.restore(base);
    for (const where of [{}, { container: "web" }]) {
      const started = performance.now();
      const flood = await sandbox.exec(["yes"], { maxOutput: 1000, ...where });
      expect(flood.truncated).toBe(true);
      expect(flood.exitCode).toBeGreaterThan(128);
      expect(flood.stdout).toBe("y\n".repeat(500));
      expect(performance.now() - started).toBeLessThan(30_000);
    }
    expect(await sh("cat /proc/[0-9]*/comm | grep -cx yes; true")).toBe("0");
    const fits = await sandbox.exec(["echo", "12345"], { maxOutput: 6 });
    expect(fits).toEqual({ exitCode: 0, stdout: "12345\n", stderr: "" });
    const within = await sandbox.exec(["printf", "aé"], { maxOutput: 2 });
    expect(within).toMatchObject({ stdout: "a", truncated: true });
    await expect(sandbox.exec(["true"], { maxOutput: -1 })).rejects.toThrow(TypeError);
  });
});
