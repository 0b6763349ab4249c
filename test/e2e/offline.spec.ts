/** The network is cut after the first visit: the page, a container and a lesson still work. */
import { expect, test, type Page } from "@playwright/test";
import { expectTerminal, openShell, run, watchErrors } from "./playground";

/** Until everything that is to be kept is kept: workbox activates only then. */
async function keptForOffline(page: Page): Promise<void> {
  await expect
    .poll(
      () =>
        page.evaluate(async () => {
          const registration = await navigator.serviceWorker.getRegistration();
          return registration?.active?.state;
        }),
      { timeout: 60_000 },
    )
    .toBe("activated");
}

test("after one visit the page starts, runs a container and reloads with the network cut", async ({
  page,
  context,
}) => {
  await openShell(page);
  await keptForOffline(page);
  await context.setOffline(true);
  await page.reload();
  const errors = watchErrors(page);
  await page.evaluate(() => window.nestbox.ready);
  await expectTerminal(page, /[#$] *$/);
  await run(page, "docker run --rm busybox echo from $((6*7))", /^from 42$/m, 60_000);
  // Not kept: an image nobody pulled. It says so, and the shell goes on.
  await run(page, "docker pull debian:13 || echo still here", /still here/, 60_000);
  expect(errors.filter((text) => !/ERR_INTERNET_DISCONNECTED|Failed to load resource/.test(text))).toEqual(
    [],
  );
});

test("a lesson completes offline", async ({ page, context }) => {
  await openShell(page);
  await keptForOffline(page);
  await context.setOffline(true);
  await page.goto("/#/learn/all-the-way-down/05-cgroups");
  await page.reload();
  await page.evaluate(() => window.nestbox.ready);
  await expectTerminal(page, /[#$] *$/);
  const tasks = page.locator("section.task");
  const title = page.locator("article h3");
  const next = page.getByRole("button", { name: "Next step" });
  await expect(title).toBeVisible();
  for (;;) {
    for (let at = 0; at < (await tasks.count()); at++) {
      await expect(tasks.nth(at)).toHaveAttribute("data-state", "open");
      await tasks.nth(at).getByRole("button", { name: "Type it for me" }).click();
      await expect(tasks.nth(at)).toHaveAttribute("data-state", "done", { timeout: 60_000 });
    }
    if (!(await next.isVisible())) break;
    const before = await title.innerText();
    await next.click();
    await expect(title).not.toHaveText(before);
  }
  await page.getByRole("button", { name: "Next lesson" }).click();
  await page.goto("/#/learn");
  await expect(page.getByRole("listitem").filter({ hasText: "Limits by hand" })).toContainText("✓ done");
});

test("a service worker that is missing stops nothing", async ({ page }) => {
  await page.route("**/sw.js", (route) => route.fulfill({ status: 404, body: "gone" }));
  await openShell(page);
  await run(page, "echo $((40+2))", /^42$/m);
  await page.waitForTimeout(3000);
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("the page can be installed: manifest and icons are there", async ({ page, request }) => {
  await page.goto("/");
  const address = await page.locator('link[rel="manifest"]').getAttribute("href");
  const manifest = (await (await request.get(new URL(address!, page.url()).href)).json()) as {
    start_url: string;
    display: string;
    icons: { src: string; sizes: string; type: string }[];
  };
  expect(manifest.display).toBe("standalone");
  expect(manifest.icons.map(({ sizes }) => sizes)).toEqual(expect.arrayContaining(["192x192", "512x512"]));
  for (const { src, type } of manifest.icons) {
    const icon = await request.get(new URL(src, new URL(address!, page.url())).href);
    expect(icon.status(), src).toBe(200);
    expect(icon.headers()["content-type"]).toContain(type);
  }
});
