/** Bad input and bad luck: each with a clear message, nothing lost, no hang. */
import { expect, test, type Page } from "@playwright/test";
import { expectTerminal, openPage, openShell, run, typeLine } from "./playground";

const LAYER = /registry\/busybox\/blobs\/sha256\//;

/** Answers every busybox blob over 100 KB (the layer) with `change`d bytes. */
async function damageLayer(page: Page, change: (body: Buffer) => Buffer): Promise<void> {
  await page.context().route(LAYER, async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    await route.fulfill({ response, body: body.length > 100_000 ? change(body) : body });
  });
}

const noImages = (page: Page) => page.evaluate(async () => (await window.nestbox.images.list()).length);

test("an unknown image, flag and command are named", async ({ page }) => {
  await openShell(page);
  await run(page, "docker run nosuchimage; echo code $?", /code 125/);
  await expectTerminal(page, /Unable to find image 'nosuchimage:latest' locally/);
  await expectTerminal(page, /nosuchimage/);
  await run(page, "docker run --frobnicate busybox; echo code $?", /unknown flag: --frobnicate[^]*code 125/);
  await run(page, "docker frobnicate; echo code $?", /frobnicate[^]*code 1\b/);
  await run(page, "docker run busybox nosuchprogram; echo code $?", /nosuchprogram[^]*code 127/);
});

for (const [name, answer, words] of [
  ["404", { status: 404, body: "gone" }, /404|not found|no image/i],
  ["500", { status: 500, body: "oops" }, /answered 50\s*0/],
  [
    "a web page",
    { status: 200, contentType: "text/html", body: "<!doctype html><title>Sign in</title>" },
    /HTML|JSON|web page/i,
  ],
] as const) {
  test(`a registry that answers ${name}`, async ({ page }) => {
    await page.context().route(/registry\/busybox\/index\.json/, (route) => route.fulfill(answer));
    await openShell(page);
    await run(page, "docker pull busybox; echo code $?", /code 1\b/);
    await expectTerminal(page, words);
    expect(await noImages(page)).toBe(0);
  });
}

test("a corrupted layer is refused by its digest and can be pulled again", async ({ page }) => {
  await damageLayer(page, (body) => {
    body[body.length >> 1]! ^= 0xff;
    return body;
  });
  await openShell(page);
  await run(page, "docker pull busybox; echo code $?", /code 1\b/);
  await expectTerminal(page, /digest|corrupt|damaged/i);
  expect(await noImages(page)).toBe(0);
  await page.context().unroute(LAYER);
  await run(page, "docker run --rm busybox echo healed", /^healed$/m);
});

test("a truncated layer is refused", async ({ page }) => {
  await damageLayer(page, (body) => body.subarray(0, body.length >> 1));
  await openShell(page);
  await run(page, "docker pull busybox; echo code $?", /code 1\b/);
  expect(await noImages(page)).toBe(0);
});

test("without IndexedDB images stay in memory, and the page says so", async ({ page }) => {
  await page.addInitScript(() => {
    // As a browser that blocks storage does; the worker inherits nothing, so its own is blocked below.
    Object.defineProperty(globalThis, "indexedDB", { get: () => undefined });
  });
  await page.context().route(/assets\/worker-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    const body = `Object.defineProperty(globalThis, "indexedDB", { get: () => undefined });\n${await response.text()}`;
    await route.fulfill({ response, body });
  });
  await openShell(page);
  await expect(page.getByText(/so images are kept in memory/)).toBeVisible();
  await run(page, "docker run --rm busybox echo works", /^works$/m);
});

test("a machine that cannot be downloaded says why, and Try again works", async ({ page }) => {
  let broken = true;
  await page
    .context()
    .route(/machine\/snapshot-/, (route) =>
      broken ? route.fulfill({ status: 503, body: "busy" }) : route.continue(),
    );
  await openPage(page);
  await expect(page.getByRole("heading", { name: /did not start/ })).toBeVisible();
  await expect(page.getByText(/503/).first()).toBeVisible();
  broken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await expectTerminal(page, /[#$]$/);
});

test("root in the guest writing garbage into the stream breaks nothing for long", async ({ page }) => {
  await openShell(page);
  await typeLine(
    page,
    "kill -STOP $(pidof agent) 2>/dev/null; sh -c 'kill -9 $(pidof agent); for i in 1 2 3 4 5; do head -c 3000 /dev/urandom > /dev/vport*p1; done'",
  );
  await expect
    .poll(
      () =>
        page.evaluate(async () => {
          try {
            return (await window.nestbox.exec(["echo", "alive"], { timeoutMs: 5000 })).stdout;
          } catch (error) {
            return String(error);
          }
        }),
      { timeout: 40_000 },
    )
    .toBe("alive\n");
});

test("two tabs pull the same image at once", async ({ page, context }) => {
  const other = await context.newPage();
  await openShell(page);
  await openShell(other);
  await Promise.all([
    run(page, "docker run --rm busybox echo one", /^one$/m, 60_000),
    run(other, "docker run --rm busybox echo two", /^two$/m, 60_000),
  ]);
  await page.reload();
  await page.evaluate(() => window.nestbox.ready);
  expect(await noImages(page)).toBe(1);
});
