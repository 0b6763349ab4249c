/** A lesson as its reader does it: by typing and clicking, with the checks looking into the machine. */
import { expect, test, type Locator, type Page } from "@playwright/test";
import { expectTerminal, openPage, typeLine, watchErrors } from "./playground";

const LESSON = "/#/learn/all-the-way-down/05-cgroups";
const FIRST = "Make the group lesson";

async function openLesson(page: Page, path = LESSON): Promise<void> {
  await openPage(page, path);
  await page.evaluate(() => window.nestbox.ready);
  await expectTerminal(page, /[#$] *$/);
}

const card = (page: Page, title: string): Locator =>
  page.locator("section.task").filter({ has: page.getByRole("heading", { name: title }) });

test("a lesson is found in the list, opened, and done by typing", async ({ page }) => {
  const errors = watchErrors(page);
  await openLesson(page, "/#/learn");
  await page.getByRole("link", { name: "Limits by hand" }).click();
  await expect(page).toHaveURL(/#\/learn\/all-the-way-down\/05-cgroups/);
  await expect(page.getByRole("heading", { name: "A group is a directory" })).toBeVisible();

  const task = card(page, FIRST);
  await expect(task).toHaveAttribute("data-state", "open");
  await expect(task).toContainText("there is no /sys/fs/cgroup/lesson");
  await expect(task).toContainText("cpu memory pids");

  // Half of it: what it sees changes, and it is still open.
  await typeLine(page, "mkdir /sys/fs/cgroup/lesson");
  await expect(task).toContainText("lesson is there, and hands on: nothing");
  await expect(task).toHaveAttribute("data-state", "open");
  await typeLine(page, "echo '+cpu +memory +pids' > /sys/fs/cgroup/lesson/cgroup.subtree_control");
  await expect(task).toHaveAttribute("data-state", "done");
  await expect(page.getByText("✓ Step complete")).toBeVisible();

  // Undone, it is open again.
  await typeLine(page, "rmdir /sys/fs/cgroup/lesson");
  await expect(task).toHaveAttribute("data-state", "open");
  await expect(page.getByText("✓ Step complete")).toBeHidden();

  // And now by clicks.
  await task.getByRole("button", { name: "Type it for me" }).click();
  await expect(task).toHaveAttribute("data-state", "done");
  await page.getByRole("button", { name: "Next step" }).click();
  await expect(page.getByRole("heading", { name: "The memory hog" })).toBeFocused();
  expect(errors).toEqual([]);
});

test("a command block types into its terminal, a hint unfolds, a quiz answers", async ({ page }) => {
  await openLesson(page, `${LESSON}/01-a-directory`);
  await expect(card(page, FIRST)).toHaveAttribute("data-state", "open");
  const block = page.getByRole("group", { name: /Commands for the terminal host/ }).first();
  await block.getByRole("button", { name: "Run" }).click();
  await expectTerminal(page, /cat \/proc\/\$\$\/cgroup\n0::\/host[^]*ls -p \/sys\/fs\/cgroup\n[^]*nest\//);

  const hint = page.locator("details").filter({ hasText: "Line by line" });
  await expect(hint.getByText("mkdir /sys/fs/cgroup/lesson")).toBeHidden();
  await hint.locator("summary").press("Enter");
  await expect(hint.getByText("mkdir /sys/fs/cgroup/lesson").first()).toBeVisible();

  await page.getByRole("button", { name: "Next step" }).click();
  const quiz = page.locator("form").filter({ hasText: "asks for 40 MB" });
  await quiz.getByRole("radio").nth(1).press("Space");
  await quiz.getByRole("button", { name: "Answer" }).press("Enter");
  await expect(quiz.getByRole("status")).toContainText("No.");
  await quiz.getByRole("radio").nth(1).press("ArrowUp");
  await quiz.getByRole("button", { name: "Answer" }).press("Enter");
  await expect(quiz.getByRole("status")).toContainText("Right.");
});

test("Reset takes the step back to its beginning, and the terminals go on", async ({ page }) => {
  await openLesson(page);
  const task = card(page, FIRST);
  await expect(task).toHaveAttribute("data-state", "open");
  const reset = page.getByRole("button", { name: "Reset this step" });
  await expect(reset).toBeEnabled();
  await typeLine(page, "mkdir /sys/fs/cgroup/lesson; echo mine > /root/mine");
  await expect(task).toContainText("lesson is there");
  await reset.click();
  const started = Date.now();
  await page.getByRole("dialog").getByRole("button", { name: "Reset" }).click();
  await expect(task).toContainText("there is no /sys/fs/cgroup/lesson");
  console.log(`reset until the check has seen it: ${Date.now() - started} ms`);
  await typeLine(page, "clear; ls /root/mine");
  await expectTerminal(page, /ls: \/root\/mine: No such file or directory\n[^\n]*[#$]$/);
});

test("progress and the place survive a reload, and the steps before can be caught up with", async ({
  page,
}) => {
  await openLesson(page);
  const task = card(page, FIRST);
  await expect(task).toHaveAttribute("data-state", "open");
  await task.getByRole("button", { name: "Type it for me" }).click();
  await expect(task).toHaveAttribute("data-state", "done");
  await page.getByRole("button", { name: "Next step" }).click();
  await expect(page.getByRole("heading", { name: "The memory hog" })).toBeVisible();

  await page.reload();
  await page.evaluate(() => window.nestbox.ready);
  await expect(page.getByRole("heading", { name: "The memory hog" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Step 1, A group is a directory, done" })).toBeVisible();
  await page.getByRole("button", { name: "Do them for me" }).click();
  await expect(page.getByText("This machine has just started")).toBeHidden();
  const hog = card(page, "Have a hog killed");
  await hog.getByRole("button", { name: "Type it for me" }).click();
  await expect(hog).toHaveAttribute("data-state", "done", { timeout: 30_000 });

  await page.getByRole("link", { name: "Lessons", exact: true }).click();
  await expect(page.getByText("2 of 5 steps done")).toBeVisible();
  await page.getByRole("button", { name: "Continue: Limits by hand" }).click();
  await expect(page.getByRole("heading", { name: "The memory hog" })).toBeVisible();
});

test("an address without a lesson says so and leads on", async ({ page }) => {
  await openPage(page, "/#/learn/all-the-way-down/99-nothing");
  await expect(page.getByRole("alert")).toContainText("There is no lesson “all-the-way-down/99-nothing”");
  await page.getByRole("button", { name: "All lessons" }).click();
  await expect(page.getByRole("link", { name: "Limits by hand" })).toBeVisible();
});
