import { expect, test } from "@playwright/test";
import { expectTerminal, openShell, run, watchErrors } from "./playground";

test("cold boot reaches the same shell", async ({ page }) => {
  await openShell(page, "/?boot=cold");
  await run(page, "uname -sr", /Linux 6\.12/);
});

test("an image is pulled once and is there after a reload", async ({ page }) => {
  await openShell(page);
  await run(page, "docker run --rm busybox echo hello", /^hello$/m);
  await expectTerminal(page, /Downloaded newer image for busybox:latest/);
  let fetched = 0;
  await page.context().route(/registry\//, (route) => {
    fetched++;
    return route.continue();
  });
  await page.reload();
  await page.evaluate(() => window.nestbox.ready);
  await run(page, "docker run --rm busybox echo again", /^again$/m);
  expect(fetched).toBe(0);
});

test("window.nestbox does what it says", async ({ page }) => {
  const errors = watchErrors(page);
  await openShell(page);
  const result = await page.evaluate(() =>
    window.nestbox.exec(["sh", "-c", "cat; echo err >&2; exit 7"], {
      stdin: "in",
      env: { A: "b" },
      cwd: "/tmp",
    }),
  );
  expect(result).toMatchObject({ exitCode: 7, stdout: "in", stderr: "err\n" });
  const timed = await page.evaluate(() => window.nestbox.exec(["sleep", "60"], { timeoutMs: 300 }));
  expect(timed).toMatchObject({ exitCode: 137, timedOut: true });

  const events = page.evaluate(
    () =>
      new Promise<string[]>((resolve) => {
        const seen: string[] = [];
        window.nestbox.on("containers", (list) => {
          seen.push(list.map((container) => `${container.name}:${container.state}`).join());
          if (list.some(({ name, state }) => name === "api" && state === "running")) resolve(seen);
        });
      }),
  );
  const image = await page.evaluate(() => window.nestbox.images.pull("busybox"));
  expect(image.refs).toContain("busybox:latest");
  await page.evaluate(() =>
    window.nestbox.exec(["docker", "run", "-d", "--name", "api", "busybox", "sleep", "1000"]),
  );
  expect((await events).at(-1)).toContain("api:running");
  const inside = await page.evaluate(() =>
    window.nestbox.exec(["cat", "/proc/1/comm"], { container: "api" }),
  );
  expect(inside.stdout).toBe("sleep\n");

  await page.evaluate(() => window.nestbox.files.write("/tmp/hello", "bytes ☃", { container: "api" }));
  const read = await page.evaluate(async () =>
    new TextDecoder().decode(await window.nestbox.files.read("/tmp/hello", { container: "api" })),
  );
  expect(read).toBe("bytes ☃");
  const names = await page.evaluate(async () =>
    (await window.nestbox.files.list("/", { container: "api" })).map(({ name }) => name),
  );
  expect(names).toEqual(expect.arrayContaining(["bin", "etc", "tmp"]));

  await page.evaluate(() => window.nestbox.type("echo typed-$((1+1))\n"));
  await expectTerminal(page, /^typed-2$/m);
  expect(errors).toEqual([]);
});

for (const scheme of ["light", "dark"] as const) {
  for (const [name, viewport] of [
    ["laptop", { width: 1280, height: 800 }],
    ["phone", { width: 390, height: 844 }],
  ] as const) {
    test(`looks right: ${scheme}, ${name}`, async ({ browser, baseURL }) => {
      const context = await browser.newContext({
        viewport,
        colorScheme: scheme,
        ...(baseURL ? { baseURL } : {}),
      });
      const page = await context.newPage();
      const errors = watchErrors(page);
      await openShell(page);
      await run(page, "docker run -d --nest --name web busybox sleep 1000", /[0-9a-f\n]{64}/);
      await page.screenshot({ path: `test-results/${scheme}-${name}.png` });
      // Nothing may stick out sideways.
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      expect(errors).toEqual([]);
      await context.close();
    });
  }
}
