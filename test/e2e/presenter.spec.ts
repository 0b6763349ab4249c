/** The stage: a talk given by keys, at human speed, with notes beside it, and begun anew. */
import { expect, test, type Page } from "@playwright/test";
import { expectTerminal, openPage, terminalText, typeLine, watchErrors } from "./playground";

const TALK = "/present/?talk=isolation";
const HOST = "nestbox:~#";

/** Every command of the talk in order: its slide, the line, and what stands on its terminal when it has run. */
const SCRIPT: readonly (readonly [slide: number, line: string, shows: RegExp])[] = [
  [2, "docker run -d --name web busybox sleep 1000", /\n[0-9a-f\n]{64,66}\nnestbox:~#$/],
  [2, "ps | grep 'sleep 1000'", /\d+ 65536 +sleep 1000\n[^]*nestbox:~#$/],
  [3, "ps", / 1 root +sleep 1000\n +\d+ root +sh\n[^]*\n\/ #$/],
  [3, "hostname", /hostname\n[0-9a-f]{12}\n\/ #$/],
  [4, "unshare --uts sh -c 'hostname inside; hostname'", /\ninside\nnestbox:~#$/],
  [4, "hostname", /\nnestbox\nnestbox:~#$/],
  [4, "unshare --pid --fork --mount-proc ps", /COMMAND\n +1 root +ps\nnestbox:~#$/],
  [5, "readlink /proc/self/ns/net", /\nnet:\[\d+\]\nnestbox:~#$/],
  [5, "readlink /proc/$(pidof sleep)/ns/net", /\nnet:\[\d+\]\nnestbox:~#$/],
  [5, "unshare --net ip link", /1: lo: <LOOPBACK>[^]*nestbox:~#$/],
  [6, "docker exec web touch /hello", /touch \/hello\nnestbox:~#$/],
  [6, "docker exec web ls /hello", /\n\/hello\nnestbox:~#$/],
  [6, "docker run --rm busybox ls /hello", /No such file or directory\nnestbox:~#$/],
  [7, "docker exec web id", /\nuid=0\(root\)[^\n]*\nnestbox:~#$/],
  [7, "grep Uid /proc/$(pidof sleep)/status", /\nUid:\s+65536\s[^\n]*\nnestbox:~#$/],
  [8, "docker run --rm -m 16m busybox tail /dev/zero", /tail \/dev\/zero\n[^]*nestbox:~#$/],
  [8, 'echo "exit code $?"', /\nexit code 137\nnestbox:~#$/],
  [9, "mkdir /sys/fs/cgroup/demo", /cgroup\/demo\nnestbox:~#$/],
  [9, "echo 5 > /sys/fs/cgroup/demo/pids.max", /pids\.max\nnestbox:~#$/],
  [
    9,
    "(echo 0 > /sys/fs/cgroup/demo/cgroup.procs; for i in 1 2 3 4 5 6; do sleep 1 & done; wait)",
    /can't fork: Resource temporarily unavailable\nnestbox:~#$/,
  ],
  [9, "cat /sys/fs/cgroup/demo/pids.events", /\nmax [1-9]\d*\nnestbox:~#$/],
  [10, "uname -r", /\n6\.[^\n]+\nnestbox:~#$/],
  [
    10,
    "docker run --rm debian:13 sh -c 'uname -r; grep PRETTY /etc/os-release'",
    /\n6\.[^\n]+\nPRETTY_NAME="Debian GNU\/Linux 13[^\n]+\nnestbox:~#$/,
  ],
  [11, "docker run -it --rm --nest --name outer busybox sh", /\n\/ #$/],
  [11, "docker run --rm busybox ps", /COMMAND\n +1 root +ps\n\/ #$/],
  [11, "cat /proc/self/uid_map", /\n +0 +65536 +\d+\n\/ #$/],
  [11, "exit", /\/ # exit\nnestbox:~#$/],
];
const SLIDES = 12;

/** Opens the talk and waits for the first prompt. */
async function openTalk(page: Page, parameters = "&typing=instant"): Promise<void> {
  await openPage(page, TALK + parameters);
  await expectTerminal(page, /nestbox:~#$/, 60_000);
}

/** The terminal's text without the breaks of its width. */
async function flat(page: Page): Promise<string> {
  return (await terminalText(page)).replace(/\s+/g, "");
}

async function expectTyped(page: Page, line: string): Promise<void> {
  await expect.poll(async () => (await flat(page)).endsWith(`#${line.replace(/\s+/g, "")}`)).toBe(true);
}

async function expectSlide(page: Page, slide: number): Promise<void> {
  await expect(page.locator("footer")).toContainText(`Slide ${slide} of ${SLIDES}`);
}

test("the talk is stepped through by keys, and every command works", async ({ page }) => {
  test.setTimeout(300_000);
  const errors = watchErrors(page);
  await openTalk(page);
  await expect(page.getByTestId("slide").getByRole("heading")).toHaveText("Isolation in 10 minutes");
  await expect(page.getByTestId("slide")).toBeFocused();

  // The keys of keyboard and clicker by turns.
  const keys = ["PageDown", "ArrowRight", "Space", "n"];
  let pressed = 0;
  const next = () => page.keyboard.press(keys[pressed++ % keys.length] ?? "n");
  const networks = new Set<string>();
  let slide = 1;
  for (const [at, line, shows] of SCRIPT) {
    while (slide < at) {
      await next();
      await expectSlide(page, ++slide);
    }
    await next();
    await expectTyped(page, line);
    await next();
    await expectTerminal(page, shows);
    if (line.startsWith("readlink"))
      networks.add(/net:\[\d+\](?=\n[^\n]*$)/.exec(await terminalText(page))?.[0] ?? "");
    // It ran once, and the slide is still the same.
    await expectSlide(page, at);
  }
  expect(networks.size).toBe(2);
  await expect(page.getByRole("tab", { name: /^host/ })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("tab", { name: /inside: web/ })).toHaveAttribute("data-level", "4");
  await next();
  await expectSlide(page, SLIDES);
  await next();
  await expectSlide(page, SLIDES);

  await page.keyboard.press("Home");
  await expectSlide(page, 1);
  await page.keyboard.press("End");
  await expectSlide(page, SLIDES);
  expect(errors).toEqual([]);
});

test("commands come at human speed, can be edited, hurried and taken back; keys stay with the terminal", async ({
  page,
}) => {
  await openTalk(page, "&typing=7#2");
  await expectSlide(page, 2);
  const [, line] = SCRIPT[0] ?? [0, ""];

  const began = Date.now();
  await page.keyboard.press("PageDown");
  await expect.poll(() => flat(page)).toMatch(/#d/);
  expect(await flat(page)).not.toContain("1000");
  await expectTyped(page, line);
  const each = (Date.now() - began) / line.length;
  expect(each).toBeGreaterThan(25);

  // Back takes it back; next types it again, and once more finishes at once.
  await page.keyboard.press("PageUp");
  await expectTerminal(page, /nestbox:~#$/);
  await expectSlide(page, 2);
  await page.keyboard.press("PageDown");
  await page.keyboard.press("PageDown");
  await expectTyped(page, line);

  // The presenter edits, and enters herself; arrows and letters are the shell's.
  await page.keyboard.press("t");
  for (let at = 0; at < 4; at++) await page.keyboard.press("Backspace");
  await page.keyboard.type("987");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expectTerminal(page, /sleep 987\n[0-9a-f\n]{64,66}\nnestbox:~#$/);
  await page.keyboard.type("echo nlpr");
  await page.keyboard.press("Enter");
  await expectTerminal(page, /\nnlpr\nnestbox:~#$/);

  // The clicker works there too, and so does a key after the leader; Esc leaves.
  await page.keyboard.press("PageDown");
  await expectTyped(page, "ps | grep 'sleep 1000'");
  await page.keyboard.press("F9");
  await page.keyboard.press("p");
  await expectTerminal(page, /nestbox:~#$/);
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("slide")).toBeFocused();
  await page.keyboard.press("p");
  await expectSlide(page, 1);
  // What has run is not run again.
  await page.keyboard.press("n");
  await page.keyboard.press("n");
  await expectTyped(page, "ps | grep 'sleep 1000'");
});

test("the notes window shows what comes, steps the talk, and finds it again", async ({ page, context }) => {
  await openTalk(page);
  const opening = page.waitForEvent("popup");
  await page.keyboard.press("w");
  const notes = await opening;
  const status = notes.getByRole("status");
  await expect(status).toHaveText(/In step/);
  await expect(notes.getByTestId("notes")).toContainText("a process that the kernel shows a different world");
  await expect(notes.getByTestId("next")).toContainText("A container is a process");
  await expect(notes.getByRole("timer")).toHaveText("0:00");

  // Its keys drive the stage, and the stage moves it.
  await notes.keyboard.press("PageDown");
  await expectSlide(page, 2);
  await expect(notes.getByTestId("next").locator("pre")).toHaveText(
    "docker run -d --name web busybox sleep 1000",
  );
  await page.keyboard.press("n");
  await expectTyped(page, "docker run -d --name web busybox sleep 1000");
  await expect(notes.getByTestId("next")).toContainText("Enter for command 1 of 2");
  await notes.keyboard.press("n");
  await expectTerminal(page, /\n[0-9a-f\n]{64,66}\nnestbox:~#$/);
  await expect(notes.getByTestId("next").locator("pre")).toHaveText("ps | grep 'sleep 1000'");
  await expect(notes.getByRole("timer")).not.toHaveText("0:00");

  // The stage is loaded again: lost, found, on the same slide.
  await page.reload();
  await expect(status).toHaveText(/In step/);
  await expectSlide(page, 2);
  await expect(notes.getByTestId("next").locator("pre")).toHaveText(
    "docker run -d --name web busybox sleep 1000",
  );
  await notes.reload();
  await expect(status).toHaveText(/In step/);
  await notes.getByRole("button", { name: "Reset the clock" }).click();
  await expect(notes.getByRole("timer")).toHaveText("0:00");

  // Closing either is no harm.
  await page.close();
  await expect(status).toHaveText(/does not answer/);
  const again = await context.newPage();
  await openTalk(again);
  await expect(status).toHaveText(/In step/, { timeout: 15_000 });
  await notes.close();
  await again.keyboard.press("n");
  await expectSlide(again, 2);
});

test("a blocked window is said, with the link", async ({ page }) => {
  await page.addInitScript(() => {
    window.open = () => null;
  });
  await openTalk(page);
  await page.keyboard.press("w");
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("pop-ups are blocked");
  await expect(alert.getByRole("link")).toHaveAttribute(
    "href",
    /\/present\/\?talk=isolation&notes=[0-9a-f]{24}$/,
  );
});

test("R twice begins anew within a second or so", async ({ page }) => {
  await openTalk(page, "&typing=instant#2");
  await page.keyboard.press("n");
  await expectTyped(page, "docker run -d --name web busybox sleep 1000");
  await page.keyboard.press("n");
  await expectTerminal(page, /\n[0-9a-f\n]{64,66}\nnestbox:~#$/);
  await page.keyboard.press("r");
  await expect(page.locator("footer")).toContainText("Press R again");
  // Any other key calls it off.
  await page.keyboard.press("Escape");
  await expect(page.locator("footer")).not.toContainText("Press R again");
  await page.keyboard.press("r");
  await page.keyboard.press("r");
  await expectSlide(page, 1);
  await expectTerminal(page, /^[^0-9]*nestbox:~#$|built-in commands\.\n\nnestbox:~#$/);
  expect(await page.evaluate(async () => (await window.nestbox.containers.list()).length)).toBe(0);
  // The talk can be given again.
  for (let at = 0; at < 2; at++) await page.keyboard.press("n");
  await expectTyped(page, "docker run -d --name web busybox sleep 1000");
  await page.keyboard.press("n");
  await expectTerminal(page, /\n[0-9a-f\n]{64,66}\nnestbox:~#$/);
});

test("a terminal that has ended is opened again by the next command", async ({ page }) => {
  await openTalk(page, "&typing=instant#4");
  await page.keyboard.press("t");
  await typeLine(page, "exit 3");
  await expectTerminal(page, /exited with 3/);
  await page.keyboard.press("PageDown");
  await expectTyped(page, "unshare --uts sh -c 'hostname inside; hostname'");
  await page.keyboard.press("PageDown");
  await expectTerminal(page, /\ninside\nnestbox:~#$/);
});

test("layouts, size, colours and the list of keys", async ({ page }) => {
  await openTalk(page);
  const [slide, terminal] = [page.getByTestId("slide"), page.getByRole("tablist", { name: "Terminals" })];
  const size = () => page.evaluate(() => getComputedStyle(document.documentElement).fontSize);
  expect(await size()).toBe("24px");
  await page.keyboard.press("+");
  expect(await size()).toBe("25.6px");
  await page.keyboard.press("l");
  await expect(slide).toBeHidden();
  await expect(terminal).toBeVisible();
  await page.keyboard.press("l");
  await expect(slide).toBeVisible();
  await expect(terminal).toBeHidden();
  // A command that comes must be seen.
  await page.keyboard.press("n");
  await page.keyboard.press("n");
  await expect(terminal).toBeVisible();
  await expectTyped(page, "docker run -d --name web busybox sleep 1000");
  const before = await page.locator("html").getAttribute("data-theme");
  await page.keyboard.press("d");
  await expect(page.locator("html")).toHaveAttribute("data-theme", before === "dark" ? "light" : "dark");
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keys" });
  await expect(dialog).toContainText("Page Down");
  await dialog.getByRole("button", { name: "Change the leader" }).click();
  await page.keyboard.press("Control+Shift+KeyS");
  await expect(dialog).toContainText("It is Ctrl+Shift+S now.");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await page.reload();
  await expectTerminal(page, /nestbox:~#$/, 60_000);
  expect(await size()).toBe("25.6px");
});

test("an unknown talk shows those that are there", async ({ page }) => {
  await openPage(page, "/present/?talk=%3Cimg%20src%3Dx%3E");
  await expect(page.getByRole("alert")).toContainText("There is no talk “<img src=x>”");
  await page.getByRole("link", { name: "Isolation in 10 minutes" }).click();
  await expect(page).toHaveURL(/talk=isolation/);
  await expectSlide(page, 1);
});

test("without a machine the slides go on, with the reason and a way back", async ({ page }) => {
  await page.route("**/machine/**", (route) => route.abort());
  await openPage(page, `${TALK}&typing=instant`);
  const alert = page.locator(".card[role=alert]");
  await expect(alert).toContainText("The machine did not start", { timeout: 60_000 });
  for (let at = 0; at < 4; at++) await page.keyboard.press("n");
  await expect(page.getByLabel("Messages")).toContainText("could not be typed and is passed over");
  await page.unroute("**/machine/**");
  await alert.getByRole("button", { name: "Try again" }).click();
  await expectTerminal(page, new RegExp(`${HOST}$`), 60_000);
  await expectSlide(page, 1);
});
