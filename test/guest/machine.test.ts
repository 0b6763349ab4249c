/** The machine adapter against the real kernel: boot, console, agent port, 9P, save and restore. */
import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { bootMachine, restoreMachine, type Machine, type P9Server } from "../../emulator/machine";
import { loadParts, loadWasm } from "../../emulator/node";
import { initramfs } from "./initramfs";

const MOUNTS = "mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev";
const OPEN_PORT = `exec 3<>/dev/$(basename $(dirname $(grep -l nest.agent /sys/class/virtio-ports/*/name)))`;

/** Console output, to wait for. */
class Output {
  text = "";
  #waiting: (() => void)[] = [];
  readonly add = (text: string): void => {
    this.text += text;
    for (const check of this.#waiting) check();
  };

  /** Resolves with the match once the output has one. */
  until(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const match = pattern.exec(this.text);
        if (!match) return;
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((other) => other !== check);
        resolve(match);
      };
      const timer = setTimeout(() => {
        reject(new Error(`no ${String(pattern)} in the console output:\n${this.text}`));
      }, timeoutMs);
      this.#waiting.push(check);
      check();
    });
  }
}

/** A 9P server that knows one answer per message type; what it has no answer to stays pending. */
class ScriptedServer implements P9Server {
  readonly requests: { type: number; reply: (response: Uint8Array) => void; bytes: Uint8Array }[] = [];
  restored: unknown;
  constructor(readonly answers: Record<number, (request: Uint8Array) => Uint8Array> = {}) {}

  handle(bytes: Uint8Array, reply: (response: Uint8Array) => void): void {
    const type = bytes[4] ?? 0;
    this.requests.push({ type, reply, bytes });
    const answer = this.answers[type];
    if (answer) reply(answer(bytes));
  }
  save(): unknown {
    return { seen: this.requests.length };
  }
  async restore(state: unknown): Promise<void> {
    this.restored = state;
  }
}

const TVERSION = 100;
const TATTACH = 104;
/** Accepts whatever version the client asks for. */
const acceptVersion = (request: Uint8Array): Uint8Array => {
  const reply = request.slice();
  reply[4] = TVERSION + 1;
  return reply;
};
/** Rlerror EACCES. */
const refuse = (request: Uint8Array): Uint8Array =>
  Uint8Array.of(11, 0, 0, 0, 7, request[5] ?? 0, request[6] ?? 0, 13, 0, 0, 0);

const machines: Machine[] = [];
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.destroy()));
});

async function boot(script: string, p9: P9Server = new ScriptedServer(), onFailure?: (error: Error) => void) {
  const output = new Output();
  const parts = { ...(await loadParts()), initrd: await initramfs(`${MOUNTS}\n${script}`) };
  const machine = await bootMachine(parts, { p9, onConsole: output.add, ...(onFailure && { onFailure }) });
  machines.push(machine);
  machine.run();
  return { machine, output };
}

async function restore(snapshot: Awaited<ReturnType<Machine["save"]>>, p9: P9Server = new ScriptedServer()) {
  const output = new Output();
  const machine = await restoreMachine({ wasm: await loadWasm() }, snapshot, { p9, onConsole: output.add });
  machines.push(machine);
  return { machine, output };
}

describe("cold boot", () => {
  test("reaches init with all devices, without a BIOS", async () => {
    const { machine, output } = await boot(
      "uname -r; cat /sys/class/virtio-ports/*/name; ls /sys/class/net; head -1 /proc/meminfo; echo DONE; exec sh </dev/ttyS0 >/dev/ttyS0 2>&1",
    );
    await output.until(/DONE/);
    expect(output.text).toMatch(/^6\.12\./m);
    expect(output.text).toContain("nest.agent");
    expect(output.text).toContain("eth0");
    const kib = Number(/MemTotal:\s+(\d+) kB/.exec(output.text)?.[1]);
    expect(kib).toBeGreaterThan(230 * 1024);
    machine.typeConsole("echo $((6*7))ok\n");
    await output.until(/^42ok/m);
  });

  test("a kernel that is none is refused by name", async () => {
    const parts = { ...(await loadParts()), kernel: new Uint8Array(8192) };
    await expect(bootMachine(parts, { p9: new ScriptedServer() })).rejects.toThrow(/not a bzImage/);
  });

  test.each([
    ["a panic", "exit 1", /stopped: the guest rebooted.*Attempted to kill init/s],
    ["a halt", "halt -f", /stopped: the guest (halted|rebooted)/],
  ])("%s is reported, and the machine can still be destroyed", async (_, script, reason) => {
    const failure = new Promise<Error>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no failure reported")), 60_000);
      void boot(script, undefined, (error) => {
        clearTimeout(timer);
        resolve(error);
      });
    });
    expect((await failure).message).toMatch(reason);
    const [machine] = machines;
    await expect(machine?.save()).rejects.toThrow(/no longer running/);
  });
});

describe("agent port", () => {
  test("megabytes both ways, whole and in order, paced by the guest", async () => {
    // dd writes with write(2); busybox cat would use sendfile, with which the kernel's port loses the data.
    const size = 4 << 20;
    const { machine, output } = await boot(
      `${OPEN_PORT}; echo READY; head -c ${size} <&3 >/tmp/in; dd if=/tmp/in bs=65536 >&3; sleep 1000`,
    );
    const echoed: Uint8Array[] = [];
    let received = 0;
    const back = new Promise<void>((resolve) => {
      machine.agent.onData((bytes) => {
        echoed.push(bytes);
        received += bytes.length;
        if (received >= size) resolve();
      });
    });
    await output.until(/READY/);
    const data = randomBytes(size);
    // Uneven pieces, among them tiny ones, all at once: far more than the guest has buffers for.
    for (let at = 0, n = 1; at < size; at += n, n = (n * 7 + 3) % 60_000) {
      machine.agent.send(data.subarray(at, at + n));
    }
    expect(machine.agent.queued).toBeGreaterThan(size / 2);
    await back;
    expect(machine.agent.queued).toBe(0);
    expect(Buffer.compare(Buffer.concat(echoed), data)).toBe(0);
  });
});

describe("save and restore", () => {
  test("a fresh machine goes on where the saved one stood, and so does the saved one", async () => {
    const { machine, output } = await boot(
      "echo one; read x; echo two-$x; exec sh </dev/ttyS0 >/dev/ttyS0 2>&1",
    );
    await output.until(/one/);
    const snapshot = await machine.save();
    const copy = await restore(snapshot);
    copy.machine.run();
    copy.machine.typeConsole("copy\n");
    await copy.output.until(/two-copy/);
    machine.typeConsole("original\n");
    await output.until(/two-original/);
    // Guest time runs in the copy.
    copy.machine.typeConsole("sleep 0.2; echo slept\n");
    await copy.output.until(/^slept/m);
  });

  test("a 9P request that waits at save time is answered after the restore", async () => {
    const asked = new ScriptedServer({ [TVERSION]: acceptVersion });
    const { machine, output } = await boot(
      "mkdir -p /tmp/m; mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072 host9p /tmp/m; echo status=$?; sleep 1000",
      asked,
    );
    await expect.poll(() => asked.requests.at(-1)?.type, { timeout: 60_000 }).toBe(TATTACH);
    const snapshot = await machine.save();

    // mount tries again, read-only, before it gives up.
    const server = new ScriptedServer({ [TVERSION]: acceptVersion, [TATTACH]: refuse });
    // As it is kept: the companion goes through JSON.
    const companion = JSON.parse(JSON.stringify(snapshot.companion)) as unknown;
    const copy = await restore({ ...snapshot, companion }, server);
    expect(server.restored).toEqual({ seen: 2 });
    expect(server.requests[0]?.bytes).toEqual(asked.requests.at(-1)?.bytes);
    copy.machine.run();
    await copy.output.until(/Permission denied[\s\S]*status=[1-9]/);

    // The original still waits; its late reply arrives, and a second one is harmless.
    const pending = asked.requests.at(-1);
    expect(output.text).not.toContain("status=");
    asked.answers[TATTACH] = refuse;
    pending?.reply(refuse(pending.bytes));
    pending?.reply(refuse(pending.bytes));
    await output.until(/status=[1-9]/);
  });

  test("arithmetic flags survive: v86 alone restores them wrong", async () => {
    const { machine, output } = await boot("echo busy; while :; do :; done");
    await output.until(/busy/);
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const snapshot = await machine.save();
      await machine.stop();
      const copy = await restore(snapshot);
      expect(flags(copy.machine)).toBe(flags(machine));
      await copy.machine.destroy();
      machine.run();
    }
  });

  test("snapshots of another size or version are refused with the way out", async () => {
    const { machine, output } = await boot("echo up; sleep 1000");
    await output.until(/up/);
    const { state, companion } = await machine.save();
    const wasm = await loadWasm();
    const p9 = new ScriptedServer();
    await expect(restoreMachine({ wasm }, { state, companion }, { p9, memory: 128 })).rejects.toThrow(
      /256 MiB/,
    );
    const old = { ...(companion as object), v86: "0.5.1" };
    await expect(restoreMachine({ wasm }, { state, companion: old }, { p9 })).rejects.toThrow(
      /made by v86 0.5.1/,
    );
    await expect(restoreMachine({ wasm }, { state, companion: null }, { p9 })).rejects.toThrow(
      /npm run snapshot/,
    );
  });
});

/** EFLAGS as the emulated CPU computes them, arithmetic ones included. */
function flags(machine: Machine): number {
  const { emulator } = machine as unknown as {
    emulator: { v86: { cpu: { wm: { exports: { get_eflags(): number } } } } };
  };
  return emulator.v86.cpu.wm.exports.get_eflags();
}
