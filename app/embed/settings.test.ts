import { describe, expect, it } from "vitest";
import { commandLines, DEFAULTS, frameAddress, readAddress, readSettings } from "./settings";

describe("settings", () => {
  it("takes what is right", () => {
    const { settings, problems } = readSettings({
      image: " debian:13 ",
      run: "echo a\necho b",
      layout: "split",
      theme: "dark",
      height: "480px",
      init: "visible",
    });
    expect(problems).toEqual([]);
    expect(settings).toEqual({
      image: "debian:13",
      run: ["echo a", "echo b"],
      layout: "split",
      theme: "dark",
      height: 480,
      init: "visible",
    });
  });

  it.each([
    [{ image: "--privileged" }, /^image="--privileged" is not the name of an image/],
    [{ image: "busybox sh" }, /^image="busybox sh"/],
    [{ image: `a${"b".repeat(300)}` }, /^image="abbb/],
    [
      { layout: "Split" },
      /^layout="Split" is not known; use terminal or split\. layout="terminal" is used\.$/,
    ],
    [{ theme: "constructor" }, /use auto, light or dark/],
    [{ init: "never" }, /use click, visible or load/],
    [{ height: "0x200" }, /^height="0x200" is not a number of pixels from 160 to 2000; 320 is used\.$/],
    [{ height: "99999" }, /^height="99999"/],
    [{ run: "x".repeat(4097) }, /^run has 4097 characters in 1 lines/],
    [{ run: "x\n".repeat(101) }, /in 101 lines; at most 4096 and 100 are typed, so nothing is/],
  ])("tells what is wrong with %j, and falls back", (texts, problem) => {
    const read = readSettings(texts);
    expect(read.settings).toEqual(DEFAULTS);
    expect(read.problems).toHaveLength(1);
    expect(read.problems[0]).toMatch(problem);
  });

  it("bounds what it quotes", () => {
    const [problem = ""] = readSettings({ theme: `a\n\x1b[31m${"b".repeat(9999)}` }).problems;
    expect(problem.length).toBeLessThan(200);
    // eslint-disable-next-line no-control-regex -- that there is none is the point
    expect(problem).not.toMatch(/[\x00-\x1f]/);
  });

  it("reads the commands of a listing", () => {
    expect(commandLines("\n  \necho a  \r\n\n# why\nps\n\n")).toEqual(["echo a", "", "# why", "ps"]);
    expect(commandLines("$ id\nuid=0(root)\n$ pwd\n/\n")).toEqual(["id", "pwd"]);
    expect(commandLines("echo \x03\x1b[A done")).toEqual(["echo  [A done"]);
    expect(commandLines("")).toEqual([]);
  });

  it("goes into an address and comes out the same", () => {
    const { settings } = readSettings({
      image: "busybox",
      run: "echo 'a&b=c'\necho \u{1f433} #x",
      layout: "split",
      theme: "light",
    });
    const address = frameAddress("https://a.example/box/", settings, { shared: true, quiet: true });
    expect(address).toMatch(/^https:\/\/a\.example\/box\/embed\/\?image=busybox&/);
    expect(readAddress(new URL(address))).toEqual({
      settings,
      problems: [],
      shared: true,
      quiet: true,
    });
  });

  it("tells of a setting it does not know, and not of what others add to addresses", () => {
    const { settings, problems } = readAddress(new URL("https://a.example/?imge=busybox&utm_source=x&ref=y"));
    expect(settings).toEqual(DEFAULTS);
    expect(problems).toEqual([
      expect.stringMatching(/“imge” in the address is not a setting; known: image, /),
    ]);
  });

  it("takes the longest commands through an address, and refuses an address beyond that", () => {
    const { settings, problems } = readSettings({ run: "\u4e2d".repeat(4096) });
    expect(problems).toEqual([]);
    const address = frameAddress("https://a.example/", settings, { shared: false, quiet: false });
    expect(readAddress(new URL(address)).settings).toEqual(settings);
    // A server sees little of it.
    expect(new URL(address).search.length).toBeLessThan(100);
    const far = readAddress({ search: `?image=busybox&run=${"x".repeat(50_000)}`, hash: "" });
    expect(far.settings).toEqual(DEFAULTS);
    expect(far.problems[0]).toMatch(/longer ones than 40960 are not read/);
  });
});
