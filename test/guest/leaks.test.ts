/**
 * Nothing is left behind: cycles of run, exec, cp, stop and rm, in a third of which the engine is killed at a random system call, and
 * in another third one random system call of engine, monitor, or a container's first process fails or is the last thing it does
 * (strike/); for some of these it is an engine that is just being started again. After each cycle no container is lost or half-made;
 * now and then, and at the end, all that the kernel and the state directories hold is what it was at the start.
 *
 * NESTBOX_LEAK_CYCLES (1000 is the whole), NESTBOX_LEAK_SEED (strikes at the same calls, as far as scheduling allows), NESTBOX_LEAK_EVERY.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { buildProgram } from "./program";
import { scripts } from "./scripts";

/** What fits into two or three minutes of one core. */
const CYCLES = Number(process.env["NESTBOX_LEAK_CYCLES"] ?? 40);
/** The same each time, so that CI judges the change; long runs take others. */
const SEED = Number(process.env["NESTBOX_LEAK_SEED"] ?? 78448);
/** Cycles between two looks at everything. */
const EVERY = Number(process.env["NESTBOX_LEAK_EVERY"] ?? 40);
/** What one cycle makes in system calls, and a few more, since what follows a command counts too. */
const CALLS = 800;
/** What an engine makes until it waits for the first command. */
const STARTING_CALLS = 250;
/** Two hundred pages, and what a cycle may leave in the allocators' own lists: no leak of a container would stay below. */
const KB_LOST = 4000;
const DYING_CGROUPS = 2;

const ERRORS = { ENOMEM: 12, EMFILE: 24, EIO: 5 } as const;
const VARIANTS = [
  "",
  "-p 8080:80",
  "-v /data",
  "--network leaks",
  "--init --tmpfs /scratch",
  "--restart always",
];

/** Runs in the guest; says "bad: …" when something is not as it should be, and "hit: …" where it was struck. */
const CYCLE = String.raw`
how=$1 n=$2 error=$3 flags=$4 made=$5
rm -f /tmp/report
said=$(docker ps -aqf name=^c$) && [ -z "$said" ] || echo "bad: left over: $said"
old=$(pidof nest-engine)
tracer=
again=
case $how in again-*) again=$(echo $how | cut -d- -f2);; esac
if [ "$again" ]; then
  tracer=$(/tmp/strike 1 $n $again $error /tmp/report) || echo "bad: no strike"
  kill -9 $old
elif [ $how != plain ]; then
  tracer=$(/tmp/strike $old $n $how $error /tmp/report) || echo "bad: no strike"
fi
id= ended=

# The command during which it was struck may fail; those before and after it may not.
step() {
  before=; [ -e /tmp/report ] && before=1
  said=$("$@" 2>&1)
  code=$?
  struck=; [ -e /tmp/report ] && struck=1
  [ "$struck" ] && [ ! "$before" ] && at=$2
  [ $code != 0 ] || return 0
  # Without its monitor it does not run any more.
  [ $how = end ] && [ "$struck" ] && [ $2 != rm ] && return 1
  # The one that was struck as it started ends, and the next one is not there yet.
  [ "$again" ] && [ "$struck" ] && [ $2 = $first ] && return 1
  [ "$struck" ] && [ ! "$before" ] || echo "bad: $* failed with $code, struck=$struck before=$before: $said"
  return 1
}
first=$made
if [ $made = run ]; then
  step docker run -d --name c $flags busybox sleep 1000 && id=$said
else
  step docker create --name c $flags busybox sleep 1000 && id=$said && { step docker start c || ended=1; }
fi
if [ "$id" ] && [ ! "$ended" ]; then
  step docker exec c true
  step docker cp /tmp/file c:/tmp/
  force=
  step docker stop -t 0 c || force=-f
  step docker rm -v $force c && id=
fi
[ -z "$tracer" ] || kill $tracer 2>/dev/null
[ ! -e /tmp/report ] || echo "hit: $(cat /tmp/report), during \"$at\""
listed=$(docker ps -a --no-trunc --format '{{.Names}} {{.ID}} {{.State}}' 2>&1) || echo "bad: no list: $listed"
case "
$listed" in
  *"
c $id "*) ;;
  *) [ -z "$id" ] || [ "$at" = rm ] || echo "bad: lost $id: $listed" ;;
esac
case "$listed" in *"$(cat /tmp/kept1) running"*) ;; *) echo "bad: kept1 does not run: $listed" ;; esac
case "$listed" in *"$(cat /tmp/kept2) running"*) ;; *) echo "bad: kept2 does not run: $listed" ;; esac
case "
$listed" in *"
c "*)
  said=$(docker rm -fv c 2>&1) || echo "bad: rm -f: $said"
  said=$(docker ps -aqf name=^c$) && [ -z "$said" ] || echo "bad: still there: $said"
esac
[ $how != kill ] && [ ! "$again" ] || [ ! -e /tmp/report ] || for name in kept1 kept2; do
  said=$(docker exec $name cat /etc/hostname 2>&1) && [ "$said" = $name ] || echo "bad: exec in $name: $said"
done
new=$(pidof nest-engine)
[ $how = kill ] || [ $how = end ] || [ "$again" ] || [ "$new" = "$old" ] || echo "bad: the engine was $old and is $new"
`;

let sandbox: Sandbox;
const { ok } = scripts(() => sandbox);

/** A small generator of numbers below `limit` that a seed repeats (mulberry32). */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

type Census = Record<string, number>;

async function census(): Promise<Census> {
  const lines = (await ok("/tmp/strike census")).split("\n");
  return Object.fromEntries(
    lines.map((line) => [line.replace(/ -?\d+$/, ""), Number(line.split(" ").at(-1))]),
  );
}

/** What is not as it was, "" when all is. Ends of processes and of network namespaces take the kernel a moment. */
async function changes(base: Census): Promise<string> {
  let different: string[] = [];
  for (let tries = 0; tries < 10; tries++) {
    const now = await census();
    different = Object.keys(base)
      .filter((name) => {
        const before = base[name] ?? NaN;
        const after = now[name] ?? NaN;
        if (name === "kB available") return after < before - KB_LOST;
        if (name === "dying cgroups") return after > before + DYING_CGROUPS;
        return after !== before;
      })
      .map((name) => `${name}: ${String(base[name])} → ${String(now[name])}`);
    if (different.length === 0) return "";
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return different.join("; ");
}

const built = buildProgram("test/guest/strike/*.c");

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await sandbox.files.write("/tmp/strike", await built);
  await sandbox.files.write("/tmp/cycle", new TextEncoder().encode(CYCLE));
  await ok(`chmod 755 /tmp/strike; echo file >/tmp/file; docker pull -q busybox; docker network create leaks
    docker run -d --name kept1 -h kept1 -p 8099:80 -v kept:/data busybox sleep 1000000 >/tmp/kept1
    docker run -d --name kept2 -h kept2 --network leaks --restart always busybox sleep 1000000 >/tmp/kept2`);
}, 300_000);

afterAll(() => sandbox.stop());

it(
  `leaves nothing behind in ${String(CYCLES)} cycles, seed ${String(SEED)}`,
  async () => {
    const below = random(SEED);
    const bad: string[] = [];
    const hits = new Map<string, number>();
    let clean = 0;
    const cycle = async (words: string) => {
      const { stdout, stderr, exitCode } = await sandbox.exec(["sh", "-c", `sh /tmp/cycle ${words}`], {
        timeoutMs: 120_000,
      });
      if (process.env["NESTBOX_LEAK_VERBOSE"]) console.log(`${words}\n${stdout}${stderr}`);
      const hit = /^hit: (.*) call.*, during "(.*)"$/m.exec(stdout);
      if (hit) {
        const kind = `${hit[1] ?? ""}, ${hit[2] ?? ""}`;
        hits.set(kind, (hits.get(kind) ?? 0) + 1);
      }
      if (exitCode !== 0 || stderr || stdout.includes("bad: ")) bad.push(`${words}\n${stdout}${stderr}`);
    };
    // Each variant once, so that what is made once and stays is there.
    for (const flags of VARIANTS) await cycle(`plain 0 0 '${flags}' run`);
    await cycle(`kill 300 0 '' run`);
    expect(bad).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    let base = await census();
    // What cannot be counted could not leak either.
    expect(Object.entries(base).filter(([, count]) => count < 0)).toEqual([]);
    const started = Date.now();
    for (let i = 0; i < CYCLES; i++) {
      const how =
        ["plain", "kill", ["end", "fail", "fail", "again-fail", "again-kill"][below(5)]][i % 3] ?? "";
      const calls = how.startsWith("again") ? STARTING_CALLS : CALLS;
      const error = Object.values(ERRORS)[below(3)] ?? 0;
      const made = below(4) === 0 ? "create" : "run";
      await cycle(
        `${how} ${String(1 + below(calls))} ${String(error)} '${VARIANTS[below(VARIANTS.length)] ?? ""}' ${made}`,
      );
      if (i % EVERY === EVERY - 1 || i === CYCLES - 1) {
        const different = await changes(base);
        if (different) {
          bad.push(`after cycle ${String(i)}, clean at ${String(clean)}: ${different}`);
          base = await census();
        }
        clean = i;
      }
    }
    console.log(
      `${String(CYCLES)} cycles in ${String(Math.round((Date.now() - started) / 1000))} s, seed ${String(SEED)}\n${[
        ...hits,
      ]
        .sort()
        .map(([kind, count]) => `${String(count).padStart(5)}  ${kind}`)
        .join("\n")}`,
    );
    expect(bad).toEqual([]);
  },
  CYCLES * 20_000 + 60_000,
);
