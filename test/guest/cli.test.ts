/**
 * How the command line speaks, in the real machine: one golden file per output format, ids and times made the same. One boot for the
 * file; `npx vitest run --project guest test/guest/cli.test.ts -u` writes the golden files anew.
 */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";

let sandbox: Sandbox;

const sh = (script: string) => sandbox.exec(["sh", "-c", script]);

/** Runs a script on the guest host that must succeed; its output. */
async function ok(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await sh(script);
  expect({ script, exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}

/** Runs a script that must fail; what it said on both sides, and how it ended. */
async function fails(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await sh(script);
  expect({ script, exitCode }).not.toMatchObject({ exitCode: 0 });
  return `${stdout}${stderr}[${String(exitCode)}]\n`;
}

/** Ids, times and sizes of a moment made the same. Where their length varies, so does the space behind them: three then. */
const plain = (text: string) =>
  text
    .replace(/\b[0-9a-f]{64}\b/g, "<id>")
    .replace(/\b(?=[0-9]*[a-f])[0-9a-f]{12}\b/g, "<short id>")
    .replace(/\b\d{12}\b/g, "<short id>")
    .replace(
      /\b(?:\d+|About an?|Less than a) (?:second|minute|hour|day|week|month|year)s?( ago)?/g,
      "<time>$1",
    )
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 UTC)/g, "<date>")
    .replace(/ {3,}/g, "   ");

const golden = (text: string, name: string) => expect(plain(text)).toMatchFileSnapshot(`golden/${name}.txt`);

/** What each of these says, under its own line. */
async function session(scripts: string[]): Promise<string> {
  const said: string[] = [];
  for (const script of scripts) {
    const { exitCode, stdout, stderr } = await sh(script);
    said.push(`$ ${script}\n${stdout}${stderr}${exitCode ? `[${exitCode}]\n` : ""}`);
  }
  return said.join("");
}

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
  await ok("docker network create --label tier=front shop");
  await ok("docker run -d --name web --network shop -p 8080:80 -v data:/data busybox sleep 1000");
  await ok("docker run --name job busybox sh -c 'echo out; echo err >&2; exit 3'; true");
  await ok(
    "docker create --name idle --hostname box -e COLOUR=red busybox sh -c 'while true; do date; done'",
  );
}, 120_000);

afterAll(() => sandbox.stop());

describe("ps", () => {
  it("lists", async () => {
    await golden(
      await session([
        "docker ps",
        "docker ps -a",
        "docker ps -aq",
        "docker ps -q --no-trunc",
        "docker ps -l",
        "docker ps -n 2 --format '{{.Names}}'",
        "docker ps -as --format 'table {{.Names}}\\t{{.Size}}'",
        "docker ps -a --no-trunc --format '{{.Names}}: {{.Command}}'",
      ]),
      "ps",
    );
  });

  it("formats", async () => {
    await golden(
      await session([
        "docker ps -a --format '{{.Names}}: {{.State}}, {{.Status}}'",
        "docker ps -a --format 'table {{.Names}}\\t{{upper .Image}}\\t{{.Networks}}'",
        "docker ps --format json",
        "docker ps -a --format '{{if eq .State \"running\"}}{{.Names}} {{.Ports}}{{else}}-{{end}}'",
        "docker ps --format '{{json .Mounts}} {{.LocalVolumes}} {{len .ID}}'",
        "docker ps --format '{{.Names}'",
        "docker ps --format '{{.Nmaes}}'",
        "docker ps --format '{{nope .Names}}'",
      ]),
      "ps-format",
    );
  });

  it("filters", async () => {
    const names = async (...filters: string[]) =>
      (await ok(`docker ps -a --format '{{.Names}}' ${filters.map((f) => `--filter '${f}'`).join(" ")}`))
        .trim()
        .split("\n")
        .filter(Boolean)
        .sort();
    const id = (await ok("docker ps -q --filter name=web")).trim();

    expect(await names("name=b")).toEqual(["job", "web"]);
    expect(await names("name=^/job$")).toEqual(["job"]);
    expect(await names(`id=${id.slice(0, 6)}`)).toEqual(["web"]);
    expect(await names("status=running", "status=created")).toEqual(["idle", "web"]);
    expect(await names("status=exited", "name=web")).toEqual([]);
    expect(await names("exited=3")).toEqual(["job"]);
    expect(await names("exited=0")).toEqual([]);
    expect(await names("ancestor=busybox:latest")).toEqual(["idle", "job", "web"]);
    expect(await names("ancestor=debian")).toEqual([]);
    expect(await names("network=shop")).toEqual(["web"]);
    expect(await names("volume=data")).toEqual(["web"]);
    expect(await names("volume=/data")).toEqual(["web"]);
    expect(await names("publish=8080")).toEqual(["web"]);
    expect(await names("publish=8000-8100/tcp")).toEqual(["web"]);
    expect(await names("publish=80")).toEqual([]);
    expect(await names("publish=8080/udp")).toEqual([]);
    expect(await names("expose=80")).toEqual(["web"]);
    expect(await names("before=job")).toEqual(["web"]);
    expect(await names("since=web")).toEqual(["idle", "job"]);
    expect(await names("health=none")).toEqual(["idle", "job", "web"]);
    await golden(
      await session([
        "docker ps -f colour=red",
        "docker ps -f red",
        "docker ps -f status=up",
        "docker ps -f before=nobody",
      ]),
      "ps-filter",
    );
  });
});

describe("images", () => {
  it("lists, tags and tells the history", async () => {
    await golden(
      await session([
        "docker tag busybox shop/kit:1",
        "docker images",
        "docker image ls --no-trunc -q",
        "docker images --digests --format '{{.Repository}} {{.Tag}} {{.ID}} {{.Size}}'",
        "docker images 'shop/*'",
        "docker images busybox:latest --format json",
        "docker images -f reference='*box' --format '{{.Repository}}'",
        "docker images -f dangling=true -q",
        "docker images -f since=busybox -q",
        "docker images -f label=a -q",
        "docker history busybox",
        "docker image history --format 'table {{.ID}}\\t{{.Size}}' busybox",
        "docker history -q nobody",
        "docker tag nobody a",
        "docker tag busybox A",
      ]),
      "images",
    );
  });

  it("removes with docker's words", async () => {
    await golden(
      await session([
        "docker rmi shop/kit:1 nobody",
        "docker rmi busybox",
        "docker tag busybox two; docker rmi $(docker images -q busybox)",
        "docker rmi two",
        "docker image prune -f",
      ]),
      "rmi",
    );
  });
});

describe("inspect", () => {
  it("formats", async () => {
    await golden(
      await session([
        "docker inspect -f '{{.State.Status}} {{.Config.Hostname}}' idle",
        "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPPrefixLen}}{{end}} {{json .NetworkSettings.Ports}}' web",
        "docker inspect -f '{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}' web",
        "docker inspect -f '{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{(index $conf 0).HostPort}}{{end}}' web",
        "docker inspect -f '{{range $i, $a := .Args}}{{if $i}}, {{end}}{{$a | printf \"%q\"}}{{end}}' idle",
        "docker inspect -f '{{with .State}}{{.ExitCode}} {{.Running}}{{end}}' job",
        "docker inspect -f '{{join .Args \" \"}} | {{upper .Name}} | {{len .Args}}' job",
        "docker inspect -f '{{println .Name}}{{printf \"%s-%d\" .Driver .RestartCount}}' job",
        "docker inspect -f '{{if and .State.Running (not .HostConfig.Privileged)}}up{{else}}down{{end}}' job web",
        "docker inspect --format '{{.Mounts}}' idle",
        "docker inspect -f '{{.Nope}}' idle",
        "docker inspect -f '{{.State' idle",
        "docker inspect -f '{{index .Args 9}}' idle",
        "docker image inspect -f '{{.Config.Cmd}} {{.RepoTags}}' busybox",
        "docker network inspect -f '{{.Name}} {{.Driver}} {{(index .IPAM.Config 0).Subnet}} {{.Labels.tier}}' shop",
      ]),
      "inspect-format",
    );
  });

  it("takes many names, prints what is there and tells what is not", async () => {
    await golden(
      await session([
        "docker inspect nobody",
        "docker inspect -f '{{.Name}}' web nobody job nothing",
        "docker container inspect -f '{{.Name}}' busybox",
        "docker image inspect web",
        "docker network inspect shop nobody -f '{{.Name}}'",
        "docker inspect --type image web",
        "docker inspect --type fish web",
      ]),
      "inspect-many",
    );
    const both = JSON.parse(await ok("docker inspect web busybox shop")) as Record<string, unknown>[];
    expect(both.map(({ Name, RepoTags, Driver }) => RepoTags ?? [Name, Driver])).toEqual([
      ["/web", "overlay"],
      ["busybox:latest"],
      ["shop", "bridge"],
    ]);
  });
});

describe("network ls", () => {
  it("lists", async () => {
    await golden(
      await session([
        "docker network ls",
        "docker network ls --no-trunc -q -f name=shop",
        "docker network ls --format '{{.Name}}: {{.Driver}} {{.Labels}}'",
        "docker network ls -f driver=null --format json",
        "docker network ls -f label=tier=front -f type=custom --format 'table {{.Name}}\\t{{.Scope}}'",
        "docker network ls -f label!=tier --format '{{.Name}}'",
        "docker network ls -f nope=1",
      ]),
      "network-ls",
    );
  });
});

describe("logs", () => {
  it("shows both streams, the end, and times", async () => {
    expect(await ok("docker logs job 2>/dev/null")).toBe("out\n");
    expect(await ok("docker logs job 2>&1 >/dev/null")).toBe("err\n");
    await ok("docker run --name lines busybox sh -c 'seq 5; printf six'");
    expect(await ok("docker logs --tail 2 lines")).toBe("5\nsix");
    expect(await ok("docker logs -n 0 lines")).toBe("");
    expect(await ok("docker logs --tail all lines")).toBe("1\n2\n3\n4\n5\nsix");
    expect(await ok("docker logs -t --tail 1 lines")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z six$/);
  });

  it("keeps to --since and --until", async () => {
    await ok("docker run --name times busybox sh -c 'echo early; sleep 2; echo late'");
    const [early = "", late = ""] = (await ok("docker logs -t times"))
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    const between = new Date((Date.parse(early) + Date.parse(late)) / 2).toISOString();
    expect(await ok(`docker logs --since ${between} times`)).toBe("late\n");
    expect(await ok(`docker logs --until ${between} times`)).toBe("early\n");
    expect(await ok(`docker logs --since ${String(Date.parse(between) / 1000)} times`)).toBe("late\n");
    expect(await ok("docker logs --since 1h30m times")).toBe("early\nlate\n");
    expect(await ok("docker logs --until 1h times")).toBe("");
    expect(await fails("docker logs --since soon times")).toBe(
      'invalid value for "since": failed to parse value as time or duration: "soon"\n[1]\n',
    );
  });

  it("follows until the container ends, with its last words", async () => {
    await ok("docker run -d --name talk busybox sh -c 'echo 1; sleep 1; echo 2; sleep 1; printf end'");
    expect(await ok("timeout 20 docker logs -f talk")).toBe("1\n2\nend");
    expect(await ok("timeout 5 docker logs -f --tail 1 talk")).toBe("end");
    await ok("docker run -d --name forever busybox sh -c 'while sleep 0.2; do echo tick; done'");
    const followed = await sh("timeout 2 docker logs -f forever | head -2");
    expect(followed.stdout).toBe("tick\ntick\n");
    await ok("docker rm -f forever talk");
  });

  it("is bounded, smaller with max-size, and off with the driver none", async () => {
    await ok("docker run --name small --log-opt max-size=2k busybox seq 2000 >/dev/null");
    const kept = (await ok("docker logs small")).trim().split("\n");
    expect(kept.at(-1)).toBe("2000");
    expect(kept.length).toBeLessThan(2000);
    expect(
      Number(await ok("cat /run/nest/c/$(docker inspect -f '{{.Id}}' small)/log* | wc -c")),
    ).toBeLessThan(20_000);
    expect(await ok("docker run --name mute --log-driver none busybox echo heard")).toBe("heard\n");
    await golden(
      await session([
        "docker logs mute",
        "docker logs nobody",
        "docker run --log-driver syslog busybox true",
        "docker run --log-opt colour=red busybox true",
        "docker run --log-opt max-size=big busybox true",
        "docker inspect -f '{{json .HostConfig.LogConfig}}' small mute",
        "docker rm small mute",
      ]),
      "logs",
    );
  });
});

describe("help and wrong usage", () => {
  it("has docker's layout", async () => {
    await golden(
      await session([
        "docker tag --help",
        "docker container ls --help",
        "docker help rmi",
        "docker network ls --help",
        "nest image rm --help",
      ]),
      "help",
    );
    expect(await ok("docker")).toBe(await ok("docker --help"));
  });

  it("is there for every command", async () => {
    const rows = (text: string) =>
      text
        .slice(text.indexOf("Commands:"))
        .split("\n")
        .flatMap((line) => /^ {2}(\w+) +\S/.exec(line)?.[1] ?? []);
    const top = await ok("docker");
    const groups = rows(top.slice(top.indexOf("Management Commands:"), top.indexOf("\nCommands:")));
    expect(groups).toEqual([...groups].sort());
    const names = rows(top).filter((name) => !groups.includes(name));
    expect(names).toEqual(expect.arrayContaining(["run", "ps", "images", "logs", "history", "tag", "rmi"]));
    for (const group of groups) {
      const inside = rows(await ok(`docker ${group} --help`));
      expect(inside).toEqual([...inside].sort());
      names.push(...inside.map((name) => `${group} ${name}`));
    }
    const helps = (
      await ok(`for c in ${names.map((n) => `'${n}'`).join(" ")}; do docker $c --help; echo ----; done`)
    ).split("----\n");
    names.forEach((name, i) => {
      expect(helps[i]).toMatch(new RegExp(`^Usage:  docker ${name}(?: .*)?\\n(?: .*\\n)*\\n[A-Z].*\\n`));
      const options = (helps[i] ?? "").split("\nOptions:\n")[1]?.trimEnd().split("\n") ?? [];
      for (const option of options) expect(option).toMatch(/^ {2}(-\w, | {4})--[a-z][a-z-]*( \w+)? {3,}\S/);
      const flags = options.map((option) => /--[a-z-]+/.exec(option)?.[0]);
      expect(flags).toEqual([...flags].sort());
    });
  });

  it("says what is wrong in docker's words", async () => {
    await golden(
      await session([
        "docker fish",
        "docker network fish",
        "docker ps --fish",
        "docker ps -z",
        "docker --fish",
        "docker ps extra",
        "docker rm",
        "docker tag one",
        "docker logs a b",
        "docker images a b",
        "docker ps -n many",
        "docker run",
        "docker run --fish busybox",
        "docker logs --tail",
      ]),
      "usage",
    );
  });
});

describe("version and info", () => {
  it("has docker's fields", async () => {
    const { Client, Server } = JSON.parse(await ok("docker version --format json")) as Record<
      string,
      Record<string, string>
    >;
    expect([Client?.Os, Server?.Os]).toEqual(["linux", "linux"]);
    expect(await ok("docker version -f '{{.Server.Version}}'")).toBe(`${String(Server?.Version)}\n`);
    expect(await ok("docker --version")).toContain(String(Client?.Version));
    expect(await ok("docker info -f '{{.Containers}}'")).toBe(
      `${(await ok("docker ps -aq")).trim().split("\n").length}\n`,
    );
    expect(await ok("docker info -f '{{.OSType}}/{{.NCPU}} {{.ContainersRunning}}'")).toBe("linux/1 1\n");
    expect(await fails("docker info -f '{{.Nope}}'")).toContain('map has no entry for key "Nope"');
    expect(await ok("docker system info")).toMatch(/^ Storage Driver: overlay$/m);
  });
});

describe("completion", () => {
  it("completes in bash what the tables know", async () => {
    const script = await ok("docker completion bash");
    const complete = (...words: string[]) =>
      execFileSync(
        "bash",
        [
          "-c",
          `nest() { case "$*" in ps*) echo web job;; images*) echo busybox:latest;; network*) echo shop;; esac; }
           ${script}
           COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _nest; printf '%s\\n' "\${COMPREPLY[@]}"`,
          "bash",
          ...words,
        ],
        { encoding: "utf8" },
      )
        .split("\n")
        .filter(Boolean)
        .sort();
    expect(complete("docker", "imag")).toEqual(["image", "images"]);
    expect(complete("docker", "network", "")).toEqual(
      expect.arrayContaining(["connect", "create", "disconnect", "inspect", "ls", "prune", "rm"]),
    );
    expect(complete("docker", "network", "co")).toEqual(["connect"]);
    expect(complete("docker", "stop", "")).toEqual(["job", "web"]);
    expect(complete("docker", "container", "stop", "w")).toEqual(["web"]);
    expect(complete("docker", "run", "busybox:l")).toEqual(["busybox:latest"]);
    expect(complete("docker", "network", "connect", "")).toEqual(["job", "shop", "web"]);
    expect(complete("docker", "logs", "--t")).toEqual(["--tail", "--timestamps"]);
    expect(complete("docker", "container", "logs", "--si")).toEqual(["--since"]);
    expect(complete("docker", "")).toEqual(expect.arrayContaining(["run", "container", "network"]));
    expect(await fails("docker completion fish")).toContain("bash only");
  });
});

describe("prune and df", () => {
  it("shows what takes room, and what of it could go", async () => {
    await ok("docker exec web dd if=/dev/zero of=/data/x bs=1k count=100 2>/dev/null");
    await ok("docker exec web dd if=/dev/zero of=/tmp/x bs=1k count=40 2>/dev/null");
    await golden(
      await session([
        "docker system df",
        "docker system df --format '{{.Type}}: {{.TotalCount}} {{.Active}}'",
        "docker ps -s --format '{{.Names}} {{.Size}}'",
        "docker system df --format '{{.Nope}}'",
        "docker system df extra",
      ]),
      "df",
    );
  });

  it("asks, filters and removes", async () => {
    await ok("docker rm $(docker ps -aq -f status=exited)");
    await ok("docker run --name late busybox true");
    await golden(
      await session([
        "echo n | docker container prune; docker ps -aq -f name=late | wc -l",
        "docker container prune -f --filter until=1h",
        "docker container prune -f --filter label=none",
        "echo y | docker container prune",
        "docker container prune --filter until=never",
        "docker network create lonely; docker network create --label keep=1 kept",
        "docker network prune -f --filter label!=keep",
        "docker system prune -f </dev/null",
        "docker network ls --format '{{.Name}}'",
        "docker system prune </dev/null",
        "docker rm -f web",
        "docker image prune -a -f",
        "docker images -q",
      ]),
      "prune",
    );
  });
});
