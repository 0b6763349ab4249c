/** Our erofs images judged by the kernel itself: layers of every kind of entry, seen from inside a container. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { layoutFiles } from "../../images/testing/registry";
import type { TestEntry } from "../../images/testing/tar";

let sandbox: Sandbox;
const registryDir = mkdtempSync(join(tmpdir(), "nestbox-registry-"));
const big = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) ^ (i >> 8));
const longName = `${"deep/".repeat(30)}${"n".repeat(200)}`;

/** The shipped busybox program: what looks at the layers from inside. */
function busybox(): Uint8Array {
  const blobs = fileURLToPath(new URL("../../images/registry/busybox/blobs/sha256/", import.meta.url));
  for (const name of readdirSync(blobs)) {
    const blob = readFileSync(join(blobs, name));
    if (blob[0] !== 0x1f || blob[1] !== 0x8b) continue;
    const tar = gunzipSync(blob);
    for (let at = 0; at + 512 <= tar.length;) {
      const size = parseInt(tar.toString("latin1", at + 124, at + 136), 8) || 0;
      // All its names are links of one file, by far the biggest.
      if (size > 1_000_000) return tar.subarray(at + 512, at + 512 + size);
      at += 512 + Math.ceil(size / 512) * 512;
    }
  }
  throw new Error("no busybox in images/registry/busybox");
}

const lower: TestEntry[] = [
  { name: "bin/", type: "5", mode: 0o755 },
  { name: "bin/busybox", data: busybox(), mode: 0o755 },
  { name: "bin/sh", type: "1", link: "bin/busybox" },
  { name: "proc/", type: "5", mode: 0o555 },
  { name: "sys/", type: "5", mode: 0o555 },
  { name: "dev/", type: "5", mode: 0o755 },
  { name: "plain", data: "plain file\n", mode: 0o640, uid: 1000, gid: 2000, mtime: 1_234_567_890 },
  { name: "empty", data: "" },
  { name: "big", data: big },
  { name: "setuid", data: "x", mode: 0o4755 },
  { name: "sticky/", type: "5", mode: 0o1777 },
  { name: "link", type: "2", link: "plain" },
  { name: "absolute", type: "2", link: "/etc/nowhere" },
  { name: "hard", type: "1", link: "plain" },
  { name: "fifo", type: "6", mode: 0o600 },
  { name: "null", type: "3", major: 1, minor: 3, mode: 0o666 },
  { name: "block", type: "4", major: 7, minor: 9, mode: 0o660 },
  { name: "x", data: "long", pax: { path: longName } },
  { name: "gone", data: "whited out above" },
  { name: "opaque/below", data: "hidden above" },
  { name: "merged/below", data: "seen" },
  { name: "replaced", data: "old" },
];
const upper: TestEntry[] = [
  { name: ".wh.gone", data: "" },
  { name: "opaque/", type: "5", mode: 0o700 },
  { name: "opaque/.wh..wh..opq", data: "" },
  { name: "opaque/above", data: "new" },
  { name: "merged/above", data: "also seen" },
  { name: "replaced", data: "new" },
];

const inside = (script: string) =>
  sandbox.exec(["docker", "run", "--rm", "--entrypoint", "/bin/busybox", "fixture", "sh", "-c", script]);

async function ok(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await inside(script);
  expect({ script, exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stdout.trimEnd();
}

beforeAll(async () => {
  const files = layoutFiles([{ name: "fixture", tags: ["latest"], layers: [lower, upper] }]);
  for (const [path, bytes] of files) {
    const file = join(registryDir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  sandbox = startNodeSandbox({ registryDir });
  await sandbox.ready;
}, 120_000);

afterAll(async () => {
  await sandbox.stop();
  rmSync(registryDir, { recursive: true, force: true });
});

it("keeps types, modes, owners, times, link counts and devices", async () => {
  const stat = await ok(
    "cd /; busybox stat -c '%n|%F|%a|%u|%g|%h|%t,%T' plain empty setuid sticky link fifo null block",
  );
  expect(stat.split("\n")).toEqual([
    "plain|regular file|640|1000|2000|2|0,0",
    expect.stringMatching(/^empty\|regular empty file\|644\|0\|0\|1\|/),
    expect.stringMatching(/^setuid\|regular file\|4755\|0\|0\|1\|/),
    expect.stringMatching(/^sticky\|directory\|1777\|0\|0\|2\|/),
    expect.stringMatching(/^link\|symbolic link\|777\|0\|0\|1\|/),
    expect.stringMatching(/^fifo\|fifo\|600\|0\|0\|1\|/),
    "null|character special file|666|0|0|1|1,3",
    "block|block special file|660|0|0|1|7,9",
  ]);
  expect(await ok("busybox stat -c %Y /plain")).toBe("1234567890");
  expect(await ok("busybox readlink /link; busybox readlink /absolute; busybox cat /link")).toBe(
    "plain\n/etc/nowhere\nplain file",
  );
  expect(await ok("busybox stat -c %i /plain /hard | busybox uniq | busybox wc -l")).toBe("1");
});

it("keeps every byte of big files and finds long names", async () => {
  const sha = createHash("sha256").update(big).digest("hex");
  expect(await ok("busybox sha256sum /big")).toBe(`${sha}  /big`);
  expect(await ok(`busybox cat /${longName}`)).toBe("long");
});

it("turns whiteouts and opaque directories into overlayfs's own", async () => {
  expect(
    await ok("busybox ls /gone 2>&1; busybox ls /opaque; busybox ls /merged; busybox cat /replaced"),
  ).toBe("ls: /gone: No such file or directory\nabove\nabove\nbelow\nnew");
});

it("lets a container open no device that an image brought", async () => {
  expect((await inside("echo x >/null")).exitCode).not.toBe(0);
});
