/** What happens to a container while it lives: pause, restart, health, update, events, top, stats, detach. One boot for the file. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Terminal } from "../../emulator/control/api";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, ok, refused } = scripts(() => sandbox);

/** `docker inspect -f '{{…}}'` */
const look = (name: string, path: string) => ok(`docker inspect -f '{{${path}}}' ${name}`);

const status = (name: string) =>
  ok(`docker ps -a --format '{{.Names}}={{.Status}}' | sed -n 's/^${name}=//p'`);

/** The actions told of one container, oldest first. */
async function actions(name: string): Promise<string[]> {
  const lines = await ok(`docker events --since 1h --until 0s | grep 'name=${name}[,)]'; true`);
  return lines.split("\n").map((line) => / container (.*?) [0-9a-f]{64} /.exec(line)?.[1] ?? line);
}

const until = (what: () => Promise<unknown>, wanted: unknown, timeout = 90_000) =>
  expect.poll(what, { timeout, interval: 150 }).toEqual(wanted);

/** The engine is killed; init starts it again. */
const newEngine = () =>
  ok(
    "old=$(pidof nest-engine); kill -9 $old; for i in $(seq 100); do new=$(pidof nest-engine) && [ $new != $old ] && docker ps -q >/dev/null && exit; sleep 0.1; done; exit 1",
  );

/** Collects a terminal's output until it matches. */
async function shown(terminal: Terminal, pattern: RegExp): Promise<string> {
  let seen = "";
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no ${String(pattern)} in ${JSON.stringify(seen.slice(-500))}`));
    }, 20_000);
    const off = terminal.onData((data, consumed) => {
      seen += new TextDecoder().decode(data);
      consumed();
      if (!pattern.test(seen)) return;
      clearTimeout(timer);
      off();
      resolve(seen);
    });
  });
}

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
}, 120_000);

/** What a failed test left must not fail the others. */
afterEach(() => sh("docker ps -aq | xargs -r docker rm -f"));

afterAll(() => sandbox.stop());

describe("pause", () => {
  it("stops the processes, says so and refuses what cannot be", async () => {
    await ok("docker run -d --name p busybox sh -c 'while :; do echo; sleep 0.05; done'");
    const lines = async () => Number(await ok("docker logs p | wc -l"));
    await until(async () => (await lines()) > 2, true);
    expect(await ok("docker pause p")).toBe("p");
    const before = await lines();
    expect(await status("p")).toMatch(/^Up .* \(Paused\)$/);
    expect(await look("p", ".State.Status}} {{.State.Paused}} {{.State.Running")).toBe("paused true true");
    expect(await lines()).toBe(before);
    const id = await look("p", ".Id");
    expect(await refused("docker exec p true")).toBe(
      `Error response from daemon: container ${id} is paused, unpause the container before exec`,
    );
    expect(await refused("docker pause p")).toContain("is already paused");
    expect(await refused("docker start p")).toContain("cannot start a paused container");
    expect(await refused("docker rm p")).toContain("container is paused: unpause and stop the container");
    expect(await ok("docker ps -q --no-trunc")).toContain(id);
    await ok("docker unpause p");
    await until(async () => (await lines()) > before, true);
    expect(await refused("docker unpause p")).toContain("is not paused");
  });

  it("lets a paused one be stopped by its signal, and removed", async () => {
    await ok(
      "docker run -d --name s busybox sh -c 'trap \"exit 7\" TERM; echo up; while :; do sleep 0.05; done'",
    );
    await until(() => ok("docker logs s"), "up");
    await ok("docker pause s; docker stop -t 60 s");
    expect(await look("s", ".State.ExitCode}} {{.State.Status")).toBe("7 exited");
    await ok("docker run -d --name p busybox sleep 1000; docker pause p; docker rm -f p s");
    expect(await refused("docker pause p")).toContain("No such container: p");
  });

  it("is known to the next engine", async () => {
    await ok("docker run -d --name p busybox sleep 1000; docker pause p");
    await newEngine();
    expect(await status("p")).toContain("(Paused)");
    await ok("docker unpause p; docker exec p true; docker rm -f p");
  });
});

describe("rename", () => {
  it("changes the name everywhere, also for others on its network", async () => {
    await ok("docker network create n; docker run -d --name one --network n busybox sleep 1000");
    await ok("docker rename one two");
    expect(await ok("docker run --rm --network n busybox ping -c 1 -w 3 two")).toContain(
      "1 packets received",
    );
    expect(await refused("docker rename one three")).toContain("No such container: one");
    expect(await refused("docker rename two two")).toContain("Renaming a container with the same name");
    expect(await refused("docker rename two a/b")).toContain("Invalid container name (a/b)");
    await ok("docker create --name other busybox");
    expect(await refused("docker rename two other")).toContain(
      'The container name "/other" is already in use',
    );
    await ok("docker rename /other else; docker rm else");
    expect(await actions("two")).toEqual(["rename"]);
    await newEngine();
    expect(await look("two", ".Name")).toBe("/two");
    await ok("docker rm -f two; docker network rm n");
  });
});

describe("restart", () => {
  it("stops and starts again, running or not", async () => {
    await ok(
      "docker run -d --name r busybox sh -c 'trap \"exit 3\" TERM; echo up; while :; do sleep 0.05; done'",
    );
    await until(() => ok("docker logs r"), "up");
    expect(await ok("docker restart -t 60 r")).toBe("r");
    await until(() => ok("docker logs r"), "up\nup");
    await ok("docker stop -t 60 r; docker restart r");
    expect(await look("r", ".State.Running}} {{.RestartCount")).toBe("true 0");
    expect((await actions("r")).slice(0, 7)).toEqual([
      "create",
      "start",
      "kill",
      "die",
      "stop",
      "start",
      "restart",
    ]);
    await ok("docker rm -f r");
  });

  it("by policy: growing pauses, a bound, and not after a stop", async () => {
    await ok("docker run -d --name f --restart on-failure:2 busybox false");
    await until(() => look("f", ".State.Status}} {{.RestartCount}} {{.State.ExitCode"), "exited 2 1");
    await ok("docker rm f; docker run -d --name f --restart on-failure busybox true");
    await until(() => look("f", ".State.Status}} {{.RestartCount"), "exited 0");
    await ok("docker rm f; docker run -d --name f --restart always busybox sh -c 'date +%s%N; exit 4'");
    await until(async () => Number(await look("f", ".RestartCount")) >= 4, true);
    // Each between two tries, whenever they come.
    await until(() => status("f").then((text) => text.replace(/\) .*/, ")")), "Restarting (4)");
    await until(() => look("f", ".State.Running}} {{.State.Restarting"), "true true");
    await until(
      async () =>
        /is restarting, wait until the container is running/.test(await refused("docker exec f true")),
      true,
    );
    await until(
      async () => /container is restarting: stop the container/.test(await refused("docker rm f")),
      true,
    );
    expect(await ok("docker ps --format '{{.Names}}'")).toBe("f");
    await ok("docker stop f");
    // Between two tries, or killed in one.
    expect(await status("f")).toMatch(/^Exited \((4|137)\)/);
    const count = await ok("docker logs f | wc -l");
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await ok("docker logs f | wc -l")).toBe(count);
    await ok("docker start f; docker rm -f f");
    expect(await ok("docker ps -aq")).toBe("");
  });

  it("is kept over an engine's end", async () => {
    await ok("docker run -d --name a --restart always busybox sh -c 'sleep 0.5; exit 1'");
    await ok("docker run -d --name u --restart unless-stopped busybox sleep 1000; docker stop -t 0 u");
    await ok("docker run -d --name l --restart unless-stopped busybox sleep 1000");
    await until(async () => Number(await look("a", ".RestartCount")) >= 1, true);
    await newEngine();
    const count = Number(await look("a", ".RestartCount"));
    expect(count).toBeGreaterThanOrEqual(1);
    await until(async () => Number(await look("a", ".RestartCount")) > count, true);
    expect(await look("u", ".State.Status")).toBe("exited");
    expect(await look("l", ".State.Status")).toBe("running");
    await ok("kill -9 $(docker inspect -f '{{.State.Pid}}' l)");
    await until(() => look("l", ".State.Status}} {{.RestartCount"), "running 1");
    await ok("docker stop -t 0 a; docker rm -f a u l");
  });

  it("refuses what is no policy and leaves nothing behind", async () => {
    expect(await refused("docker run --restart sometimes busybox true", 125)).toContain(
      "unknown policy 'sometimes'",
    );
    expect(await refused("docker run --restart on-failure:x busybox true", 125)).toContain(
      "must be an integer",
    );
    expect(await refused("docker run --restart always:2 busybox true", 125)).toContain(
      "only be used with 'on-failure'",
    );
    expect(await refused("docker run --rm --restart always busybox true", 125)).toContain(
      "cannot specify both",
    );
    expect(await ok("docker ps -aq")).toBe("");
  });
});

describe("health", () => {
  it("goes from starting over unhealthy to healthy, in ps, inspect and events", async () => {
    await ok(
      "docker run -d --name h --health-cmd 'cat /tmp/ok' --health-interval 400ms --health-retries 2 busybox sleep 1000",
    );
    expect(await status("h")).toContain("(health: starting)");
    await until(() => look("h", ".State.Health.Status"), "unhealthy");
    expect(await status("h")).toContain("(unhealthy)");
    expect(await look("h", "json .State.Health")).toMatch(/"ExitCode":1,"Output":"cat: can't open/);
    await ok("docker exec h touch /tmp/ok");
    await until(() => look("h", ".State.Health.Status}} {{.State.Health.FailingStreak"), "healthy 0");
    expect(await status("h")).toContain("(healthy)");
    await newEngine();
    await until(() => look("h", ".State.Health.Status"), "healthy");
    await until(async () => (JSON.parse(await look("h", "json .State.Health.Log")) as unknown[]).length, 5);
    expect((await actions("h")).join()).not.toContain("starting");
    await ok("docker rm -f h");
  });

  it("ends a check that takes too long, and forgives in the start period", async () => {
    await ok(
      "docker run -d --name t --health-cmd 'sleep 60' --health-interval 200ms --health-timeout 300ms --health-retries 1 busybox sleep 1000",
    );
    await ok(
      "docker run -d --name q --health-cmd false --health-interval 200ms --health-start-period 1m --health-start-interval 200ms --health-retries 1 busybox sleep 1000",
    );
    await until(() => look("t", ".State.Health.Status"), "unhealthy");
    expect(await look("t", "json .State.Health.Log")).toContain(
      '"ExitCode":-1,"Output":"Health check exceeded timeout',
    );
    await until(
      async () => (JSON.parse(await look("q", "json .State.Health.Log")) as unknown[]).length >= 2,
      true,
    );
    expect(await look("q", ".State.Health.Status")).toBe("starting");
    expect(await ok("docker top t | grep -c 'sleep 60'; true")).toMatch(/^[01]$/);
    await ok("docker rm -f t q");
  });

  it("is refused with words that make no sense together, and leaves nothing behind", async () => {
    expect(await refused("docker run --no-healthcheck --health-cmd x busybox", 125)).toContain(
      "--no-healthcheck conflicts with --health-* options",
    );
    expect(await refused("docker run --health-interval 5 busybox", 125)).toContain(
      'time: invalid duration "5"',
    );
    expect(await refused("docker run --health-timeout 10us --health-cmd x busybox", 125)).toContain(
      "cannot be less than 1ms",
    );
    expect(await ok("docker ps -aq")).toBe("");
  });
});

describe("events", () => {
  it("come as they happen, in docker's form, bounded by --since and --until", async () => {
    const watching = ok("docker events --until $(($(date +%s) + 25))");
    await ok("sleep 1; docker run --rm --name seen busybox true");
    const id = "[0-9a-f]{64}";
    const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{9}Z";
    const seen = (await watching).split("\n").filter((line) => line.includes("name=seen)"));
    expect(seen.map((line) => / container (\S+)/.exec(line)?.[1])).toEqual([
      "create",
      "attach",
      "start",
      "die",
      "destroy",
    ]);
    expect(seen[2]).toMatch(new RegExp(`^${time} container start ${id} \\(image=busybox, name=seen\\)$`));
    expect(seen[3]).toMatch(
      new RegExp(`^${time} container die ${id} \\(exitCode=0, image=busybox, name=seen\\)$`),
    );
    expect(
      await ok(
        "docker events --since 1h --until 0s -f container=seen -f event=die --format '{{.Action}} {{.Actor.Attributes.exitCode}}'",
      ),
    ).toBe("die 0");
    expect(await ok("docker events --since 2000-01-01 --until 2000-01-02")).toBe("");
    expect(await refused("docker events --since yesterday")).toContain(
      "failed to parse value as time or duration",
    );
  });
});

describe("events of what a container uses", () => {
  it("are told with its networks, its volumes and the programs in it", async () => {
    const began = await ok("sleep 1; date +%s");
    await ok(`docker network create told; docker volume create kept
      docker run -d --name user --network told -v kept:/data:ro -v /anonymous busybox sleep 1000
      docker exec user sh -c 'exit 3' || true; docker exec -d user true; sleep 1
      docker network connect bridge user; docker network disconnect told user
      docker rm -fv user; docker network rm told; docker volume rm kept`);
    const told = async (filter: string, format: string) =>
      (await ok(`docker events --since ${began} --until 0s ${filter} --format '${format}'`)).split("\n");
    const id = "[0-9a-f]{64}";
    expect(await told("-f network=told", "{{.Type}} {{.Action}} {{.Actor.Attributes.type}}")).toEqual([
      "network create bridge",
      "network connect bridge",
      "network disconnect bridge",
      "network destroy bridge",
    ]);
    expect(await told("-f network=bridge", "{{.Action}}")).toEqual(["connect", "disconnect"]);
    const volume = await told("-f volume=kept", "{{.Action}} {{json .Actor.Attributes}}");
    expect(volume[0]).toBe('create {"driver":"local"}');
    expect(volume[1]).toMatch(
      new RegExp(
        `^mount {"container":"${id}","destination":"/data","driver":"local","propagation":"","read/write":"false"}$`,
      ),
    );
    expect(volume[2]).toMatch(new RegExp(`^unmount {"container":"${id}","driver":"local"}$`));
    expect(volume.slice(3)).toEqual(['destroy {"driver":"local"}']);
    // The one without a name goes with its container.
    expect(
      (await told("-f type=volume", "{{.Action}}")).filter((action) => action === "destroy"),
    ).toHaveLength(2);
    expect((await told("-f container=user -f event=exec_create", "{{.Action}}")).sort()).toEqual([
      "exec_create: sh -c exit 3",
      "exec_create: true",
    ]);
    expect((await told("-f event=exec_die", "{{.Action}} {{.Actor.Attributes.exitCode}}")).sort()).toEqual([
      "exec_die 0",
      "exec_die 3",
    ]);
    const ids = await told(
      "-f container=user -f event=exec_start -f event=exec_die",
      "{{.Actor.Attributes.execID}}",
    );
    expect(new Set(ids).size).toBe(2);
  });
});

describe("top and stats", () => {
  it("show what runs and what it uses", async () => {
    await ok(
      "docker run -d --name x --user 7 --memory 32m busybox sh -c 'sleep 1000 & exec httpd -f -p 8080'",
    );
    await until(
      async () => / httpd -f[^]* sleep 1000/.test((await ok("docker top x")).replace(/sh -c.*/g, "")),
      true,
    );
    const [head, ...rows] = (await ok("docker top x")).split("\n");
    expect(head).toBe(
      ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME"].map((name) => name.padEnd(20)).join("") + "CMD",
    );
    expect(rows.map((row) => row.slice(140))).toEqual(["httpd -f -p 8080", "sleep 1000"]);
    expect(rows[0]).toMatch(/^7 /);
    expect(await ok("docker top x -o pid,comm | tail -n +2 | cut -c 21-")).toBe("httpd\nsleep");
    expect(await ok("docker top x aux | head -1")).toMatch(
      /^USER +PID +%CPU +%MEM +VSZ +RSS +TTY +STAT +START +TIME +COMMAND$/,
    );
    expect(await refused("docker top x -o comm")).toContain("Couldn't find PID field");
    expect(await refused("docker top nobody")).toContain("No such container: nobody");
    const stats = (await ok("docker stats --no-stream")).split("\n");
    expect(stats[0]).toMatch(
      /^CONTAINER ID {3}NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/,
    );
    expect(stats[1]).toMatch(
      /^[0-9a-f]{12} {3}x +\d+\.\d\d% +[\d.]+[KM]iB \/ 32MiB +\d+\.\d\d% +\S+ \/ \S+ +\S+ \/ \S+ +2$/,
    );
    await ok("docker stop -t 0 x");
    expect((await ok("docker stats --no-stream")).split("\n")).toHaveLength(1);
    expect(await ok("docker stats --no-stream -a")).toMatch(/ x +0\.00% +0B \/ 0B/);
    expect(await refused("docker top x")).toContain("is not running");
    await ok("docker rm x");
  });

  it("redraw while they stream", async () => {
    await ok("docker run -d --name x busybox sleep 1000");
    const terminal = await sandbox.terminals.open({ command: ["docker", "stats"], cols: 120, rows: 20 });
    // eslint-disable-next-line no-control-regex
    await shown(terminal, /(\x1b\[H[^]*CPU %[^]*x [^]*){2}/);
    terminal.close();
    await terminal.exited;
    await ok("docker rm -f x");
  });
});

describe("detach keys", () => {
  it("leave a program of run, attach and exec running", async () => {
    const keys = "--detach-keys ctrl-x,d";
    const run = await sandbox.terminals.open({
      command: ["sh", "-c", `docker run -it ${keys} --name k busybox; echo over`],
    });
    run.write("echo one-$((1+1))\n");
    await shown(run, /one-2/);
    run.write("\x18");
    run.write("d");
    await shown(run, /over/);
    const attach = await sandbox.terminals.open({ command: ["sh", "-c", "docker attach k; echo over"] });
    attach.write("echo two-$((1+2))\n");
    await shown(attach, /two-3/);
    attach.write("\x10\x11");
    await shown(attach, /over/);
    const exec = await sandbox.terminals.open({
      command: [
        "sh",
        "-c",
        `docker exec -it ${keys} k sh -c 'read a; echo got-$a; sleep 3; touch /tmp/done'; echo over`,
      ],
    });
    exec.write("\x18e\n");
    await shown(exec, /got-/);
    exec.write("\x18d");
    await shown(exec, /over/);
    expect(await look("k", ".State.Status")).toBe("running");
    await until(() => ok("docker exec k ls /tmp"), "done");
    for (const terminal of [run, attach, exec]) terminal.close();
    await ok("docker rm -f k");
  });

  it("are refused when they are none, before anything is made", async () => {
    expect(await refused("docker run --detach-keys ctrl-x, busybox true", 125)).toContain(
      "invalid detach keys (ctrl-x,)",
    );
    expect(await refused("docker run --detach-keys bogus busybox true", 125)).toContain(
      "Unknown character: 'bogus'",
    );
    expect(await ok("docker ps -aq")).toBe("");
  });
});

describe("wait", () => {
  it("gives each exit code, and the first of one that starts again", async () => {
    await ok(
      "docker run -d --name w1 busybox sh -c 'sleep 0.5; exit 5'; docker run -d --name w2 busybox sh -c 'sleep 1; exit 6'",
    );
    expect(await ok("docker wait w1 w2")).toBe("5\n6");
    expect(await ok("docker wait w1")).toBe("5");
    await ok("docker rm w1 w2");
  });
});
