/** The agent stream with the real agent in the real machine; one boot for the file. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SandboxEvents, Terminal } from "../../emulator/control/api";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";

let sandbox: Sandbox;
const problems: SandboxEvents["problem"][] = [];
const phases: string[] = [];

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const sh = (script: string, options = {}) => sandbox.exec(["sh", "-c", script], options);

beforeAll(async () => {
  sandbox = startNodeSandbox({ hostname: "agent-test" });
  sandbox.on("problem", (problem) => problems.push(problem));
  sandbox.on("progress", ({ phase }) => phases.push(phase));
  await sandbox.ready;
}, 120_000);

afterAll(() => sandbox.stop());

/** Collects a terminal's output, acknowledging it, until it matches. */
async function until(terminal: Terminal, pattern: RegExp, deadlineMs = 20_000): Promise<string> {
  let seen = "";
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no ${String(pattern)} in ${JSON.stringify(seen.slice(-500))}`)),
      deadlineMs,
    );
    const off = terminal.onData((data, consumed) => {
      seen += text(data);
      consumed();
      if (!pattern.test(seen)) return;
      clearTimeout(timer);
      off();
      resolve(seen);
    });
  });
}

describe("start", () => {
  it("goes through its phases and sets clock and hostname", async () => {
    expect([...new Set(phases)]).toEqual(["boot", "connect", "ready"]);
    const { stdout } = await sh("hostname; date +%s");
    const [hostname, seconds] = stdout.trim().split("\n");
    expect(hostname).toBe("agent-test");
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(5);
  });
});

describe("exec", () => {
  it("gives stdout, stderr and the exit code apart", async () => {
    expect(await sh("echo out; echo err >&2; exit 7")).toEqual({
      exitCode: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it("takes arguments, environment and working directory as they are", async () => {
    const { stdout } = await sandbox.exec(
      ["sh", "-c", 'printf "%s|" "$@" "$X" "$PWD"', "sh", "a b", "", "ü\n'\""],
      {
        env: { X: "y z" },
        cwd: "/tmp",
      },
    );
    expect(stdout).toBe("a b||ü\n'\"|y z|/tmp|");
  });

  it("says 127 and 126 as docker does, with the reason", async () => {
    const missing = await sandbox.exec(["no-such-program"]);
    expect(missing.exitCode).toBe(127);
    expect(missing.stderr).toContain("no-such-program");
    expect(await sandbox.exec(["/etc/passwd"])).toMatchObject({ exitCode: 126 });
    const lost = await sandbox.exec(["true"], { cwd: "/nowhere" });
    expect([125, 126, 127]).toContain(lost.exitCode);
    expect(lost.stderr).toContain("working directory");
  });

  it("says 128 + n for a program that dies of a signal", async () => {
    expect(await sh("kill -TERM $$")).toMatchObject({ exitCode: 143 });
  });

  it("carries 1 MB of stdin there and back unchanged", async () => {
    const bytes = new Uint8Array(randomBytes(1 << 20));
    await sandbox.files.write("/tmp/blob", bytes);
    expect((await sh("sha256sum < /tmp/blob")).stdout.slice(0, 64)).toBe(sha256(bytes));
    expect(sha256(await sandbox.files.read("/tmp/blob"))).toBe(sha256(bytes));
    const through = await sandbox.exec(["sha256sum"], { stdin: bytes });
    expect(through.stdout.slice(0, 64)).toBe(sha256(bytes));
  });

  it("does not wait for a program that ignores its stdin", async () => {
    expect(await sandbox.exec(["true"], { stdin: new Uint8Array(1 << 20) })).toMatchObject({ exitCode: 0 });
  });

  it("kills at the deadline, children included, and says so", async () => {
    const result = await sh("sleep 4711 & sleep 4712; echo no", { timeoutMs: 700 });
    expect(result).toMatchObject({ exitCode: 137, timedOut: true, stdout: "" });
    expect((await sh("ps | grep -c '[s]leep 471'")).stdout.trim()).toBe("0");
  });

  it("rejects with `cancelled` when aborted, and ends the program", async () => {
    const abort = new AbortController();
    const running = sandbox.exec(["sleep", "4713"], { signal: abort.signal });
    setTimeout(() => abort.abort(), 300);
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
    await gone("sleep 4713");
  });

  it("takes a flood through credits, keeps 16 MiB, and says the rest was dropped", async () => {
    const { stdout, exitCode, truncated } = await sandbox.exec(["dd", "if=/dev/zero", "bs=64k", "count=800"]);
    expect({ length: stdout.length, exitCode, truncated }).toEqual({
      length: 16 << 20,
      exitCode: 0,
      truncated: true,
    });
  }, 120_000);

  it("runs many at once", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => sandbox.exec(["echo", String(i)])));
    expect(all.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it("refuses nonsense before it leaves the page", async () => {
    await expect(sandbox.exec([])).rejects.toThrow(TypeError);
    await expect(sandbox.exec(["a\0b"])).rejects.toThrow(TypeError);
    await expect(sandbox.exec(["true"], { env: { "A=B": "" } })).rejects.toThrow(TypeError);
    await expect(sandbox.exec(["echo", "x".repeat(70_000)])).rejects.toMatchObject({ code: "too-large" });
    await expect(sandbox.exec(["true"], { container: "ghost" })).rejects.toMatchObject({ code: "not-found" });
    await expect(sandbox.exec(["true"], { machine: "other" })).rejects.toMatchObject({ code: "not-found" });
  });
});

/** Waits until no process of the guest shows `what` in its command line. */
async function gone(what: string): Promise<void> {
  const pattern = what.replace(/^./, "[$&]");
  await expect
    .poll(async () => (await sh(`ps | grep -c '${pattern}'`)).stdout.trim(), {
      timeout: 10_000,
      interval: 300,
    })
    .toBe("0");
}

describe("terminals", () => {
  it("are real: echo, size, resize, and the exit code", async () => {
    const terminal = await sandbox.terminals.open({ command: ["sh"], cols: 91, rows: 31 });
    terminal.write("tty; stty size\n");
    expect(await until(terminal, /31 91/)).toMatch(/\/dev\/pts\/\d/);
    terminal.resize(120, 40);
    terminal.write("stty size; echo $TERM\n");
    expect(await until(terminal, /40 120[^]*xterm-256color/)).toBeTruthy();
    terminal.write("exit 9\n");
    expect(await terminal.exited).toEqual({ exitCode: 9 });
  });

  it("give a login shell by default, with job control and signals from the keyboard", async () => {
    const terminal = await sandbox.terminals.open();
    terminal.write("echo ready-$((1+1))\n");
    await until(terminal, /ready-2/);
    terminal.write("sleep 4714\n");
    await new Promise((resolve) => setTimeout(resolve, 500));
    terminal.write("\x03");
    terminal.write("echo back-$((2+2))\n");
    await until(terminal, /back-4/);
    terminal.close();
    await terminal.exited;
  });

  it("stop a flood at the program while nothing is shown, and lose nothing of it", async () => {
    const terminal = await sandbox.terminals.open({
      command: ["sh", "-c", "stty raw; head -c 3000000 /dev/zero; sleep 1"],
    });
    let received = 0;
    const pending: (() => void)[] = [];
    const off = terminal.onData((data, consumed) => {
      received += data.length;
      pending.push(consumed);
    });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThanOrEqual(256 * 1024);
    off();
    terminal.onData((data, consumed) => {
      received += data.length;
      consumed();
    });
    for (const consumed of pending) consumed();
    await terminal.exited;
    expect(received).toBe(3_000_000);
  }, 60_000);

  it("closed while their program runs hang it up", async () => {
    const terminal = await sandbox.terminals.open({ command: ["sleep", "4715"] });
    await new Promise((resolve) => setTimeout(resolve, 300));
    terminal.close();
    expect((await terminal.exited).exitCode).toBe(129);
    await gone("sleep 4715");
  });

  it("closed on a program that ignores the hang-up still end, by SIGKILL", async () => {
    const terminal = await sandbox.terminals.open({
      command: ["sh", "-c", "trap '' HUP; while :; do sleep 1; done"],
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    terminal.close();
    expect((await terminal.exited).exitCode).toBe(137);
  });
});

describe("files", () => {
  it("in share/ and outbox/ pass between page and guest", async () => {
    await sandbox.files.write("share/dir/in.txt", "from the page");
    expect((await sh("cat /run/nest/9p/share/dir/in.txt")).stdout).toBe("from the page");
    expect(
      (await sh("echo more >> /run/nest/9p/share/dir/in.txt; echo done > /run/nest/9p/outbox/out.txt"))
        .stderr,
    ).toBe("");
    expect(text(await sandbox.files.read("share/dir/in.txt"))).toBe("from the pagemore\n");
    expect(text(await sandbox.files.read("outbox/out.txt"))).toBe("done\n");
    expect(await sandbox.files.list("share")).toEqual([{ name: "dir", kind: "directory", size: 0 }]);
  });

  it("obey the guest's usual tools on the 9P tree", async () => {
    const script = `set -e; cd /run/nest/9p/outbox; mkdir d; echo a > d/a; mv d/a d/b; cp d/b c; chmod 600 c; touch -d '2020-01-02 03:04:05' c
      stat -c '%a %s %Y' c; rm d/b; rmdir d; ls; truncate -s 5 c; wc -c < c; ln -s x y 2>/dev/null || echo no-links; rm c`;
    const { stdout, stderr } = await sh(script, { env: { TZ: "UTC" } });
    expect(stderr).toBe("");
    expect(stdout.split("\n").map((line) => line.trim())).toEqual(
      expect.arrayContaining(["600 2 1577934245", "c", "5", "no-links"]),
    );
  });

  it("beyond the outbox's allowance are a full disk to the guest", async () => {
    // Most of it at one stroke: zeros need not travel.
    const { exitCode, stderr } = await sh(
      "cd /run/nest/9p/outbox; truncate -s 255M big && dd if=/dev/zero bs=1M count=3 >> big",
    );
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/No space left/);
    await sh("rm /run/nest/9p/outbox/big");
    expect(await sandbox.files.list("outbox")).not.toContainEqual(expect.objectContaining({ name: "big" }));
  });

  it("are listed whatever their names are", async () => {
    const odd = ["-rf", "*", " lead", "new\nline", "ünï", ".hidden", "..odd", "a'b\"c"];
    await sh("mkdir -p /tmp/odd/sub; ln -s /etc /tmp/odd/link; mkfifo /tmp/odd/fifo");
    for (const name of odd) await sandbox.files.write(`/tmp/odd/${name}`, "12345");
    const entries = await sandbox.files.list("/tmp/odd");
    expect(entries.filter(({ kind }) => kind === "file")).toEqual(
      [...odd].sort().map((name) => ({ name, kind: "file", size: 5 })),
    );
    expect(entries.filter(({ kind }) => kind !== "file").map(({ name, kind }) => [name, kind])).toEqual([
      ["fifo", "other"],
      ["link", "symlink"],
      ["sub", "directory"],
    ]);
  });

  it("that are missing, or are directories, or are too big, say so", async () => {
    await expect(sandbox.files.read("/no/such")).rejects.toMatchObject({ code: "not-found" });
    await expect(sandbox.files.list("/no/such")).rejects.toMatchObject({ code: "not-found" });
    await expect(sandbox.files.read("share/none")).rejects.toMatchObject({ code: "not-found" });
    await expect(sandbox.files.write("/no/such/file", "x")).rejects.toMatchObject({ code: "not-found" });
    await expect(sandbox.files.read("/etc")).rejects.toMatchObject({ code: "failed" });
    await expect(sandbox.files.read("/dev/zero")).rejects.toMatchObject({ code: "too-large" });
    await expect(sandbox.files.read("share/../../etc/passwd")).rejects.toMatchObject({ code: "not-found" });
  }, 120_000);
});

describe("containers", () => {
  let events: SandboxEvents["containers"][] = [];

  beforeAll(async () => {
    events = [];
    sandbox.on("containers", (containers) => events.push(containers));
    const run = (...argv: string[]) =>
      sandbox.exec(["nest", "run", "-d", ...argv, "busybox", "sleep", "600"]);
    expect(await run("--nest", "--name", "web")).toMatchObject({ exitCode: 0 });
    const inner = ["nest", "run", "-d", "--name", "inner", "busybox", "sleep", "600"];
    expect(await sandbox.exec(inner, { container: "web" })).toMatchObject({ exitCode: 0 });
  }, 60_000);

  it("are told as a forest, by event and on request", async () => {
    const shape = [
      { name: "web", state: "running", nest: true, children: [{ name: "inner", state: "running" }] },
    ];
    await expect.poll(() => sandbox.containers.list(), { timeout: 10_000 }).toMatchObject(shape);
    await expect.poll(() => events.at(-1), { timeout: 10_000 }).toMatchObject(shape);
  });

  it("run programs at each depth, found by name or path", async () => {
    const [web] = await sandbox.containers.list();
    const hostname = async (container: string | string[]) =>
      (await sandbox.exec(["hostname"], { container })).stdout.trim();
    expect(await hostname("web")).toBe(web!.hostname);
    expect(await hostname(["web", "inner"])).toBe(web!.children[0]!.hostname);
    expect(await hostname("inner")).toBe(web!.children[0]!.hostname);
  });

  it("get stdin, environment and directory, and give the exit code", async () => {
    const result = await sandbox.exec(["sh", "-c", "cat; pwd; echo $X; exit 5"], {
      container: ["web", "inner"],
      stdin: "in\n",
      cwd: "/tmp",
      env: { X: "y z" },
    });
    expect(result).toEqual({ exitCode: 5, stdout: "in\n/tmp\ny z\n", stderr: "" });
  });

  it("have terminals of their own, resized through every hop", async () => {
    const terminal = await sandbox.terminals.open({ container: ["web", "inner"], cols: 70, rows: 20 });
    terminal.write("stty size; hostname\n");
    const [web] = await sandbox.containers.list();
    expect(await until(terminal, new RegExp(`20 70[^]*${web!.children[0]!.hostname}`))).toBeTruthy();
    terminal.resize(99, 33);
    await new Promise((resolve) => setTimeout(resolve, 500));
    terminal.write("stty size\n");
    await until(terminal, /33 99/);
    terminal.write("exit 4\n");
    expect((await terminal.exited).exitCode).toBe(4);
  });

  it("have files of their own", async () => {
    const bytes = new Uint8Array(randomBytes(200_000));
    await sandbox.files.write("/tmp/inside", bytes, { container: "web" });
    expect(sha256(await sandbox.files.read("/tmp/inside", { container: "web" }))).toBe(sha256(bytes));
    const listed = await sandbox.files.list("/tmp", { container: "web" });
    expect(listed).toContainEqual({ name: "inside", kind: "file", size: 200_000 });
    await expect(sandbox.files.read("/tmp/inside")).rejects.toMatchObject({ code: "not-found" });
  });

  it("leave the forest when removed", async () => {
    expect(await sandbox.exec(["nest", "rm", "-f", "web"])).toMatchObject({ exitCode: 0 });
    await expect.poll(() => sandbox.containers.list(), { timeout: 10_000 }).toEqual([]);
  });
});

describe("a guest whose root does its worst", () => {
  it("kills the agent: what waits fails in words, and all is well again", async () => {
    problems.length = 0;
    const running = sandbox.exec(["sleep", "4716"]);
    const terminal = await sandbox.terminals.open({ command: ["sleep", "4717"] });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const killer = sh("kill -9 $(pidof agent)");
    await expect(running).rejects.toMatchObject({ code: "broken-stream" });
    await expect(terminal.exited).rejects.toMatchObject({ code: "broken-stream" });
    await expect(killer).rejects.toMatchObject({ code: "broken-stream" });
    expect((await sh("echo alive")).stdout).toBe("alive\n");
    expect(problems).toContainEqual(expect.objectContaining({ code: "broken-stream", fatal: false }));
  });

  it("writes junk into the port: the stream recovers", async () => {
    // The port opens only once, so each round first kills the agent and then races init, which starts it again.
    const script = `setsid sh -c '
        for i in 1 2; do
          until kill -9 $(pidof agent); do sleep 0.1; done
          for port in /dev/vport*; do head -c 70000 /dev/urandom > $port && echo $i >> /tmp/junk; done
        done
        echo over > /tmp/junk-over' > /dev/null 2>&1 < /dev/null &`;
    const attempt = (command: string) =>
      sh(command, { timeoutMs: 10_000 }).then(
        ({ stdout }) => stdout,
        () => "",
      );
    await attempt(script);
    await expect
      .poll(() => attempt("cat /tmp/junk-over"), { timeout: 100_000, interval: 1000 })
      .toBe("over\n");
    expect((await sh("cat /tmp/junk")).stdout).not.toBe("");
    expect((await sandbox.exec(["sha256sum"], { stdin: new Uint8Array(100_000) })).exitCode).toBe(0);
  }, 150_000);
});

describe("snapshot", () => {
  it("of the running machine answers in a fresh sandbox, with the right time", async () => {
    await sandbox.files.write("share/kept.txt", "kept");
    await sh("sleep 4718 &");
    const snapshot = await sandbox.save();
    const restored = startNodeSandbox({
      snapshot: {
        state: snapshot.state,
        companion: JSON.parse(JSON.stringify(snapshot.companion)) as unknown,
      },
      hostname: "restored",
    });
    try {
      await restored.ready;
      const { stdout } = await restored.exec([
        "sh",
        "-c",
        "hostname; date +%s; cat /run/nest/9p/share/kept.txt",
      ]);
      const [hostname, seconds, kept] = stdout.trim().split("\n");
      expect([hostname, kept]).toEqual(["restored", "kept"]);
      expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(5);
    } finally {
      await restored.stop();
    }
    expect((await sh("echo still here")).stdout).toBe("still here\n");
  }, 90_000);
});

describe("the spare shell", () => {
  const spare = async () => {
    const { stdout } = await sh(
      "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -qx 'sh -l ' && echo ${p#/proc/}; done; true",
    );
    return stdout.trim();
  };

  it("is what the next host terminal gets, at its size, and is replaced when killed", async () => {
    const first = await sandbox.terminals.open();
    await until(first, /# /);
    first.close();
    await first.exited;
    await expect.poll(spare, { timeout: 10_000 }).toMatch(/^\d+$/);
    const pid = await spare();
    const second = await sandbox.terminals.open({ cols: 91, rows: 17 });
    second.write("echo pid-$$; stty size\n");
    expect(await until(second, /17 91/)).toMatch(new RegExp(`pid-${pid}\\r`));
    await expect.poll(spare, { timeout: 10_000 }).toMatch(new RegExp(`^(${pid}\n\\d+|\\d+\n${pid})$`));
    second.close();
    await second.exited;
    await sh(`kill -9 ${await spare()}`);
    const third = await sandbox.terminals.open();
    third.write("echo again-$((1 + 1))\n");
    await until(third, /again-2/);
    third.close();
    await third.exited;
  });
});

describe("the end", () => {
  it("rejects what waits, and everything after, with `stopped`", async () => {
    const running = sandbox.exec(["sleep", "4719"]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const ended = expect(running).rejects.toMatchObject({ code: "stopped" });
    await sandbox.stop();
    await ended;
    await expect(sandbox.exec(["true"])).rejects.toMatchObject({ code: "stopped" });
    await expect(sandbox.terminals.open()).rejects.toMatchObject({ code: "stopped" });
  });
});
