import { expect, it } from "vitest";
import { MAX_CSS, addressesOf, replaceAddresses } from "./css";

it("finds every address, in every way of writing it", () => {
  const css = `@import "a.css"; @import url( b.css ) print; @import url('c.css') screen and (width > 1px);
    x { background: url(d.png), URL( "e.png" ) } y { src: url('f.woff') format("woff") }`;
  expect(addressesOf(css).map(({ address, sheet, media }) => [address, sheet, media])).toEqual([
    ["a.css", true, ""],
    ["b.css", true, "print"],
    ["c.css", true, "screen and (width > 1px)"],
    ["d.png", false, ""],
    ["e.png", false, ""],
    ["f.woff", false, ""],
  ]);
});

it("leaves what is inside already", () => {
  expect(addressesOf("a{b:url(data:image/png;base64,x)} c{d:url(#filter)} e{f:url()}")).toEqual([]);
});

it("replaces only the addresses", async () => {
  const css = "a{b:url(x.png) no-repeat}\nc{d:url('y.png')}";
  expect(await replaceAddresses(css, async ({ address }) => `<${address}>`)).toBe(
    "a{b:<x.png> no-repeat}\nc{d:<y.png>}",
  );
});

it("does not search what is too long, and is quick with what is nasty", () => {
  expect(addressesOf(`${"x".repeat(MAX_CSS)}url(a)`)).toEqual([]);
  const before = performance.now();
  for (const piece of ["url(", "@import ", 'url("', "@import url( ", "url( ", "@import a "])
    addressesOf(piece.repeat(100_000 / piece.length));
  expect(performance.now() - before).toBeLessThan(3000);
});
