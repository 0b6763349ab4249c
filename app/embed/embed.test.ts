import { describe, expect, it } from "vitest";
import { readOptions } from "./embed";

describe("the options of embed()", () => {
  it("takes what is known", () => {
    expect(
      readOptions({ image: "busybox", height: 200, layout: undefined, base: "https://a.example/box" }),
    ).toEqual({
      texts: { image: "busybox", height: "200" },
      base: "https://a.example/box/",
    });
    expect(readOptions({ origin: "https://a.example" }).base).toBe("https://a.example/");
    expect(readOptions({}).base).toBeUndefined();
  });

  it.each<[unknown, RegExp]>([
    [null, /must be an object/],
    [
      { imgae: "x" },
      /no option “imgae”; known options: image, run, layout, theme, height, init, base or origin/,
    ],
    [{ image: 5 }, /option image must be a text, not number/],
    [{ image: "-x" }, /image="-x" is not the name of an image/],
    [{ height: 5 }, /height="5" is not a number of pixels/],
    [{ base: "javascript:alert(1)" }, /base must be an http or https URL/],
    [{ base: 7 }, /base must be an http or https URL, not “number”/],
    [
      { base: "https://a.example/", origin: "https://b.example" },
      /is not of the origin https:\/\/b\.example/,
    ],
  ])("refuses %j", (options, message) => expect(() => readOptions(options)).toThrow(message));
});
