/** A container's web server in the preview pane: in an origin of its own, and as a still page where there is none. */
import { expect, test, type FrameLocator, type Page } from "@playwright/test";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";
import { serve } from "../../scripts/serve";
import { openShell } from "./playground";

const SITE = [
  "mkdir -p /www/sub",
  `echo '<!doctype html><link rel=stylesheet href=/style.css><title>t</title><h1>Home</h1><a href=/sub/two.html>Second</a><p id=js>no script</p><script src=/app.js></script>' >/www/index.html`,
  `echo 'h1{color:rgb(1,2,3)}' >/www/style.css`,
  `echo '<link rel=stylesheet href=/style.css><h1>Two</h1><a href=..>Back</a>' >/www/sub/two.html`,
  // A page may look for the app as it likes: it has another origin.
  `echo 'let seen="isolated";try{void parent.parent.document.title;seen="app reached"}catch{};document.querySelector("#js").textContent=seen+" "+location.pathname' >/www/app.js`,
  "exec httpd -f -h /www",
].join("; ");

/** The served page; the live one is a frame within the preview's own. */
const still = (page: Page): FrameLocator =>
  page.frameLocator('iframe[title="Page of the server on port 8080"]');
const live = (page: Page): FrameLocator => still(page).frameLocator("iframe");

/** Another config.json, also where the app's own service worker would answer for it; `undefined` is the real one again. */
async function configure(page: Page, preview: string | null | undefined): Promise<void> {
  const replace = (value: string | null | undefined) => {
    const real = ((window as { realFetch?: typeof fetch }).realFetch ??= window.fetch.bind(window));
    window.fetch =
      value === undefined
        ? real
        : (input, init) =>
            input === "config.json" ? Promise.resolve(Response.json({ preview: value })) : real(input, init);
  };
  if (preview === undefined) await page.evaluate(replace, preview);
  else await page.addInitScript(replace, preview);
}

async function openSite(page: Page, path = "/"): Promise<void> {
  await openShell(page, path);
  const started = await page.evaluate(
    (script) =>
      window.nestbox.exec([
        "docker",
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        "8080:80",
        "busybox",
        "sh",
        "-c",
        script,
      ]),
    SITE,
  );
  expect(started).toMatchObject({ exitCode: 0 });
  await expect
    .poll(() =>
      page.evaluate(() => window.nestbox.fetch("http://localhost:8080/").then((r) => r.status, String)),
    )
    .toBe(200);
  await page.getByRole("tab", { name: "Preview" }).click();
}

const colour = (frame: FrameLocator) =>
  frame.getByRole("heading", { level: 1 }).evaluate((heading) => getComputedStyle(heading).color);

test("a container's page, its styles, scripts and links, in another origin", async ({ page, baseURL }) => {
  await openSite(page);
  await expect(page.getByLabel("Published port", { exact: true })).toHaveValue("8080");
  await expect(live(page).getByRole("heading", { name: "Home" })).toBeVisible();
  await expect.poll(() => colour(live(page))).toBe("rgb(1, 2, 3)");
  await expect(live(page).locator("#js")).toHaveText("isolated /");
  const origin = await live(page)
    .locator("body")
    .evaluate(() => location.origin);
  expect(origin).not.toBe(new URL(baseURL!).origin);

  await live(page).getByRole("link", { name: "Second" }).click();
  await expect(live(page).getByRole("heading", { name: "Two" })).toBeVisible();
  await expect.poll(() => colour(live(page))).toBe("rgb(1, 2, 3)");
  const path = page.getByLabel("Path on port 8080");
  await expect(path).toHaveValue("/sub/two.html");
  await path.fill("/");
  await path.press("Enter");
  await expect(live(page).getByRole("heading", { name: "Home" })).toBeVisible();

  // Nobody listens any more.
  await page.evaluate(() => window.nestbox.exec(["docker", "rm", "-f", "web"]));
  await page.getByRole("button", { name: "Reload preview" }).click();
  await expect(
    page.getByRole("alert").filter({ hasText: "Nobody answers at http://localhost:8080" }),
  ).toBeVisible();
  await expect(live(page).getByRole("heading", { name: "The page could not be fetched" })).toBeVisible();
});

test("fetch from the page, and a port where nobody listens", async ({ page }) => {
  await openSite(page);
  const answer = await page.evaluate(async () => {
    const response = await window.nestbox.fetch(new URL("http://localhost:8080/style.css"));
    return [
      response instanceof Response,
      response.status,
      response.headers.get("content-type"),
      await response.text(),
    ];
  });
  expect(answer).toEqual([true, 200, "text/css", "h1{color:rgb(1,2,3)}\n"]);
  const failure = (url: string) =>
    page.evaluate(
      (address) =>
        window.nestbox
          .fetch(address)
          .then(String, (e: unknown) => [(e as { code?: string }).code, (e as Error).message]),
      url,
    );
  expect(await failure("http://localhost:8099/")).toEqual([
    "failed",
    expect.stringContaining("Connection refused"),
  ]);
  expect(await failure("https://example.com/")).toEqual(["unsupported", expect.any(String)]);
  const cancelled = await page.evaluate(() =>
    window.nestbox
      .fetch("http://localhost:8080/", { signal: AbortSignal.abort() })
      .then(String, (e: unknown) => (e as { code?: string }).code),
  );
  expect(cancelled).toBe("cancelled");
});

test("nothing published: a command to try, typed on a click", async ({ page }) => {
  await openShell(page);
  await page.getByRole("tab", { name: "Preview" }).click();
  await expect(page.getByText("Nothing is published yet")).toBeVisible();
  await page.getByRole("button", { name: "Type it into the terminal" }).click();
  await page.locator('[data-testid="terminal"] textarea').focus();
  await page.keyboard.press("Enter");
  await expect(live(page).getByRole("heading", { name: "Hello from a container" })).toBeVisible();
});

test("only one origin: a still page that says so", async ({ page }) => {
  await configure(page, null);
  await openSite(page);
  await expect(page.getByText(/Static preview, because this site has no second address/)).toBeVisible();
  await expect(page.getByText(/scripts do not run/)).toBeVisible();
  await expect(still(page).getByRole("heading", { name: "Home" })).toBeVisible();
  await expect.poll(() => colour(still(page))).toBe("rgb(1, 2, 3)");
  await expect(still(page).locator("#js")).toHaveText("no script");
  expect(
    await still(page)
      .locator("body")
      .evaluate(() => location.origin),
  ).toBe("null");
});

test.describe("a preview origin that does not work", () => {
  const folder = fileURLToPath(new URL("../../build/e2e-preview", import.meta.url));
  let server: Server;

  test.beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    cpSync(fileURLToPath(new URL("../../preview", import.meta.url)), folder, { recursive: true });
  });
  test.afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  for (const [what, spoil, reason] of [
    [
      "an old service worker",
      () => {
        const file = `${folder}/sw.js`;
        writeFileSync(file, readFileSync(file, "utf8").replace("const VERSION = 1;", "const VERSION = 0;"));
      },
      /of another version than this Nestbox/,
    ],
    ["a missing service worker", () => rmSync(`${folder}/sw.js`), /Static preview, because .*ServiceWorker/],
    ["nothing at all", () => undefined, /does not answer/],
  ] as const) {
    test(`${what}: the reason, a still page, and a way to try again`, async ({ page, baseURL }) => {
      // Before it is served: the server lists its files once.
      spoil();
      let port: number;
      ({ server, port } = await serve(folder, 4190, { "/config.json": () => ({ app: baseURL }) }));
      if (what === "nothing at all") server.close();
      await configure(page, `http://localhost:${port}`);
      await openSite(page);
      await expect(page.getByText(reason)).toBeVisible({ timeout: 40_000 });
      await expect(still(page).getByRole("heading", { name: "Home" })).toBeVisible();
      await configure(page, undefined);
      await page.getByRole("button", { name: "Reload preview" }).click();
      await expect(live(page).getByRole("heading", { name: "Home" })).toBeVisible();
    });
  }
});
