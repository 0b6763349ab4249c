/** The reason for all of this: a container in a container in a container, typed by hand, drawn beside it. */
import { expect, test } from "@playwright/test";
import { expectTerminal, openShell, run, terminalText, typeLine, watchErrors } from "./playground";

test("a shell three levels down sees only itself, and the map draws the nest", async ({ page }) => {
  const errors = watchErrors(page);
  await openShell(page);

  await typeLine(page, "docker run -it --nest debian:13 bash");
  await expectTerminal(page, /root@[0-9a-f]{12}:\/#$/, 60_000);
  await typeLine(page, "docker run -it --nest busybox sh");
  await expectTerminal(page, /\n\/ #$/, 60_000);
  await typeLine(page, "docker run -it busybox sh");
  await expectTerminal(page, /\/ # docker run -it busybox sh\n[^#]*\n\/ #$/, 60_000);

  await typeLine(page, "ps; hostname");
  await expectTerminal(page, /ps; hostname\n[^]*\n[0-9a-f]{12}\n\/ #$/);
  const processes = (await terminalText(page)).split("\n").filter((line) => /^ +\d+ root /.test(line));
  expect(processes).toEqual([expect.stringMatching(/^ +1 root +sh$/), expect.stringMatching(/ps/)]);

  // One chain of three, as the engines tell it.
  const chain = async () => {
    const list = await page.evaluate(() => window.nestbox.containers.list());
    const found = [];
    for (let level = list; level[0]; level = level[0].children) {
      expect(level).toHaveLength(1);
      found.push(level[0]);
    }
    return found;
  };
  await expect.poll(async () => (await chain()).length).toBe(3);
  const containers = await chain();
  expect(containers.map(({ image, state, nest }) => [image, state, nest])).toEqual([
    ["debian:13", "running", true],
    ["busybox", "running", true],
    ["busybox", "running", false],
  ]);
  expect(await terminalText(page)).toContain(`\n${containers[2]!.hostname}\n`);

  // And as the map draws it: each box inside the one before.
  const item = (name: string) => page.getByRole("treeitem", { name, exact: true });
  for (const { name } of containers) await expect(item(name)).toBeVisible();
  const [outer, middle, inner] = await Promise.all(
    containers.map(async ({ name }) => (await item(name).boundingBox())!),
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
  expect(errors).toEqual([]);
});

test("a click on a nested container opens a shell inside it", async ({ page }) => {
  await openShell(page);
  await typeLine(page, "docker run -it --nest --name outer busybox sh");
  await expectTerminal(page, /\/ #$/, 60_000);
  await typeLine(page, "docker run -d --name inner --hostname inside busybox sleep 1000");
  await expect(page.getByRole("treeitem", { name: /^inner\b/ })).toBeVisible();
  await page.getByRole("treeitem", { name: /^inner\b/ }).click();
  const terminals = page.getByRole("tablist", { name: "Terminals" });
  await expect(terminals.getByRole("tab", { selected: true })).toHaveText(/outer › inner/);
  await expectTerminal(page, /\/ #$/);
  await run(page, "hostname; tr '\\0' ' ' < /proc/1/cmdline", /inside\nsleep 1000/);
});
