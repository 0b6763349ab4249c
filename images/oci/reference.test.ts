import { describe, expect, it } from "vitest";
import { ImageError } from "../types";
import { familiar, parseReference } from "./reference";

const hex = "0123456789abcdef".repeat(4);

describe("parseReference", () => {
  it.each([
    ["debian", "docker.io", "library/debian", "latest", "debian:latest"],
    ["debian:13", "docker.io", "library/debian", "13", "debian:13"],
    ["library/debian", "docker.io", "library/debian", "latest", "debian:latest"],
    ["docker.io/library/debian:13", "docker.io", "library/debian", "13", "debian:13"],
    ["docker.io/debian:13", "docker.io", "library/debian", "13", "debian:13"],
    ["index.docker.io/debian", "docker.io", "library/debian", "latest", "debian:latest"],
    ["someone/app:v1.2_x-y", "docker.io", "someone/app", "v1.2_x-y", "someone/app:v1.2_x-y"],
    ["library/a/b", "docker.io", "library/a/b", "latest", "library/a/b:latest"],
    ["registry.example.com/a/b:1", "registry.example.com", "a/b", "1", "registry.example.com/a/b:1"],
    ["localhost/x", "localhost", "x", "latest", "localhost/x:latest"],
    ["localhost:5000/x:y", "localhost:5000", "x", "y", "localhost:5000/x:y"],
    ["my-host:5000/x", "my-host:5000", "x", "latest", "my-host:5000/x:latest"],
    ["[::1]:5000/x", "[::1]:5000", "x", "latest", "[::1]:5000/x:latest"],
    ["a__b/c-d.e---f", "docker.io", "a__b/c-d.e---f", "latest", "a__b/c-d.e---f:latest"],
  ])("reads %s", (text, host, path, tag, short) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ host, path, tag });
    expect(familiar(reference)).toBe(short);
  });

  it("reads digests, with and without a tag", () => {
    expect(parseReference(`debian@sha256:${hex}`)).toEqual({
      host: "docker.io",
      path: "library/debian",
      digest: `sha256:${hex}`,
    });
    expect(familiar(parseReference(`debian:13@sha256:${hex}`))).toBe(`debian@sha256:${hex}`);
  });

  it.each([
    ["", "empty"],
    [":13", "empty"],
    ["Debian", "lowercase"],
    ["docker.io/Library/debian", "lowercase"],
    ["debian:", "tag"],
    ["debian:-x", "tag"],
    [`debian:${"x".repeat(129)}`, "tag"],
    ["debian@sha256:0123", "digest"],
    [`debian@sha512:${hex}`, "digest"],
    ["a//b", "name"],
    ["/a", "name"],
    ["a/", "name"],
    ["a..b", "name"],
    ["../etc", "host"],
    ["a/../b", "name"],
    ["a___b", "name"],
    ["a b", "name"],
    ["a\nb", "name"],
    ["-a", "name"],
    [hex, "64"],
    ["x".repeat(256), "255"],
    ["-bad-.com/x", "host"],
  ])("refuses %j", (text, why) => {
    expect(() => parseReference(text)).toThrow(ImageError);
    expect(() => parseReference(text)).toThrow(/^invalid reference format: /);
    expect(() => parseReference(text)).toThrow(why);
  });
});
