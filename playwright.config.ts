import { defineConfig } from "@playwright/test";
import { existsSync } from "node:fs";

const PORT = 4180;
/** Debian's browser where there is one; elsewhere the one `npx playwright install chromium` fetches. */
const debian = "/usr/bin/chromium";

export default defineConfig({
  testDir: "test/e2e",
  outputDir: "test-results",
  // Each test keeps an emulated computer busy.
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  // A loaded CI machine may be slow once; what needed a second try is reported as flaky.
  retries: process.env["CI"] ? 1 : 0,
  forbidOnly: Boolean(process.env["CI"]),
  reporter: [["list"]],
  use: {
    baseURL: `http://localhost:${PORT}`,
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      ...(existsSync(debian) ? { executablePath: debian } : {}),
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    },
  },
  webServer: {
    command: `npx tsx scripts/start.ts --no-open --port ${PORT}`,
    url: `http://localhost:${PORT}/`,
    timeout: 300_000,
    reuseExistingServer: false,
    stdout: "ignore",
  },
});
