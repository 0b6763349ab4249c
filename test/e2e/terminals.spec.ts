import { expect, test, type Page } from "@playwright/test";
import { expectTerminal, openShell, run, terminalText, typeLine } from "./playground";

/** How many processes are called sleep in the guest. */
const sleepers = (page: Page) =>
  page.evaluate(async () => {
    const { stdout } = await window.nestbox.exec(["sh", "-c", "cat /proc/[0-9]*/comm"]);
    return stdout.split("\n").filter((name) => name === "sleep").length;
  });

test("each tab is a pty of its own, with the size of what is seen", async ({ page }) => {
  await openShell(page);
  await run(page, "tty", /\/dev\/pts\/\d+/);
  const first = /\/dev\/pts\/\d+/.exec(await terminalText(page))?.[0];
  await page.getByRole("button", { name: "New host terminal" }).click();
  await expect(page.getByRole("tablist", { name: "Terminals" }).getByRole("tab")).toHaveCount(2);
  await expectTerminal(page, /[#$]$/);
  await run(page, "tty", /\/dev\/pts\/\d+/);
  expect(/\/dev\/pts\/\d+/.exec(await terminalText(page))?.[0]).not.toBe(first);

  await run(page, "stty size", /^\d+ \d+$/m);
  const before = /^(\d+) (\d+)$/m.exec(await terminalText(page))!;
  await page.setViewportSize({ width: 1100, height: 600 });
  await expect(async () => {
    await run(page, "stty size", /^\d+ \d+$/m);
    const after = /^(\d+) (\d+)$/m.exec(await terminalText(page))!;
    expect(Number(after[1])).toBeLessThan(Number(before[1]));
    expect(Number(after[2])).toBeLessThan(Number(before[2]));
  }).toPass();
});

test("a terminal closed while its program runs hangs the program up", async ({ page }) => {
  await openShell(page);
  await page.getByRole("button", { name: "New host terminal" }).click();
  await expectTerminal(page, /[#$]$/);
  await typeLine(page, "sleep 31337");
  await expect.poll(() => sleepers(page)).toBe(1);
  await page.getByRole("button", { name: "Close host" }).last().click();
  await expect(page.getByRole("tablist", { name: "Terminals" }).getByRole("tab")).toHaveCount(1);
  await expect.poll(() => sleepers(page)).toBe(0);
});

test("a container outlives the terminal it was started in, as docker's do", async ({ page }) => {
  await openShell(page);
  await page.getByRole("button", { name: "New host terminal" }).click();
  await expectTerminal(page, /[#$]$/);
  await typeLine(page, "docker run -it --rm --name kept busybox sh");
  await expectTerminal(page, /\/ #$/, 60_000);
  await page.getByRole("button", { name: "Close host" }).last().click();
  await page.getByRole("treeitem", { name: /^kept\b/ }).click();
  await expectTerminal(page, /\/ #$/);
  await run(page, "cat /proc/1/comm", /^sh$/m);
  expect((await page.evaluate(() => window.nestbox.exec(["docker", "rm", "-f", "kept"]))).exitCode).toBe(0);
  await expect.poll(() => page.evaluate(async () => (await window.nestbox.containers.list()).length)).toBe(0);
});

test("a flood of output leaves the page alive and can be interrupted", async ({ page }) => {
  await openShell(page);
  await typeLine(page, "yes flooding the terminal");
  await page.waitForTimeout(2000);
  const stall = await page.evaluate(async () => {
    let worst = 0;
    let last = performance.now();
    for (let i = 0; i < 40; i++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      worst = Math.max(worst, performance.now() - last - 25);
      last = performance.now();
    }
    return worst;
  });
  expect(stall).toBeLessThan(1500);
  await page.locator('[data-testid="terminal"] textarea').focus();
  await page.keyboard.press("Control+c");
  await run(page, "echo still $((40 + 2))", /still 42/);
});

test("a shell that ends says so and can be opened again", async ({ page }) => {
  await openShell(page);
  await typeLine(page, "exit 3");
  await expectTerminal(page, /exited with 3/);
  await page.keyboard.press("r");
  await expectTerminal(page, /[#$]$/);
  await run(page, "echo back", /^back$/m);
});
