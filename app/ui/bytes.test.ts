import { expect, test } from "vitest";
import { formatBytes } from "./bytes";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [4_210_000, "4.21 MB"],
  [76_000_000, "76 MB"],
  [999_600, "1 MB"],
  [-5, "0 B"],
])("%i bytes read %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
