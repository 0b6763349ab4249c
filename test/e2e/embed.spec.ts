/** Boxes on other people's pages: an example docs site on an origin of its own, and frames in all the ways they are held. */
import { expect, test, type Frame, type Page } from "@playwright/test";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { serve } from "../../scripts/serve";

let base: string;
/** The docs site: another host than Nestbox's, so its frames are third-party ones. */
let docs: string;
/** The same Nestbox, from a host that sends Access-Control-Allow-Origin. */
let cors: string;
/** Another site, with one page. Routed pages will not do: Chromium keeps them from servers on this machine. */
let pages: string;
let made = "";
const servers: Server[] = [];

// eslint-disable-next-line no-empty-pattern -- Playwright reads the parameter's text
test.beforeAll(async ({}, { config }) => {
  test.setTimeout(120_000);
  base = `${config.projects[0]!.use.baseURL!}/`;
  // The site has its dependencies to itself: whoever only wants the playground should not wait for them.
  const npm = (...args: string[]) =>
    promisify(execFile)("npm", ["--prefix", "examples/docs", ...args], {
      env: { ...process.env, NESTBOX_BASE: base },
      shell: process.platform === "win32",
    });
  if (!existsSync("examples/docs/node_modules/vitepress")) await npm("ci");
  await npm("run", "build");
  const site = await serve("build/examples", Number(new URL(base).port) + 40);
  docs = `http://127.0.0.1:${site.port}/`;
  const open = createServer((request, response) => {
    void fetch(new URL(request.url ?? "/", base)).then(async (answer) => {
      response.writeHead(answer.status, {
        "Content-Type": answer.headers.get("Content-Type") ?? "application/octet-stream",
        "Access-Control-Allow-Origin": "*",
      });
      response.end(new Uint8Array(await answer.arrayBuffer()));
    });
  });
  const other = createServer((_request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><meta charset="utf-8"><title>made</title>${made}`);
  });
  cors = `http://localhost:${await listen(open)}/`;
  pages = `http://127.0.0.1:${await listen(other)}/`;
  servers.push(site.server, open, other);
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

test.afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** The frame inside the nth box of a page, or the nth frame. */
async function frameOf(page: Page, at = 0): Promise<Frame> {
  const element = await page.locator("iframe").nth(at).elementHandle();
  return (await element.contentFrame())!;
}

/** What a box's terminal shows: from the renderer, for sandboxed frames cannot be told to fill xterm's accessible tree. */
async function boxText(frame: Frame): Promise<string> {
  const rows = await frame.locator('[data-testid="terminal"] .xterm-rows > div').allInnerTexts();
  return rows
    .map((row) => row.replace(/\u00a0/g, " ").trimEnd())
    .join("\n")
    .trimEnd();
}

async function expectBox(frame: Frame, pattern: RegExp, timeout = 40_000): Promise<void> {
  await expect.poll(() => boxText(frame), { timeout }).toMatch(pattern);
}

/** A page of another site with `html` in it. */
async function open(page: Page, html: string): Promise<void> {
  made = html;
  await page.goto(pages);
}

const script = (): string => `<script type="module" src="${base}embed.js"></script>`;

test("on a cross-origin docs page: nothing before the click, then prompt and output", async ({ page }) => {
  const fetched: string[] = [];
  page.on("request", (request) => request.url().startsWith(base) && fetched.push(request.url()));
  await page.goto(docs);
  const box = page.locator("nest-box").first();
  await expect(box.getByRole("button", { name: "Run" })).toBeVisible();
  await expect(box.locator("pre")).toBeVisible();
  await expect(box).toContainText(/hostname/);
  await expect(box.getByText(/Downloads \d+ MB once/)).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(fetched).toEqual([`${base}embed.js`]);
  const code = Buffer.from(await (await fetch(`${base}embed.js`)).arrayBuffer());
  expect(gzipSync(code).length).toBeLessThanOrEqual(10 * 1024);

  const clicked = Date.now();
  await box.getByRole("button", { name: "Run" }).click();
  await page.locator("iframe").waitFor();
  const frame = await frameOf(page);
  await expectBox(frame, /\/ #/);
  console.log(`click to prompt: ${Date.now() - clicked} ms`);
  // The listing is typed line by line: the container's name, and itself as process 1.
  await expectBox(frame, /# hostname\n[0-9a-f]{12}\n\/ # ps\nPID[^\n]*\n +1 [^\n]* sh/);
  // The click was the reader's, so keys go into the box.
  await page.keyboard.type("echo typed $((20 + 3))\n");
  await expectBox(frame, /\ntyped 23\n/);
});

test("two boxes share one machine; when its owner goes, the other says so and starts again", async ({
  page,
}) => {
  await page.goto(docs);
  const [first, second] = [page.locator("nest-box").nth(0), page.locator("nest-box").nth(1)];
  await first.getByRole("button", { name: "Run" }).click();
  await expectBox(await frameOf(page, 0), /# ps\n/);
  await second.getByRole("button", { name: "Run" }).click();
  await expect(page.locator("iframe")).toHaveCount(2);
  const guest = await frameOf(page, 1);
  await expectBox(guest, /# cat \/proc\/self\/cgroup\n0::\//);
  const names = (await guest.evaluate(() => window.nestbox.containers.list())).map(({ name }) => name);
  expect(names).toHaveLength(2);
  const [hostname] = await Promise.all([
    guest.evaluate(() => window.nestbox.exec(["uname", "-s"]).then(({ stdout }) => stdout)),
  ]);
  expect(hostname).toBe("Linux\n");
  // The map of the second box shows both.
  for (const name of names)
    await expect(guest.getByRole("treeitem", { name: new RegExp(name) })).toBeVisible();

  await first.evaluate((element) => element.remove());
  await expect(guest.getByRole("heading", { name: /^The machine (is gone|stopped)$/ })).toBeVisible();
  await guest.getByRole("alert").getByRole("button", { name: "Start again" }).click();
  await expectBox(await frameOf(page), /# cat \/proc\/self\/cgroup\n0::\//);
});

test("embed() hands over the machine: exec, type, events, close", async ({ page }) => {
  await page.goto(`${docs}script.html`);
  await page.getByRole("button", { name: "Start and ask" }).click();
  await expect(page.locator("#answer")).toHaveText(/^The machine says: Linux i\d86$/, { timeout: 40_000 });

  await open(page, `<div id="here"></div>`);
  const seen = await page.evaluate(async (from) => {
    const { embed } = (await import(from)) as typeof import("../../app/embed/sdk");
    const box = await embed("here", { image: "busybox" });
    const events: string[] = [];
    box.on("containers", (containers) => events.push(containers.map(({ name }) => name).join()));
    await box.ready;
    await box.type("echo made > /made\n");
    const until = Date.now() + 30_000;
    let made = "";
    while (made === "" && Date.now() < until) {
      const result = await box.exec(["cat", "/made"], { container: box.container! }).catch(() => undefined);
      made = result?.stdout ?? "";
      // The box needs the thread, too.
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const bad = await box
      .exec(["x"], { wrong: 1 } as object)
      .catch((error: unknown) => (error as Error).message);
    const empty = await box.exec([]).catch((error: unknown) => (error as Error).message);
    const abort = new AbortController();
    const sleeping = box
      .exec(["sleep", "50"], { signal: abort.signal })
      .catch((error: unknown) => (error as Error).message);
    setTimeout(() => abort.abort(), 500);
    const cancelled = await sleeping;
    box.close();
    const closed = await box.exec(["true"]).catch((error: unknown) => (error as Error).message);
    return {
      made,
      events,
      bad,
      empty,
      cancelled,
      closed,
      container: box.container,
      left: document.querySelectorAll("iframe").length,
    };
  }, `${base}embed.js`);
  expect(seen.made).toBe("made\n");
  expect(seen.container).toMatch(/^box-\w{4}$/);
  expect(seen.events).toContain(seen.container);
  expect(seen.bad).toMatch(/no option “wrong”; known options: container, /);
  expect(seen.empty).toMatch(/argv is empty/);
  expect(seen.cancelled).toMatch(/[Cc]ancel/);
  expect(seen.closed).toMatch(/closed/);
  expect(seen.left).toBe(0);
});

test("embed() refuses what it does not know, naming it", async ({ page }) => {
  await open(page, `<div id="here"></div>`);
  const refused = (id: string, options: object): Promise<string> =>
    page.evaluate(
      async ([from, target, given]) => {
        const { embed } = (await import(from)) as typeof import("../../app/embed/sdk");
        return embed(target, given).then(
          () => "it started",
          (error: unknown) => (error as Error).message,
        );
      },
      [`${base}embed.js`, id, options] as const,
    );
  expect(await refused("here", { imgae: "busybox" })).toBe(
    "embed: there is no option “imgae”; known options: image, run, layout, theme, height, init, base or origin.",
  );
  expect(await refused("here", { layout: "round" })).toMatch(
    /layout="round" is not known; use terminal or split/,
  );
  expect(await refused("here", { base: "javascript:alert(1)" })).toMatch(/base must be an http or https URL/);
  expect(await refused("nowhere", {})).toMatch(/no element with the id “nowhere”/);
  await expect(page.locator("iframe")).toHaveCount(0);
});

test("attributes that mean nothing are told in the element and the console, and fall back", async ({
  page,
}) => {
  const warnings: string[] = [];
  page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
  await open(
    page,
    `${script()}<nest-box imgae="busybox" layout="round" height="tall" theme="<img src=x>"><pre>echo hello</pre></nest-box>`,
  );
  const note = page.locator("nest-box").getByRole("status");
  await expect(note).toContainText("“imgae” is not an attribute of <nest-box>; known: image, run,");
  await expect(note).toContainText(
    'layout="round" is not known; use terminal or split. layout="terminal" is used.',
  );
  await expect(note).toContainText('height="tall" is not a number of pixels from 160 to 2000; 320 is used.');
  await expect(note).toContainText('theme="<img src=x>" is not known');
  expect(warnings.filter((text) => text.startsWith("<nest-box>"))).toHaveLength(4);
  // It still works: a shell of the machine.
  await page.getByRole("button", { name: "Run" }).click();
  await expectBox(await frameOf(page), /# echo hello\nhello\n/);
});

test("sandboxed with allow-scripts allow-same-origin, without a word from the page", async ({ page }) => {
  await open(
    page,
    `<iframe sandbox="allow-scripts allow-same-origin" width="800" height="400" src="${base}embed/?image=busybox&run=echo+hello"></iframe>`,
  );
  await expectBox(await frameOf(page), /# echo hello\nhello\n/);
});

test("sandboxed with allow-scripts alone: the reason without CORS headers, a prompt with them", async ({
  page,
}) => {
  const held = (from: string): string =>
    `<iframe sandbox="allow-scripts" width="800" height="400" src="${from}embed/?image=busybox&run=echo+hello"></iframe>
     <script>addEventListener("message", ({ data }) => { if (data?.type === "failed") document.title = data.reason; });</script>`;
  await open(page, held(base));
  const frame = await frameOf(page);
  await expect(frame.getByRole("alert")).toContainText("does not send Access-Control-Allow-Origin");
  await expect(frame.getByRole("link", { name: "Open it in its own tab" })).toHaveAttribute(
    "href",
    `${base}embed/?image=busybox&run=echo+hello`,
  );
  await expect(page).toHaveTitle(/allow-same-origin/);

  await open(page, held(cors));
  const works = await frameOf(page);
  await expectBox(works, /# echo hello\nhello\n/);
  await expect(works.getByText("Image storage is limited")).toBeVisible();
});

test("with third-party storage blocked: memory, and the box says so", async ({ page }) => {
  await page.addInitScript(() => {
    if (window.parent === window) return;
    for (const name of ["indexedDB", "localStorage"])
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException("Access is denied for this document.", "SecurityError");
        },
      });
  });
  // The worker of a blocked frame has no storage either.
  await page.route("**/assets/worker-*.js", async (route) => {
    const answer = await route.fetch();
    const block = `Object.defineProperty(self, "indexedDB", { get() { throw new DOMException("Access is denied.", "SecurityError"); } });`;
    await route.fulfill({ response: answer, body: block + (await answer.text()) });
  });
  await page.goto(docs);
  await page.getByRole("button", { name: "Run" }).first().click();
  const frame = await frameOf(page);
  await expectBox(frame, /# hostname\n[0-9a-f]{12}\n/);
  await expect(frame.getByText("Image storage is limited")).toBeVisible();
  await expect(frame.getByText(/kept in memory/)).toBeVisible();
});

test("a page that sends junk gets errors, and the box goes on", async ({ page }) => {
  await open(page, `<iframe width="800" height="400" src="${base}embed/?image=busybox"></iframe>`);
  await expectBox(await frameOf(page), /\/ #/);
  const answers = await page.evaluate(async (origin) => {
    const box = document.querySelector("iframe")!.contentWindow!;
    const heard: string[] = [];
    addEventListener("message", ({ data, source }: MessageEvent<{ message?: string }>) => {
      if (source === box) heard.push(data.message ?? "");
    });
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    box.postMessage("hello", origin);
    box.postMessage({ some: "library" }, origin);
    box.postMessage({ nestbox: 99, type: "hello" }, origin);
    box.postMessage({ nestbox: {}, type: "hello" }, origin);
    box.postMessage({ nestbox: 1, type: "exec" }, origin);
    box.postMessage({ nestbox: 1, type: "hello" }, origin);
    await wait(500);
    const { port1, port2 } = new MessageChannel();
    const replies: { id: number | null; error?: { message: string }; value?: { stdout: string } }[] = [];
    port1.onmessage = ({ data }) => replies.push(data as (typeof replies)[number]);
    box.postMessage({ nestbox: 1, type: "hello" }, origin, [port2]);
    box.postMessage({ nestbox: 1, type: "hello" }, origin, [new MessageChannel().port2]);
    port1.postMessage("junk");
    port1.postMessage({ id: 1, call: "eval", args: ["alert(1)"] });
    port1.postMessage({ id: 2, call: "exec", args: [["echo", "x".repeat(1 << 20)]] });
    port1.postMessage({ id: 3, call: "exec", args: [{ length: 3 }] });
    port1.postMessage({ id: 4, call: "exec", args: [["cat"], { stdin: new Uint8Array(8 << 20) }] });
    port1.postMessage({ id: 5, call: "type", args: ["y".repeat(1 << 20)] });
    port1.postMessage({ id: 6, call: "machine", args: ["own"] });
    port1.postMessage({ id: 7, call: "exec", args: [["echo", "still here"]] });
    for (let i = 0; i < 100 && !replies.some(({ id }) => id === 7); i++) await wait(100);
    return { heard, replies };
  }, new URL(base).origin);
  expect(answers.heard).toHaveLength(5);
  expect(answers.heard[0]).toMatch(/version 1 of the protocol, not 99/);
  expect(answers.heard[3]).toMatch(/needs one MessagePort/);
  expect(answers.heard[4]).toMatch(/connected already/);
  const reply = (id: number | null) => answers.replies.find((answer) => answer.id === id);
  expect(reply(null)?.error?.message).toMatch(/must be an object/);
  expect(reply(1)?.error?.message).toMatch(/no call “eval”; known calls: ready, exec/);
  expect(reply(2)?.error?.message).toMatch(/argv is longer than/);
  expect(reply(3)?.error?.message).toMatch(/argv must be a list of strings/);
  expect(reply(4)?.error?.message).toMatch(/stdin has 8388608 bytes/);
  expect(reply(5)?.error?.message).toMatch(/at most 16384/);
  expect(reply(6)?.error?.message).toMatch(/has not asked/);
  expect(reply(7)?.value?.stdout).toBe("still here\n");
});

test("a frame that never answers is spoken for, with its address", async ({ page }) => {
  await page.clock.install();
  await open(page, `<div id="here"></div>`);
  await page.evaluate(
    async ([from, elsewhere]) => {
      const { embed } = (await import(from)) as typeof import("../../app/embed/sdk");
      void embed("here", { image: "busybox", base: elsewhere }).catch(() => undefined);
    },
    [`${base}embed.js`, `${docs}nothing/`] as const,
  );
  await expect(page.locator("iframe")).toBeVisible();
  await page.clock.fastForward(16_000);
  const alert = page.locator("nest-box").getByRole("alert");
  await expect(alert).toContainText("has not answered for 15 s");
  await expect(alert.getByRole("link", { name: "Open it in its own tab" })).toHaveAttribute(
    "href",
    `${docs}nothing/embed/?image=busybox&focus=none`,
  );
});

test("a hostile address: said in words, and a shell all the same", async ({ page }) => {
  const query = new URLSearchParams({
    image: "--privileged busybox",
    run: "x".repeat(5000),
    layout: "<script>document.title='run'</script>",
    theme: "__proto__",
  });
  await page.goto(`${base}embed/?${query.toString()}`);
  const messages = page.getByRole("status", { name: "Messages" });
  await expect(messages).toContainText('image="--privileged busybox" is not the name of an image');
  await expect(messages).toContainText("run has 5000 characters");
  await expect(messages).toContainText("layout=\"<script>document.title='run'</script>\" is not known");
  await expectBox(page.mainFrame(), /[#$]$/);
  await expect(page).toHaveTitle("Nestbox");
  await page.goto(`${base}embed/?image=${"y".repeat(10_000)}`);
  await expect(messages).toContainText(`image="${"y".repeat(80)}…" is not the name of an image`);
});
