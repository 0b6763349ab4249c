/** A guest host with a canary, two nested levels, and the probe (probe/main.c) in reach of all of them. */
import { expect } from "vitest";
import { startNodeSandbox, type NodeSandboxOptions } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { buildProgram } from "../guest/program";

export const buildProbe = (): Promise<Uint8Array> => buildProgram("test/escape/probe/*.c");

export class World {
  /** The `--nest` containers, outermost first. */
  readonly levels: string[] = [];

  private constructor(readonly sandbox: Sandbox) {}

  static async start(options: NodeSandboxOptions = {}, built?: Uint8Array): Promise<World> {
    const sandbox = startNodeSandbox(options);
    const probe = built ?? (await buildProbe());
    const world = new World(sandbox);
    await sandbox.ready;
    await sandbox.files.write("/tmp/probe", probe);
    await world.ok(`echo "the host's canary" >/canary
      mkdir -m 777 /canary.d
      chmod 755 /tmp/probe
      sleep 86400 </dev/null >/dev/null 2>&1 &
      echo $! >/tmp/sleeper
      /tmp/probe listen /tmp/heard </dev/null >/dev/null 2>&1 &
      docker pull -q busybox`);
    return world;
  }

  /** Starts one more level inside the deepest: with a canary and a listener of its own, for it is a host to those in it. */
  async deepen(flags: string): Promise<void> {
    const depth = this.levels.length;
    const name = `level${String(depth + 1)}`;
    const probe = depth === 0 ? "/tmp/probe" : "/probe";
    await this.ok(
      `docker run -d --nest --name ${name} ${flags} -v ${probe}:/probe:ro busybox sleep 86400`,
      depth,
    );
    this.levels.push(name);
    await this.ok(
      `echo "the host's canary" >/canary
       /probe listen /heard </dev/null >/dev/null 2>&1 &
       docker run --rm busybox true`,
      depth + 1,
    );
  }

  /** Runs a script at a depth (0: the guest host) and takes whatever comes. */
  async run(script: string, depth = 0, timeoutMs = 120_000) {
    return this.sandbox.exec(["sh", "-c", script], {
      timeoutMs,
      ...(depth > 0 && { container: this.levels.slice(0, depth) }),
    });
  }

  /** Runs a script that must succeed; its output, trimmed. */
  async ok(script: string, depth = 0): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(script, depth);
    expect({ script, exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return stdout.trim();
  }

  /** All that no container may change, as one text. */
  async canary(): Promise<string> {
    const host = await this.ok(CANARY);
    const levels = [];
    for (let depth = 1; depth <= this.levels.length; depth++)
      levels.push(await this.ok(`cat /canary /heard; ls -A /; hostname`, depth));
    return [host, ...levels].join("\n--- next level\n");
  }
}

/** Files, settings, mounts, limits, processes and what was heard on the loopback. Volatile settings and layers are left out. */
const CANARY = `
cat /canary /tmp/heard; ls -A / /canary.d /run/nest/bin; hostname; date +%Y
sha256sum /run/nest/bin/nest
stat -c '%n %a %u %g' / /dev/* /run/nest /canary /canary.d
find /proc/sys/kernel /proc/sys/vm /proc/sys/fs -type f | sort |
  grep -vE 'random/|ns_last_pid|state$|-nr$|-inodes$|/pty/nr|compact_memory|drop_caches|stat_refresh|-time$' |
  xargs grep -H . 2>/dev/null
cut -d' ' -f4- /proc/self/mountinfo | grep -vE '^/ /run/nest/(erofs|layers/0)/[0-9a-f]{64} ro,' | sort
for g in agent host nest nest/*; do
  (cd /sys/fs/cgroup/$g && grep -H . cpu.max cpu.weight memory.max memory.min memory.high pids.max cgroup.freeze)
done
kill -0 $(cat /tmp/sleeper) && echo the sleeper sleeps
cat /proc/[0-9]*/uid_map | sort -u
tr '\\0' ' ' </proc/1/cmdline; cat /proc/uptime >/dev/null
for p in /proc/[0-9]*; do
  [ "$(readlink $p/ns/user)" = "$(readlink /proc/self/ns/user)" ] && cat $p/comm
done 2>/dev/null | grep -vE '^(sh|cat|sort|grep|tr|readlink|kworker.*|nest-exec|cut)$' | sort`;
