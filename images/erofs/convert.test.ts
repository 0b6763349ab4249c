import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert, onImage, readErofs, toolAvailable } from "../testing/erofs";
import { tarOf, type TestEntry } from "../testing/tar";
import { ImageError } from "../types";
import { convertLayer } from "./convert";

const withFsck = toolAvailable("fsck.erofs");
const withDump = toolAvailable("dump.erofs");
const withTar = !spawnSync("tar", ["--version"], { stdio: "ignore" }).error;

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const filesystem = async (entries: TestEntry[]) => readErofs(await convert(tarOf(entries)));

/** Contents a directory of several blocks, files of every layout, and every kind of node. */
const everything: TestEntry[] = [
  { name: "./", type: "5", mode: 0o755, mtime: 5 },
  { name: "etc/", type: "5", mode: 0o750, uid: 7, gid: 8, mtime: 1_700_000_000 },
  { name: "etc/empty" },
  { name: "etc/small", data: "small\n" },
  { name: "etc/setuid", data: "x".repeat(512), mode: 0o4755, uid: 100000, pax: { gid: "3000000000" } },
  { name: "etc/block", data: "b".repeat(4096) },
  { name: "etc/large", data: "0123456789".repeat(2000), mode: 0o600 },
  { name: "etc/hard", type: "1", link: "etc/large" },
  { name: "link", type: "2", link: "etc/small" },
  { name: "longlink", type: "2", link: "short", pax: { linkpath: "/t".repeat(2000) } },
  { name: "null", type: "3", mode: 0o666, major: 1, minor: 3 },
  { name: "disk", type: "4", mode: 0o660, major: 259, minor: 70000 },
  { name: "pipe", type: "6", mode: 0o622 },
  { name: "tmp", type: "5", mode: 0o1777 },
  { name: "implied/below/file", data: "deep" },
  {
    name: "attributes",
    data: "a",
    pax: { "SCHILY.xattr.user.note": "hello", "SCHILY.xattr.security.capability": "cap" },
  },
  ...Array.from({ length: 600 }, (_, i) => ({ name: `many/a-rather-long-file-name-${i}`, data: String(i) })),
];

describe("convertLayer", () => {
  it("keeps data, owners, modes, times, links and devices", async () => {
    const nodes = await filesystem(everything);
    expect(nodes.get("")).toMatchObject({ mode: 0o40755, mtime: 5 });
    expect(nodes.get("etc")).toMatchObject({ mode: 0o40750, uid: 7, gid: 8, mtime: 1_700_000_000, links: 2 });
    expect(text(nodes.get("etc/empty")?.data)).toBe("");
    expect(text(nodes.get("etc/small")?.data)).toBe("small\n");
    expect(nodes.get("etc/setuid")).toMatchObject({ mode: 0o104755, uid: 100000, gid: 3_000_000_000 });
    expect(text(nodes.get("etc/block")?.data)).toBe("b".repeat(4096));
    expect(text(nodes.get("etc/large")?.data)).toBe("0123456789".repeat(2000));
    expect(nodes.get("etc/large")).toMatchObject({ mode: 0o100600, links: 2 });
    expect(nodes.get("etc/hard")?.nid).toBe(nodes.get("etc/large")?.nid);
    expect(nodes.get("link")).toMatchObject({ mode: 0o120777 });
    expect(text(nodes.get("link")?.data)).toBe("etc/small");
    expect(text(nodes.get("longlink")?.data)).toBe("/t".repeat(2000));
    expect(nodes.get("null")).toMatchObject({ mode: 0o20666, rdev: (1 << 8) | 3 });
    expect(nodes.get("disk")).toMatchObject({
      mode: 0o60660,
      rdev: (259 << 8) | (70000 & 0xff) | ((70000 & ~0xff) << 12),
    });
    expect(nodes.get("pipe")).toMatchObject({ mode: 0o10622 });
    expect(nodes.get("tmp")).toMatchObject({ mode: 0o41777 });
    expect(nodes.get("implied/below")).toMatchObject({ mode: 0o40755, uid: 0 });
    expect(text(nodes.get("implied/below/file")?.data)).toBe("deep");
    expect(nodes.get("attributes")?.xattrs).toEqual({ "user.note": "hello", "security.capability": "cap" });
    expect([...nodes.keys()].filter((path) => path.startsWith("many/"))).toHaveLength(600);
    expect(text(nodes.get("many/a-rather-long-file-name-599")?.data)).toBe("599");
    expect(nodes.get("many")!.data.length).toBeGreaterThan(4096);
  });

  it("gives the same bytes for the same tar, however it arrives", async () => {
    const tar = tarOf(everything);
    const first = await convert(tar, 1000, 8192);
    expect(await convert(tar, 77_777, 8192)).toEqual(first);
    expect(await convert(tar, 512, 1 << 20)).toEqual(first);
  });

  it("makes an empty root of an empty layer", async () => {
    const nodes = await filesystem([]);
    expect([...nodes.keys()]).toEqual([""]);
    expect(nodes.get("")).toMatchObject({ mode: 0o40755, links: 2 });
  });

  it("lets a later entry replace an earlier one", async () => {
    const nodes = await filesystem([
      { name: "a", data: "old".repeat(1000) },
      { name: "b", type: "1", link: "a" },
      { name: "a", data: "new" },
      { name: "dir/x", data: "gone" },
      { name: "dir", type: "2", link: "elsewhere" },
      { name: "file", data: "f" },
      { name: "file/", type: "5", mode: 0o700 },
      { name: "kept/x", data: "stays" },
      { name: "kept/", type: "5", mode: 0o711, uid: 4 },
    ]);
    expect(text(nodes.get("a")?.data)).toBe("new");
    expect(text(nodes.get("b")?.data)).toBe("old".repeat(1000));
    expect([nodes.get("a")?.links, nodes.get("b")?.links]).toEqual([1, 1]);
    expect(nodes.get("dir")).toMatchObject({ mode: 0o120777 });
    expect(nodes.has("dir/x")).toBe(false);
    expect(nodes.get("file")).toMatchObject({ mode: 0o40700 });
    expect(nodes.get("kept")).toMatchObject({ mode: 0o40711, uid: 4 });
    expect(text(nodes.get("kept/x")?.data)).toBe("stays");
  });

  it("follows a symlinked parent, and never out of the root", async () => {
    const nodes = await filesystem([
      { name: "usr/lib/", type: "5" },
      { name: "lib", type: "2", link: "usr/lib" },
      { name: "lib/x", data: "1" },
      { name: "out", type: "2", link: "../../../.." },
      { name: "out/y", data: "2" },
      { name: "abs", type: "2", link: "/usr" },
      { name: "abs/z", data: "3" },
    ]);
    expect(text(nodes.get("usr/lib/x")?.data)).toBe("1");
    expect(text(nodes.get("y")?.data)).toBe("2");
    expect(text(nodes.get("usr/z")?.data)).toBe("3");
  });

  it("turns whiteouts into overlayfs's, and hides only lower layers with them", async () => {
    const opaque = { "trusted.overlay.opaque": "y", "user.overlay.opaque": "y" };
    const nodes = await filesystem([
      { name: "a/.wh.gone" },
      { name: "b/.wh..wh..opq" },
      { name: "b/new", data: "n" },
      { name: "c/.wh.replaced" },
      { name: "c/replaced/", type: "5" },
      { name: "d/own/x", data: "x" },
      { name: "d/.wh.own" },
      { name: "e/.wh.then/", type: "0" },
      { name: "e/then/file", data: "f" },
      { name: "f", data: "f" },
      { name: ".wh.f" },
      { name: ".wh..wh.plnk/1.2", data: "aufs" },
      { name: ".wh..wh.aufs" },
    ]);
    expect(nodes.get("a/gone")).toMatchObject({ mode: 0o20000, rdev: 0 });
    expect(nodes.get("b")?.xattrs).toEqual(opaque);
    expect(nodes.has("b/new")).toBe(true);
    expect(nodes.get("c/replaced")).toMatchObject({ xattrs: opaque });
    expect(nodes.get("d/own")).toMatchObject({ xattrs: opaque });
    expect(text(nodes.get("d/own/x")?.data)).toBe("x");
    expect(nodes.get("e/then")).toMatchObject({ xattrs: opaque });
    expect(text(nodes.get("f")?.data)).toBe("f");
    expect([...nodes.keys()].filter((path) => path.includes(".wh."))).toEqual([]);
  });

  it("lets no image steer the overlay, and passes over attributes Linux does not keep", async () => {
    const pax = {
      "SCHILY.xattr.trusted.overlay.redirect": "/etc",
      "SCHILY.xattr.user.overlay.opaque": "y",
      "SCHILY.xattr.com.apple.quarantine": "q",
      "SCHILY.xattr.trusted.fine": "t",
    };
    expect((await filesystem([{ name: "x", pax }])).get("x")?.xattrs).toEqual({ "trusted.fine": "t" });
  });

  it("puts inodes with large attributes and inline data where they fit", async () => {
    const nodes = await filesystem(
      Array.from({ length: 60 }, (_, i) => ({
        name: `f${i}`,
        data: "d".repeat(i * 8),
        pax: { "SCHILY.xattr.user.big": "v".repeat(i * 150) },
      })),
    );
    for (let i = 0; i < 60; i++) {
      expect(nodes.get(`f${i}`)?.data.length).toBe(i * 8);
      expect(nodes.get(`f${i}`)?.xattrs["user.big"]?.length).toBe(i * 150);
    }
  });

  it.each<[string, TestEntry[], string, string]>([
    ["a hard link to nothing", [{ name: "x", type: "1", link: "y" }], "bad-image", "does not hold"],
    [
      "a hard link to a directory",
      [
        { name: "d/", type: "5" },
        { name: "x", type: "1", link: "d" },
      ],
      "bad-image",
      "directory",
    ],
    [
      "a hard link to a whiteout",
      [{ name: ".wh.y" }, { name: "x", type: "1", link: "y" }],
      "bad-image",
      "does not hold",
    ],
    ["a parent that is a file", [{ name: "a" }, { name: "a/b" }], "bad-image", "no directory"],
    [
      "symlinks in a circle",
      [{ name: "a", type: "2", link: "b" }, { name: "b", type: "2", link: "a" }, { name: "a/x" }],
      "bad-image",
      "too many symbolic links",
    ],
    ["a root that is a file", [{ name: "./", type: "2", link: "x" }], "bad-image", "root"],
    ["a whiteout of ..", [{ name: "a/.wh..." }], "bad-image", "whiteout of nothing"],
    ["content in a whiteout", [{ name: ".wh.a/b" }], "bad-image", "within a whiteout"],
    [
      "huge attributes",
      [{ name: "x", pax: { "SCHILY.xattr.user.x": "v".repeat(65536) } }],
      "bad-image",
      "larger than Linux allows",
    ],
  ])("refuses %s", async (_what, entries, code, message) => {
    const failure = convert(tarOf(entries));
    await expect(failure).rejects.toThrow(ImageError);
    await expect(failure).rejects.toMatchObject({ code });
    await expect(failure).rejects.toThrow(message);
  });

  it("refuses more than its limit before reading it", async () => {
    const tar = tarOf([{ name: "bomb", size: 2 ** 33 }]);
    const options = { chunkSize: 4096, uuid: new Uint8Array(16), limit: 2 ** 30 };
    await expect(convertLayer([tar][Symbol.iterator]() as never, () => {}, options)).rejects.toThrow();
    const stream = (async function* () {
      yield tar;
    })();
    await expect(convertLayer(stream, () => {}, options)).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe.skipIf(!withFsck)("fsck.erofs", () => {
  it("finds no fault", async () => {
    for (const entries of [[], everything, [{ name: "a/.wh..wh..opq" }, { name: "a/.wh.b" }]]) {
      const { status, output } = onImage(await convert(tarOf(entries)), "fsck.erofs", (path) => [
        "-d3",
        path,
      ]);
      expect(output).toContain("No errors found");
      expect(output).not.toContain("<E>");
      expect(status).toBe(0);
    }
  });

  it("would notice a damaged superblock", async () => {
    const image = await convert(tarOf(everything));
    image[1024 + 36]! ^= 1;
    // It exits with 0 all the same.
    expect(onImage(image, "fsck.erofs", (path) => [path]).output).toContain("chksum doesn't match");
  });

  it.skipIf(!withTar)("extracts what GNU tar packed", async () => {
    const source = mkdtempSync(join(tmpdir(), "nestbox-tar-"));
    try {
      const script = `mkdir -p "d/$(printf %060d 1)" && printf hi > "d/$(printf %060d 1)/$(printf %070d 2)"
        seq 100000 > numbers; ln numbers again; ln -s /no/where dangling; : > empty; mkdir -m 700 private; seq 300 > private/few`;
      execFileSync("sh", ["-c", script], { cwd: source });
      for (const format of ["gnu", "posix", "ustar"]) {
        const args = ["--create", `--format=${format}`, "--owner=0", "--group=0", "--sort=name", "."];
        const tar = execFileSync("tar", args, { cwd: source, maxBuffer: 1 << 24 });
        const image = await convert(new Uint8Array(tar), 10_000, 65536);
        onImage(
          image,
          "fsck.erofs",
          (path, folder) => [`--extract=${join(folder, "out")}`, path],
          (folder) => {
            const out = join(folder, "out");
            for (const name of [
              "numbers",
              "again",
              "empty",
              "private/few",
              `d/${"1".padStart(60, "0")}/${"2".padStart(70, "0")}`,
            ]) {
              expect(readFileSync(join(out, name)).equals(readFileSync(join(source, name)))).toBe(true);
            }
            expect(readlinkSync(join(out, "dangling"))).toBe("/no/where");
            expect(lstatSync(join(out, "private")).mode & 0o777).toBe(0o700);
            expect(lstatSync(join(out, "numbers")).mtimeMs).toBeCloseTo(
              lstatSync(join(source, "numbers")).mtimeMs,
              -4,
            );
            expect(existsSync(join(out, "absent"))).toBe(false);
          },
        );
      }
    } finally {
      rmSync(source, { recursive: true, force: true });
    }
  });
});

describe.skipIf(!withDump)("dump.erofs", () => {
  it("reads superblock and inodes as meant", async () => {
    const image = await convert(tarOf(everything));
    const superblock = onImage(image, "dump.erofs", (path) => ["-s", path]).output;
    expect(superblock).toMatch(/Filesystem features:\s+sb_csum mtime/);
    expect(superblock).toMatch(new RegExp(`Filesystem blocks:\\s+${image.length / 4096}\n`));
    expect(superblock).toContain("07070707-0707-0707-0707-070707070707");
    const inode = onImage(image, "dump.erofs", (path) => ["--path=/etc/hard", path]).output;
    expect(inode).toMatch(/Links: 2/);
    expect(inode).toMatch(/Uid: 0\s+Gid: 0\s+Access: 0600/);
    expect(inode).toMatch(/On-disk size: 20000/);
    expect(onImage(image, "dump.erofs", (path) => ["--path=/attributes", path]).output).toMatch(
      /Xattr size: [1-9]/,
    );
  });
});
