/**
 * `npm run bench -- [suite…] [--json]`: medians of what users wait for, beside their budgets.
 * A suite is a module here exporting `bench(): Promise<Record<string, number>>`; its unit is in each figure's name.
 * Figures are for comparing within one run: this never fails because of a slow machine.
 */
import { parseArgs } from "node:util";

const suites = ["erofs", "restore", "vm", "runtime", "doors", "page"] as const;
type Suite = (typeof suites)[number];

/** Upper bounds from the issues; the name is `suite.figure`. */
const budgets: Record<string, number> = {
  "page.shell_over_bare_restore_ratio": 1.5,
  "page.open_to_shell_ms": 1000,
  "page.first_visit_to_busybox_mb": 12,
  "page.debian_first_pull_ms": 4000,
  "page.debian_cached_prompt_ms": 700,
  "page.longest_main_thread_task_while_pulling_ms": 50,
  "vm.run_rm_busybox_true_ms": 150,
  "runtime.binary_kb": 300,
  "runtime.first_after_restore_ms": 150,
  "runtime.run_ms": 30,
  "runtime.run_no_network_ms": 20,
  "runtime.run_over_crun_ratio": 0.35,
  "runtime.idle_wakeups_in_10_s": 0,
  "runtime.idle_resident_kb": 1024,
  "runtime.containers_missing_of_500": 0,
  "runtime.kb_per_container": 350,
  "runtime.start_when_full_ratio": 1.5,
  "runtime.ps_when_full_ms": 100,
  "doors.default_network_adds_ms": 10,
  "doors.fetch_small_page_ms": 30,
  "doors.idle_checks_guest_cpu_ms_per_s": 20,
  "doors.step_reset_ms": 1000,
  "page.step_reset_ms": 1000,
  "page.embed_before_click_kb": 10,
  "page.embed_click_to_prompt_ms": 1500,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false } },
});

const unknown = positionals.filter((name) => !suites.includes(name as Suite));
if (unknown.length > 0) {
  console.error(`bench: unknown suite ${unknown.join(", ")}; there are: ${suites.join(", ")}`);
  process.exit(2);
}

interface Figure {
  value: number;
  budget?: number;
  within?: boolean;
}

const figures: Record<string, Figure> = {};
for (const suite of positionals.length > 0 ? (positionals as Suite[]) : suites) {
  if (!values.json) console.log(`${suite} …`);
  const module = (await import(`./${suite}.ts`)) as { bench(): Promise<Record<string, number>> };
  for (const [name, value] of Object.entries(await module.bench())) {
    const key = `${suite}.${name}`;
    const budget = budgets[key];
    figures[key] = {
      value: Math.round(value * 100) / 100,
      ...(budget === undefined ? {} : { budget, within: value <= budget }),
    };
    if (!values.json) {
      const verdict = budget === undefined ? "" : `  budget ${budget}  ${value <= budget ? "ok" : "OVER"}`;
      console.log(`  ${name.padEnd(48)} ${value.toFixed(2).padStart(10)}${verdict}`);
    }
  }
}
if (values.json) console.log(JSON.stringify(figures, null, 2));
process.exit(0);
