/** What a person does on the page: waits for it, types, reads. */
import { expect, type Page } from "@playwright/test";

/** Console errors and unhandled rejections seen on a page; a test that expects none checks that it stays empty. */
export function watchErrors(page: Page): string[] {
  const seen: string[] = [];
  page.on("pageerror", (error) => seen.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") seen.push(message.text());
  });
  return seen;
}

/** Opens the page with xterm's accessible text switched on, which is how these tests read the terminal. */
export async function openPage(page: Page, path = "/"): Promise<void> {
  await page.addInitScript(() => {
    if (localStorage.getItem("nestbox.preferences") === null)
      localStorage.setItem("nestbox.preferences", JSON.stringify({ screenReader: true }));
  });
  await page.goto(path);
}

/** The page with a host shell that has shown its prompt. */
export async function openShell(page: Page, path = "/"): Promise<void> {
  await openPage(page, path);
  await page.evaluate(() => window.nestbox.ready);
  await expectTerminal(page, /[#$] *$/);
}

/** What the front terminal shows now, trailing blanks cut. */
export async function terminalText(page: Page): Promise<string> {
  const rows = page.locator('[data-testid="terminal"] .xterm-accessibility-tree > div');
  const lines = await rows.allInnerTexts();
  return lines
    .map((line) => line.replace(/\u00a0/g, " ").trimEnd())
    .join("\n")
    .trimEnd();
}

export async function expectTerminal(page: Page, pattern: RegExp, timeout = 30_000): Promise<void> {
  await expect.poll(() => terminalText(page), { timeout }).toMatch(pattern);
}

/** Types a line on the real keyboard into the front terminal. */
export async function typeLine(page: Page, line: string): Promise<void> {
  await page.locator('[data-testid="terminal"] textarea').focus();
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
}

/** Types a line and waits until `pattern` stands in what came after it. */
export async function run(page: Page, line: string, pattern: RegExp, timeout = 30_000): Promise<void> {
  await typeLine(page, "clear");
  await expectTerminal(page, /^[^\n]*[#$]$/);
  await typeLine(page, line);
  await expectTerminal(page, pattern, timeout);
}
