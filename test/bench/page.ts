/** In Chromium, from an empty profile, served from this machine: what a first visitor waits for. */
import { chromium, type Browser, type BrowserContext, type Frame, type Page } from "@playwright/test";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "vite";
import type { Nestbox } from "../../emulator/control";
import { buildIfStale } from "../../scripts/build";
import { serve } from "../../scripts/serve";
import { assetFiles, assetsModule } from "../../scripts/vite-assets";
import { v86WithoutNode } from "../../scripts/vite-v86";
import { median } from "./stats";

type Served = Awaited<ReturnType<typeof serve>>;

const ROUNDS = 5;
/** The first ones warm up: nothing compiled comes with a snapshot. */
const STARTS = 10;
const top = fileURLToPath(new URL("../../", import.meta.url));

export async function bench(): Promise<Record<string, number>> {
  await buildIfStale();
  await buildBare();
  const [app, bare] = [await serve(`${top}dist`, 4200), await serve(`${top}build/bare`, 4300)];
  const browser = await chromium.launch({
    ...(existsSync("/usr/bin/chromium") ? { executablePath: "/usr/bin/chromium" } : {}),
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  try {
    const opened: number[] = [];
    const restored: number[] = [];
    // In turns, so that both see the same weather on a noisy machine.
    for (let round = 0; round < ROUNDS; round++) {
      restored.push(await fresh(browser, (page) => bareRestore(page, bare.port)));
      opened.push(await fresh(browser, (page) => openToShell(page, app.port)));
    }
    return {
      open_to_shell_ms: median(opened),
      bare_restore_ms: median(restored),
      shell_over_bare_restore_ratio: median(opened) / median(restored),
      first_visit_to_busybox_mb: await fresh(browser, (page) => firstVisit(page, app)),
      ...(await fresh(browser, (page) => debian(page, app.port))),
      step_reset_ms: await fresh(browser, (page) => stepReset(page, app.port)),
      embed_before_click_kb: gzipSync(readFileSync(`${top}dist/embed.js`)).length / 1024,
      embed_click_to_prompt_ms: median(await embedClicks(browser, app.port)),
    };
  } finally {
    await browser.close();
    app.server.close();
    bare.server.close();
  }
}

async function buildBare(): Promise<void> {
  await build({
    configFile: false,
    root: `${top}test/bench/bare`,
    base: "./",
    plugins: [assetsModule(top), assetFiles(top), v86WithoutNode()],
    worker: { format: "es", plugins: () => [assetsModule(top), v86WithoutNode()] },
    build: { outDir: `${top}build/bare`, emptyOutDir: true, target: "es2022", assetsInlineLimit: 0 },
    logLevel: "error",
  });
}

/** An empty profile for each measurement: nothing is cached. */
async function fresh<T>(browser: Browser, work: (page: Page) => Promise<T>): Promise<T> {
  const context: BrowserContext = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  try {
    // tsx names functions with a helper that the page does not have.
    await context.addInitScript("globalThis.__name = (named) => named");
    await context.addInitScript(listen);
    return await work(await context.newPage());
  } finally {
    await context.close();
  }
}

async function bareRestore(page: Page, port: number): Promise<number> {
  await page.goto(`http://localhost:${String(port)}/`);
  await page.waitForFunction(() => /^(restored|failed)/.test(document.title), undefined, { polling: 5 });
  const [word, value] = (await page.title()).split(" ");
  if (word !== "restored") throw new Error(`The bare restore failed: ${await page.title()}`);
  return Number(value);
}

/** Milliseconds from navigation until the front terminal shows a prompt. */
async function openToShell(page: Page, port: number): Promise<number> {
  await page.goto(`http://localhost:${String(port)}/`);
  return prompt(page, "[#$]$");
}

/** What `listen` leaves in the page. */
interface Heard {
  /** Output of the terminals since the last command was sent. */
  text: string;
  /** When xterm had taken the last of it, by the page's clock. */
  at: number;
}

/**
 * Runs in the page before its own scripts: notes what the terminals show, and when. Reading it off the screen would
 * need xterm's accessible text, which comes up to a second late.
 */
function listen(): void {
  const heard: Heard = { text: "", at: 0 };
  const decoder = new TextDecoder();
  let nestbox: Nestbox | undefined;
  Object.defineProperty(window, "heard", { value: heard });
  Object.defineProperty(window, "nestbox", {
    get: () => nestbox,
    set(made: Nestbox) {
      nestbox = made;
      const open = made.terminals.open.bind(made.terminals);
      made.terminals.open = async (options) => {
        const terminal = await open(options);
        const onData = terminal.onData.bind(terminal);
        terminal.onData = (handler) =>
          onData((data, consumed) => {
            const text = decoder.decode(data.slice());
            handler(data, () => {
              heard.text = (heard.text + text).slice(-100_000);
              heard.at = performance.now();
              consumed();
            });
          });
        return terminal;
      };
    },
  });
}

/** Waits until the output ends with `pattern`, escape sequences left out; gives the page's time of it. */
async function prompt(page: Page | Frame, pattern: string, timeout = 60_000): Promise<number> {
  const handle = await page.waitForFunction(
    (source) => {
      const { heard } = window as unknown as { heard: Heard };
      // eslint-disable-next-line no-control-regex -- terminal output
      const plain = heard.text.replace(/\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\r/g, "");
      return new RegExp(source).test(plain.trimEnd()) ? { at: heard.at } : false;
    },
    pattern,
    { polling: 10, timeout },
  );
  return ((await handle.jsonValue()) as { at: number }).at;
}

/** Milliseconds from Enter until the output ends with `pattern`. */
async function typed(page: Page, line: string, pattern: string): Promise<number> {
  await page.locator('[data-testid="terminal"] textarea').focus();
  await page.keyboard.type(line);
  await page.waitForTimeout(200);
  const start = await page.evaluate(() => {
    (window as unknown as { heard: Heard }).heard.text = "";
    return performance.now();
  });
  await page.keyboard.press("Enter");
  return (await prompt(page, pattern)) - start;
}

/** MB (10^6 bytes) that the server sent, headers and all, until a busybox container shows its prompt. */
async function firstVisit(page: Page, app: Served): Promise<number> {
  const sockets = new Set<Socket>();
  app.server.on("connection", (socket) => sockets.add(socket));
  await openToShell(page, app.port);
  await typed(page, "docker run -it busybox sh", "/ #$");
  return [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0) / 1e6;
}

async function debian(page: Page, port: number): Promise<Record<string, number>> {
  await openToShell(page, port);
  await page.evaluate(() => {
    const worst = { value: 0 };
    Object.assign(window, { benchLongest: worst });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) worst.value = Math.max(worst.value, duration);
    }).observe({ type: "longtask" });
  });
  const pull = await typed(page, "docker pull debian:13", "Downloaded newer image[^]*[#$]$");
  const longest = await page.evaluate(
    () => (window as unknown as { benchLongest: { value: number } }).benchLongest.value,
  );
  const prompts: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    prompts.push(await typed(page, "docker run -it --rm debian:13 bash", "root@[0-9a-f]+:/#$"));
    await typed(page, "exit", "exit\\n[^]*[#$]$");
  }
  return {
    debian_first_pull_ms: pull,
    longest_main_thread_task_while_pulling_ms: longest,
    debian_cached_prompt_first_ms: prompts[0]!,
    debian_cached_prompt_ms: median(prompts),
  };
}

/** Milliseconds from "Reset this step" until the machine answers again; median of five. */
async function stepReset(page: Page, port: number): Promise<number> {
  await openToShell(page, port);
  const taken = await page.evaluate(async (rounds) => {
    const nestbox = window.nestbox;
    const snapshot = await nestbox.snapshot();
    const milliseconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await nestbox.restore(snapshot);
      await nestbox.exec(["true"]);
      milliseconds.push(performance.now() - start);
    }
    return milliseconds;
  }, ROUNDS);
  return median(taken);
}

/** A docs page on another origin, an empty profile each time; from the click to the container's prompt in the frame. */
async function embedClicks(browser: Browser, port: number): Promise<number[]> {
  const base = `http://localhost:${String(port)}/`;
  const html = `<!doctype html><script type="module" src="${base}embed.js"></script><nest-box image="busybox"><pre></pre></nest-box>`;
  // A server of its own: a page made up by the browser may not reach this machine.
  const docs = createServer((_request, response) =>
    response.setHeader("Content-Type", "text/html").end(html),
  );
  await new Promise<void>((resolve) => docs.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${String((docs.address() as AddressInfo).port)}/`;
  const taken: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    taken.push(
      await fresh(browser, async (page) => {
        await page.goto(address);
        await page.evaluate(() =>
          addEventListener("click", () => Object.assign(window, { clickedAt: Date.now() }), {
            capture: true,
          }),
        );
        await page.locator("nest-box button").click();
        const frame = (await (await page.locator("iframe").elementHandle()).contentFrame())!;
        await frame.waitForFunction(() => "heard" in window);
        const at = await prompt(frame, "/ #$");
        const origin = await frame.evaluate(() => performance.timeOrigin);
        const clicked = await page.evaluate(() => (window as unknown as { clickedAt: number }).clickedAt);
        return origin + at - clicked;
      }),
    );
  }
  docs.close();
  return taken;
}
