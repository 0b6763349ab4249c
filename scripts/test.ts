/**
 * `npm test`: everything CI runs, in order, each step with a time limit. A failed step does not hide the later ones.
 * On Debian as root it installs the tools that are missing; elsewhere it says what to install.
 * `npm test -- NAME…` runs only the steps whose names start so.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface Step {
  name: string;
  command: string;
  minutes: number;
}

interface Outcome {
  step: Step;
  seconds: number;
  ok: boolean;
  /** Why it failed, when the step could not say so itself. */
  reason?: string;
  /** The runner's own summary lines. */
  closing: string[];
  /** What failed in it, in the runner's words. */
  failures: string[];
  passed: number;
  failed: number;
}

const top = fileURLToPath(new URL("../", import.meta.url));

/** Debian package → a file that shows it is there. */
const PACKAGES: readonly (readonly [name: string, file: string])[] = [
  ["chromium", "/usr/bin/chromium"],
  ["clang", "/usr/bin/clang"],
  ["lld", "/usr/bin/ld.lld"],
  ["clang-format", "/usr/bin/clang-format"],
  ["libclang-rt-14-dev", "/usr/lib/llvm-14/lib/clang"],
  ["erofs-utils", "/usr/bin/mkfs.erofs"],
  ["cpio", "/usr/bin/cpio"],
];

const STEPS: readonly Step[] = [
  {
    name: "locks",
    command: "kernel/build.sh --check && guest/build.sh --check && images/recipes/build.sh --check",
    minutes: 2,
  },
  { name: "lint", command: "npm run --silent lint", minutes: 8 },
  {
    name: "format of C",
    command:
      "find guest test -name '*.[ch]' -not -path '*/.build/*' -print0 | xargs -0 -r clang-format --dry-run -Werror",
    minutes: 2,
  },
  { name: "types", command: "npm run --silent typecheck", minutes: 5 },
  { name: "unit tests", command: "npm run --silent test:unit", minutes: 10 },
  { name: "native guest tests", command: "guest/build.sh --test", minutes: 10 },
  { name: "build", command: "npm run --silent build", minutes: 8 },
  { name: "guest tests", command: "npm run --silent test:guest", minutes: 40 },
  { name: "escape attempts", command: "npm run --silent test:escape", minutes: 25 },
  { name: "lessons", command: "npm run --silent lessons:test", minutes: 15 },
  { name: "browser tests", command: "npm run --silent test:e2e", minutes: 30 },
];

/** How the runners name what failed, and why: vitest, Playwright, the native tests, the lessons. */
const FAILURE = /^\s*(FAIL\s|✘|FAILED\s|not ok\b|AssertionError|(\w*Error|TIMEOUT):\s)/;
const FAILURES_MAX = 20;
const CLOSING = /^\s*(Test Files|Tests)\s+\d|^\s*\d+ (passed|failed|flaky|skipped|did not run)\b/;
/** A runner's total of its own, which stands for all its lines before. */
const TOTAL = /^(\d+) passed, (\d+) failed$/;
// eslint-disable-next-line no-control-regex -- colours of the runners
const COLOUR = /\u001b\[[0-9;]*m/g;

installTools();
const wanted = process.argv.slice(2);
const outcomes: Outcome[] = [];
for (const step of STEPS) {
  if (wanted.length > 0 && !wanted.some((name) => step.name.startsWith(name))) continue;
  outcomes.push(await run(step));
}
process.exitCode = report(outcomes);

/** Debian packages that are missing: installed when that is possible, else named, and the run ends. */
function installTools(): void {
  const missing = PACKAGES.filter(([, file]) => !existsSync(file)).map(([name]) => name);
  if (missing.length === 0) return;
  const apt = existsSync("/usr/bin/apt-get") && process.getuid?.() === 0;
  if (apt) {
    console.log(`Installing ${missing.join(" ")} …`);
    const script = `apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${missing.join(" ")} >/dev/null`;
    if (spawnSync("sh", ["-c", script], { stdio: "inherit", timeout: 15 * 60_000 }).status === 0) return;
  }
  console.error(
    `The tests need the Debian packages ${missing.join(" ")}. Install them (apt-get install …) and run again.`,
  );
  process.exit(1);
}

function run(step: Step): Promise<Outcome> {
  console.log(`\n── ${step.name}: ${step.command}`);
  const started = performance.now();
  return new Promise((resolve) => {
    const outcome: Outcome = { step, seconds: 0, ok: false, closing: [], failures: [], passed: 0, failed: 0 };
    // Its own process group, so that a step over its time is ended with all it started.
    const child = spawn("bash", ["-o", "pipefail", "-c", step.command], {
      cwd: top,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, CI: "1", FORCE_COLOR: "0" },
    });
    const limit = setTimeout(() => {
      outcome.reason = `took longer than ${step.minutes} minutes`;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, step.minutes * 60_000);
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      let rest = "";
      from.on("data", (bytes: Buffer) => {
        to.write(bytes);
        const lines = (rest + bytes.toString("utf8")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) note(outcome, line.replace(COLOUR, ""));
      });
    }
    child.on("error", (error) => (outcome.reason = error.message));
    child.on("close", (code) => {
      clearTimeout(limit);
      outcome.seconds = (performance.now() - started) / 1000;
      outcome.ok = code === 0 && outcome.reason === undefined;
      if (!outcome.ok) outcome.reason ??= `exit code ${String(code)}`;
      resolve(outcome);
    });
  });
}

/** Keeps a runner's summary line and what it says of failures, and adds up what it counts (vitest counts files on a line of their own). */
function note(outcome: Outcome, line: string): void {
  if (FAILURE.test(line) && outcome.failures.length < FAILURES_MAX) outcome.failures.push(line.trim());
  if (!CLOSING.test(line)) return;
  outcome.closing.push(line.trim());
  if (/^\s*Test Files/.test(line)) return;
  const total = TOTAL.exec(line.trim());
  if (total) {
    [outcome.passed, outcome.failed] = [Number(total[1]), Number(total[2])];
    return;
  }
  outcome.passed += count(line, /(\d+) passed/);
  outcome.failed += count(line, /(\d+) failed/) + count(line, /(\d+) did not run/);
}

function count(line: string, pattern: RegExp): number {
  return Number(pattern.exec(line)?.[1] ?? 0);
}

/** Prints the summary; returns the exit code. A step that counts nothing counts as one. */
function report(outcomes: readonly Outcome[]): number {
  console.log("\n── summary");
  let passed = 0;
  let failed = 0;
  for (const { step, seconds, ok, reason, closing, failures, ...counts } of outcomes) {
    console.log(
      `${ok ? "ok    " : "FAILED"} ${step.name.padEnd(20)} ${seconds.toFixed(1).padStart(7)} s${reason ? `  ${reason}` : ""}`,
    );
    // Only of a step that failed: passing tests print errors too, of those they provoke.
    for (const line of ok ? closing : [...closing, ...new Set(failures)]) console.log(`         ${line}`);
    const counted = counts.passed + counts.failed > 0;
    passed += counted ? counts.passed : Number(ok);
    failed += counted ? Math.max(counts.failed, Number(!ok)) : Number(!ok);
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
