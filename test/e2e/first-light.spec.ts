/** The reason for all of this: a container in a container in a container, typed by hand, drawn beside it. */
import { expect, test } from "@playwright/test";
import { expectTerminal, openShell, run, terminalText, typeLine, watchErrors } from "./playground";

test("a shell three levels down sees only itself, and the map draws the nest", async ({ page }) => {
  const errors = watchErrors(page);
  await openShell(page);

  await typeLine(page, "docker run -it --nest --name outer --hostname outer debian:13 bash");
  await expectTerminal(page, /root@outer:\/#$/, 60_000);
  await typeLine(page, "docker run -it --nest --name middle --hostname middle busybox sh");
  await expectTerminal(page, /\/ #$/, 60_000);
  await typeLine(page, "docker run -it --name inner --hostname inner busybox sh");
  await expectTerminal(page, /\/ #[^#]*docker run -it --name inner[^#]*\/ #$/, 60_000);

  await typeLine(page, "ps; hostname");
  await expectTerminal(page, /ps; hostname\n[^]*\ninner\n\/ #$/);
  const processes = (await terminalText(page)).split("\n").filter((line) => /^ +\d+ root /.test(line));
  expect(processes).toEqual([expect.stringMatching(/^ +1 root +sh$/), expect.stringMatching(/ps/)]);

  const item = (name: RegExp) => page.getByRole("treeitem", { name });
  await expect(item(/^outer\b/)).toBeVisible();
  await expect(item(/^middle\b/)).toBeVisible();
  await expect(item(/^inner\b/)).toBeVisible();
  const [outer, middle, inner] = await Promise.all(
    [/^outer\b/, /^middle\b/, /^inner\b/].map(async (name) => (await item(name).boundingBox())!),
  );
  for (const [parent, child] of [
    [outer!, middle!],
    [middle!, inner!],
  ] as const) {
    expect(child.x).toBeGreaterThan(parent.x);
    expect(child.y).toBeGreaterThan(parent.y);
    expect(child.x + child.width).toBeLessThan(parent.x + parent.width);
    expect(child.y + child.height).toBeLessThan(parent.y + parent.height);
  }
  await page.screenshot({ path: "test-results/first-light.png" });

  // The outermost shell's view: one container, and processes of all levels below it.
  const list = await page.evaluate(() => window.nestbox.containers.list());
  expect(list).toHaveLength(1);
  expect(list[0]).toMatchObject({ name: "outer", state: "running", nest: true });
  expect(list[0]?.children[0]).toMatchObject({ name: "middle", state: "running" });
  expect(list[0]?.children[0]?.children[0]).toMatchObject({
    name: "inner",
    state: "running",
    hostname: "inner",
  });
  expect(errors).toEqual([]);
});

test("a click on a nested container opens a shell inside it", async ({ page }) => {
  await openShell(page);
  await typeLine(page, "docker run -it --nest --name outer busybox sh");
  await expectTerminal(page, /\/ #$/, 60_000);
  await typeLine(page, "docker run -d --name inner --hostname inside busybox sleep 1000");
  await expect(page.getByRole("treeitem", { name: /^inner\b/ })).toBeVisible();
  await page.getByRole("treeitem", { name: /^inner\b/ }).click();
  await expect(page.getByRole("tab", { selected: true })).toHaveText(/outer › inner/);
  await expectTerminal(page, /\/ #$/);
  await run(page, "hostname; tr '\\0' ' ' < /proc/1/cmdline", /inside\nsleep 1000/);
});
