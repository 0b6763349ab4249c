import { describe, expect, it } from "vitest";
import { FileServer } from "../p9";
import type { ExitStatus } from "../agent/messages";
import { Files, MAX_FILE, parseListing } from "./files";

const encode = (text: string) => new TextEncoder().encode(text);
const server = new FileServer({
  layers: { layer: async () => undefined, layers: async () => [] },
  outboxBytes: 10,
});
const files = new Files(server.share, server.outbox);
const answer =
  (status: ExitStatus, stderr = "") =>
  async () => ({
    status,
    stdout: new Uint8Array(0),
    stderr: encode(stderr),
    truncated: false,
  });
const never = () => Promise.reject(new Error("no program should run for this"));

describe("listings", () => {
  it("pair names with their stat lines, whatever the names hold", () => {
    const names = ["*", "a\nb", "gone", "plain", ".[!.]*"];
    const stats = "81a4 1 *\n41ed 0 a\nb\na1ff 5 plain\n";
    expect(parseListing(encode(`${names.join("\0")}\0\0${stats}`))).toEqual([
      { name: "*", kind: "file", size: 1 },
      { name: "a\nb", kind: "directory", size: 0 },
      { name: "plain", kind: "symlink", size: 5 },
    ]);
  });

  it.each(["", "\0", "\0\0", "a", "a\0\0", "a\0\0zz 1 a\n", "a\0\0" + "81a4 99999999999999999999 a\n"])(
    "of nonsense are empty: %j",
    (text) => expect(parseListing(encode(text))).toEqual([]),
  );
});

describe("share/ and outbox/", () => {
  it("need no program, by either path", async () => {
    await files.write("share/a/b", "x", never, false);
    expect(await files.read("/run/nest/9p/share/a/b", never, false)).toEqual(encode("x"));
    expect(await files.list("share/", never, false)).toEqual([{ name: "a", kind: "directory", size: 0 }]);
  });

  it("are the container's own names inside a container", async () => {
    await expect(
      files.read("share/a/b", answer({ code: 1 }, "cat: No such file"), true),
    ).rejects.toMatchObject({
      code: "not-found",
    });
  });

  it.each([
    ["share/none", "not-found"],
    ["share/a", "failed"],
    ["share/a/b/c", "failed"],
    ["share/../x", "not-found"],
  ])("reading %s is %s", async (path, code) => {
    await expect(files.read(path, never, false)).rejects.toMatchObject({ code });
  });

  it("say when they are full", async () => {
    await expect(files.write("outbox/x", "12345678901", never, false)).rejects.toMatchObject({
      code: "too-large",
    });
  });
});

describe("failures of the guest's tools", () => {
  it.each<[ExitStatus, string, string]>([
    [{ code: 1 }, "cat: can't open '/x': No such file or directory", "not-found"],
    [{ code: 1 }, "cat: read error: Is a directory", "failed"],
    [{ code: 127, error: "cat: no such file or directory" }, "", "unsupported"],
    [{ code: 137, signal: 9, timedOut: true }, "", "timeout"],
    [{ code: 1 }, "Error: No such container: web", "not-found"],
  ])("%j %s is %s", async (status, stderr, code) => {
    await expect(files.read("/x", answer(status, stderr), true)).rejects.toMatchObject({ code });
  });

  it("never reach the guest for paths it cannot have, or data over the bound", async () => {
    await expect(files.read("", never, false)).rejects.toMatchObject({ code: "not-found" });
    await expect(files.list("/a\0b", never, false)).rejects.toMatchObject({ code: "not-found" });
    const write = files.write("/x", new Uint8Array(MAX_FILE + 1), never, false);
    await expect(write).rejects.toMatchObject({ code: "too-large" });
  });
});
