import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { colourOf, levelOf } from "./depth";

const css = readFileSync(new URL("../styles/tokens.css", import.meta.url), "utf8");

type Triple = [number, number, number];

/** [light, dark] of a token, as OKLCH. */
function token(name: string): [Triple, Triple] {
  const one = "oklch\\(([\\d.]+) ([\\d.]+) ([\\d.]+)\\)";
  const match = new RegExp(`${name}: light-dark\\(${one}, ${one}\\)`).exec(css);
  if (!match) throw new Error(`no token ${name}`);
  const numbers = match.slice(1).map(Number);
  return [numbers.slice(0, 3) as Triple, numbers.slice(3) as Triple];
}

/** Relative luminance (WCAG 2) of an OKLCH colour, through linear sRGB (CSS Color 4), clipped to the gamut. */
function luminance([lightness, chroma, hue]: Triple): number {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number): number => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: Triple, b: Triple): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])("level %i", (level) => {
  test.each(["light", "dark"])("ink is readable on its surface, %s", (scheme) => {
    const at = scheme === "light" ? 0 : 1;
    const ink = token(`--level-${level}-ink`)[at];
    expect(contrast(ink, token(`--level-${level}-surface`)[at])).toBeGreaterThanOrEqual(4.5);
    // The border and the cells of a grid are shapes: 3:1 is enough.
    expect(
      contrast(token(`--level-${level}`)[at], token(`--level-${level}-surface`)[at]),
    ).toBeGreaterThanOrEqual(3);
  });
});

test.each(["--text", "--muted", "--fail", "--limit", "--accent"])("%s is readable on the panels", (name) => {
  for (const at of [0, 1] as const) {
    for (const ground of ["--panel", "--bg", "--hover"]) {
      expect(contrast(token(name)[at], token(ground)[at]), `${ground} ${at}`).toBeGreaterThanOrEqual(4.5);
    }
  }
});

test("levels count from the tab, and colours repeat after ten", () => {
  expect(levelOf([])).toBe(3);
  expect(levelOf(["web", "inner"])).toBe(5);
  expect(colourOf(13)).toBe(3);
});
