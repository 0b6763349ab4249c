import { beforeEach, describe, expect, it } from "vitest";
import { seeded } from "../agent/fake";
import { P9Client, decode } from "./client.fake";
import type { LayerSource } from "./layers";
import { E, NO_FID, T, Writer } from "./message";
import { listPath, readPath, writePath } from "./page";
import { FileServer } from "./server";

const HEX = "ab".repeat(32);
const LAYER = new Uint8Array(8192).map((_, i) => i % 251);
const text = (s: string) => new TextEncoder().encode(s);

let stored: boolean;
let hold: Promise<void> | undefined;
let lost: string[];
let server: FileServer;
let client: P9Client;

const source: LayerSource = {
  layer: async (diffId) =>
    stored && diffId.endsWith(HEX)
      ? {
          size: LAYER.length,
          read: async (offset, length) => {
            await hold;
            return LAYER.slice(offset, offset + length);
          },
        }
      : undefined,
  layers: async () => (stored ? [{ diffId: `sha256:${HEX}`, size: LAYER.length }] : []),
};

function make(): FileServer {
  return new FileServer({
    layers: source,
    onLostLayer: (id) => lost.push(id),
    shareBytes: 10_000,
    outboxBytes: 1000,
  });
}

const refused = (errno: number): unknown => expect.objectContaining({ errno });

beforeEach(async () => {
  stored = true;
  hold = undefined;
  lost = [];
  server = make();
  client = new P9Client(server);
  await client.attach();
});

describe("version and attach", () => {
  it("takes no more than 128 KiB messages and knows only 9P2000.L", async () => {
    const r = await client.ask(T.version, (w) => w.u32(1 << 20).string("9P2000.L"));
    expect([r.u32(), r.string()]).toEqual([131072, "9P2000.L"]);
    const other = await client.ask(T.version, (w) => w.u32(8192).string("9P2000.u"));
    expect([other.u32(), other.string()]).toEqual([8192, "unknown"]);
    await expect(client.ask(T.version, (w) => w.u32(100).string("9P2000.L"))).rejects.toEqual(
      refused(E.INVAL),
    );
  });

  it("forgets all fids at a new version", async () => {
    await client.ask(T.version, (w) => w.u32(131072).string("9P2000.L"));
    await expect(client.getattr(0)).rejects.toEqual(refused(E.BADF));
  });

  it("refuses authentication fids and fids in use", async () => {
    const attach = (fid: number, afid: number) =>
      client.ask(T.attach, (w) => w.u32(fid).u32(afid).string("").string("").u32(0));
    await expect(attach(5, 1)).rejects.toEqual(refused(E.INVAL));
    await expect(attach(0, NO_FID)).rejects.toEqual(refused(E.INVAL));
    await expect(client.ask(T.auth, (w) => w.u32(1))).rejects.toEqual(refused(E.OPNOTSUPP));
  });
});

describe("walk", () => {
  it("clones, walks down, up, and stops where a name is missing", async () => {
    expect(await client.walk(0, 1)).toBe(0);
    expect(await client.walk(0, 2, "share")).toBe(1);
    expect(await client.walk(2, 3, "..", "outbox")).toBe(2);
    expect((await client.getattr(3)).qid.path).toBe(1n << 40n);
    expect(await client.walk(0, 4, "share", "nothing")).toBe(1);
    await expect(client.getattr(4)).rejects.toEqual(refused(E.BADF));
    await expect(client.walk(0, 5, "nothing")).rejects.toEqual(refused(E.NOENT));
    await expect(client.walk(0, 2)).rejects.toEqual(refused(E.INVAL));
    await expect(client.walk(0, 9, ...Array<string>(17).fill("share"))).rejects.toEqual(refused(E.INVAL));
  });

  it("does not walk through files, nor above the root", async () => {
    await client.walk(0, 1, "layers", `${HEX}.erofs`);
    await expect(client.walk(1, 2, "x")).rejects.toEqual(refused(E.NOTDIR));
    await client.walk(0, 3, "..", "..");
    expect((await client.getattr(3)).qid.path).toBe(1n);
  });
});

describe("layers", () => {
  it("are listed and read lazily, with ids that rest on the diffId alone", async () => {
    await client.walk(0, 1, "layers");
    await client.open(1);
    expect(await client.names(1)).toEqual([".", "..", `${HEX}.erofs`]);
    await client.walk(0, 2, "layers", `${HEX}.erofs`);
    const { qid, size, mode } = await client.getattr(2);
    expect([qid.path, size, mode]).toEqual([BigInt(`0x${HEX.slice(0, 16)}`) | (1n << 63n), 8192, 0o100444]);
    await client.open(2);
    expect(await client.read(2, 4000, 200)).toEqual(LAYER.slice(4000, 4200));
    expect(await client.read(2, 8190, 200)).toEqual(LAYER.slice(8190));
    expect(await client.read(2, 99_999, 10)).toEqual(new Uint8Array(0));
  });

  it("cannot be written, made, removed or renamed", async () => {
    await client.walk(0, 1, "layers", `${HEX}.erofs`);
    await expect(client.open(1, 1)).rejects.toEqual(refused(E.ROFS));
    await client.walk(0, 2, "layers");
    await expect(client.create(2, "x")).rejects.toEqual(refused(E.ROFS));
    await expect(client.ask(T.unlinkat, (w) => w.u32(2).string("x").u32(0))).rejects.toEqual(refused(E.ROFS));
    await expect(client.ask(T.mkdir, (w) => w.u32(0).string("x").u32(0).u32(0))).rejects.toEqual(
      refused(E.ROFS),
    );
  });

  it.each(["x.erofs", HEX, `${HEX.toUpperCase()}.erofs`, `${"cd".repeat(32)}.erofs`, "..erofs"])(
    "have no file %s",
    async (name) => {
      await client.walk(0, 1, "layers");
      await expect(client.walk(1, 2, name)).rejects.toEqual(refused(E.NOENT));
    },
  );

  it("give EIO, and say which, once the store has lost them", async () => {
    await client.walk(0, 1, "layers", `${HEX}.erofs`);
    stored = false;
    await expect(client.open(1)).rejects.toEqual(refused(E.IO));
    expect(lost).toEqual([`sha256:${HEX}`]);
  });
});

describe("share and outbox", () => {
  beforeEach(async () => {
    await client.walk(0, 1, "share");
  });

  it("let the guest make, write, read and list files that the page sees", async () => {
    await client.create(1, "a.txt");
    expect(await client.write(1, 3, text("lo"))).toBe(2);
    expect(await client.write(1, 0, text("hel"))).toBe(3);
    expect(await client.read(1, 0, 100)).toEqual(text("hello"));
    expect(readPath(server.share, ["a.txt"])).toEqual(text("hello"));
    expect(listPath(server.share, [])).toEqual([{ name: "a.txt", kind: "file", size: 5 }]);
  });

  it("show the guest what the page puts in", async () => {
    writePath(server.share, ["dir", "ü"], text("page"));
    expect(await client.walk(0, 2, "share", "dir", "ü")).toBe(3);
    await client.open(2);
    expect(await client.read(2, 1, 2)).toEqual(text("ag"));
    await expect(client.write(2, 0, text("x"))).rejects.toEqual(refused(E.BADF));
  });

  it("append where the file ends, and truncate on request", async () => {
    writePath(server.share, ["f"], text("abc"));
    await client.walk(0, 2, "share", "f");
    await client.open(2, 1 | 0o2000);
    await client.write(2, 0, text("def"));
    expect(readPath(server.share, ["f"])).toEqual(text("abcdef"));
    await client.walk(0, 3, "share", "f");
    await client.open(3, 2 | 0o1000);
    expect(readPath(server.share, ["f"]).length).toBe(0);
  });

  it("open instead of create when the file is there, unless O_EXCL", async () => {
    writePath(server.share, ["f"], text("abc"));
    await client.walk(0, 2, "share");
    await client.create(2, "f");
    expect(await client.read(2, 0, 9)).toEqual(text("abc"));
    await expect(client.create(1, "f", 2 | 0o200)).rejects.toEqual(refused(E.EXIST));
  });

  it("say ENOSPC beyond their allowance, and give room back", async () => {
    await client.walk(0, 2, "outbox");
    await client.create(2, "big");
    await client.write(2, 0, new Uint8Array(1000));
    await expect(client.write(2, 1000, new Uint8Array(1))).rejects.toEqual(refused(E.NOSPC));
    expect(() => writePath(server.outbox, ["more"], text("x"))).toThrow(refused(E.NOSPC));
    await client.walk(0, 3, "outbox");
    await client.ask(T.unlinkat, (w) => w.u32(3).string("big").u32(0));
    expect(await client.read(2, 0, 2000)).toEqual(new Uint8Array(1000));
    await expect(client.write(2, 1000, new Uint8Array(1))).rejects.toEqual(refused(E.NOSPC));
    writePath(server.outbox, ["more"], new Uint8Array(1000));
  });

  it("refuse a file beyond any bound before making room for it", async () => {
    await client.create(1, "f");
    await expect(client.write(1, 2 ** 52, text("x"))).rejects.toEqual(refused(E.NOSPC));
    const setSize = (size: bigint) =>
      client.ask(T.setattr, (w) =>
        w.u32(1).u32(8).u32(0).u32(0).u32(0).u64(size).u64(0).u64(0).u64(0).u64(0),
      );
    await expect(setSize(2n ** 64n - 1n)).rejects.toEqual(refused(E.FBIG));
    await setSize(100n);
    expect((await client.getattr(1)).size).toBe(100);
  });

  it("shrink and grow with zeros between", async () => {
    writePath(server.share, ["f"], text("abcdef"));
    await client.walk(0, 2, "share", "f");
    const resize = (size: number) =>
      client.ask(T.setattr, (w) =>
        w.u32(2).u32(8).u32(0).u32(0).u32(0).u64(size).u64(0).u64(0).u64(0).u64(0),
      );
    await resize(2);
    await resize(5);
    expect([...readPath(server.share, ["f"])]).toEqual([97, 98, 0, 0, 0]);
  });

  it("keep mode and times; owners stay root", async () => {
    await client.create(1, "f");
    const set = (valid: number, mode: number, uid: number) =>
      client.ask(T.setattr, (w) =>
        w.u32(1).u32(valid).u32(mode).u32(uid).u32(0).u64(0).u64(11).u64(5_000_000).u64(12).u64(6_000_000),
      );
    await set(0x1 | 0x10 | 0x80 | 0x20 | 0x100, 0o100600, 0);
    expect(await client.getattr(1)).toMatchObject({
      mode: 0o100600,
      accessed: 11_005,
      modified: 12_006,
      uid: 0,
    });
    await set(2, 0, 0);
    await expect(set(2, 0, 1000)).rejects.toEqual(refused(E.PERM));
  });

  it("make and remove directories, never full ones", async () => {
    const mkdir = (name: string) => client.ask(T.mkdir, (w) => w.u32(1).string(name).u32(0o755).u32(0));
    const unlink = (name: string, flags: number) =>
      client.ask(T.unlinkat, (w) => w.u32(1).string(name).u32(flags));
    await mkdir("d");
    await expect(mkdir("d")).rejects.toEqual(refused(E.EXIST));
    writePath(server.share, ["d", "f"], text("x"));
    await expect(unlink("d", 0)).rejects.toEqual(refused(E.ISDIR));
    await expect(unlink("d", 0x200)).rejects.toEqual(refused(E.NOTEMPTY));
    await client.walk(1, 2, "d", "f");
    await client.ask(T.remove, (w) => w.u32(2));
    await expect(client.getattr(2)).rejects.toEqual(refused(E.BADF));
    await unlink("d", 0x200);
    await expect(unlink("d", 0x200)).rejects.toEqual(refused(E.NOENT));
  });

  it.each(["", ".", "..", "a/b", "a\0b"])("refuse the name %j", async (name) => {
    await expect(client.create(1, name)).rejects.toEqual(refused(E.INVAL));
  });

  it("refuse names over 255 bytes and trees over 64 deep", async () => {
    await expect(client.create(1, "ü".repeat(128))).rejects.toEqual(refused(E.NAMETOOLONG));
    const deep = Array<string>(80).fill("d");
    expect(() => writePath(server.share, deep, text("x"))).toThrow(refused(E.NAMETOOLONG));
  });

  it("rename within a tree, over files, never into themselves or across trees", async () => {
    writePath(server.share, ["a"], text("A"));
    writePath(server.share, ["b"], text("B"));
    writePath(server.share, ["d", "x"], text("X"));
    const rename = (from: number, name: string, to: number, newName: string) =>
      client.ask(T.renameat, (w) => w.u32(from).string(name).u32(to).string(newName));
    await rename(1, "a", 1, "b");
    expect(readPath(server.share, ["b"])).toEqual(text("A"));
    await client.walk(1, 2, "d");
    await expect(rename(1, "d", 2, "e")).rejects.toEqual(refused(E.INVAL));
    await expect(rename(1, "b", 1, "d")).rejects.toEqual(refused(E.ISDIR));
    await expect(rename(1, "none", 1, "c")).rejects.toEqual(refused(E.NOENT));
    await client.walk(0, 3, "outbox");
    await expect(rename(1, "b", 3, "b")).rejects.toEqual(refused(E.XDEV));
    await rename(1, "b", 2, "moved");
    expect(readPath(server.share, ["d", "moved"])).toEqual(text("A"));
    await client.walk(2, 4, "moved");
    await client.ask(T.rename, (w) => w.u32(4).u32(1).string("back"));
    expect(readPath(server.share, ["back"])).toEqual(text("A"));
    expect(server.share.bytes).toBe(2);
  });

  it("list directories in pieces, and once begun as they were", async () => {
    for (let i = 0; i < 50; i++) writePath(server.share, [`file-${i}`], text(""));
    await client.walk(0, 2, "share");
    await client.open(2);
    expect((await client.names(2, 200)).sort()).toEqual(
      [".", "..", ...Array.from({ length: 50 }, (_, i) => `file-${i}`)].sort(),
    );
  });

  it("answer statfs with what is free", async () => {
    writePath(server.share, ["f"], new Uint8Array(5000));
    const r = await client.ask(T.statfs, (w) => w.u32(1));
    expect([r.u32(), r.u32(), r.u64(), r.u64()]).toEqual([0x01021997, 4096, 2, 1]);
  });

  it("answer the rest of what Linux asks", async () => {
    await client.create(1, "f");
    await client.ask(T.fsync, (w) => w.u32(1).u32(0));
    const lock = await client.ask(T.lock, (w) => w.u32(1).u8(1).u32(0).u64(0).u64(0).u32(1).string("c"));
    expect(lock.u8()).toBe(0);
    const held = await client.ask(T.getlock, (w) => w.u32(1).u8(1).u64(5).u64(6).u32(7).string("c"));
    expect([held.u8(), held.u64(), held.u64(), held.u32(), held.string()]).toEqual([2, 5, 6, 7, "c"]);
    const errno = async (type: number, build: (w: Writer) => Writer) =>
      (await client.send(type, build).reply).errno;
    expect(await errno(T.xattrwalk, (w) => w.u32(1).u32(9).string("user.x"))).toBe(E.NODATA);
    expect(await errno(T.xattrwalk, (w) => w.u32(1).u32(9).string(""))).toBe(E.OPNOTSUPP);
    expect(await errno(T.xattrcreate, (w) => w.u32(1).string("user.x").u64(1).u32(0))).toBe(E.OPNOTSUPP);
    expect(await errno(T.readlink, (w) => w.u32(1))).toBe(E.INVAL);
    expect(await errno(T.symlink, (w) => w.u32(1).string("l").string("t").u32(0))).toBe(E.PERM);
    expect(await errno(T.link, (w) => w.u32(1).u32(1).string("l"))).toBe(E.PERM);
    expect(await errno(T.mknod, (w) => w.u32(1).string("n").u32(0).u32(0).u32(0).u32(0))).toBe(E.PERM);
    expect(await errno(77, (w) => w)).toBe(E.OPNOTSUPP);
    await client.ask(T.clunk, (w) => w.u32(1));
    expect(await errno(T.clunk, (w) => w.u32(1))).toBe(E.BADF);
  });

  it("need a file to be opened the right way first", async () => {
    writePath(server.share, ["f"], text("abc"));
    await client.walk(0, 2, "share", "f");
    await expect(client.read(2, 0, 1)).rejects.toEqual(refused(E.BADF));
    await client.open(2, 1);
    await expect(client.read(2, 0, 1)).rejects.toEqual(refused(E.BADF));
    await expect(client.open(2, 0)).rejects.toEqual(refused(E.INVAL));
    await expect(client.open(1, 1)).rejects.toEqual(refused(E.ISDIR));
    await expect(client.names(1)).rejects.toEqual(refused(E.BADF));
  });

  it("bound the number of fids", async () => {
    for (let i = 10; i < 65_544; i++) server.handle(walkRequest(i), () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(client.walk(0, 70_000)).rejects.toEqual(refused(E.MFILE));
  });
});

function walkRequest(target: number): Uint8Array {
  return new Writer(T.walk, target & 0xffff).u32(0).u32(target).u16(0).finish();
}

describe("flush", () => {
  let release: () => void;

  beforeEach(async () => {
    await client.walk(0, 1, "layers", `${HEX}.erofs`);
    await client.open(1);
    hold = new Promise((resolve) => (release = resolve));
    client.replies.length = 0;
  });

  it("answers the old request with EINTR first, and never again", async () => {
    const read = client.send(T.read, (w) => w.u32(1).u64(0).u32(100));
    const flush = client.send(T.flush, (w) => w.u16(read.tag));
    expect((await read.reply).errno).toBe(E.INTR);
    expect((await flush.reply).type).toBe(T.flush + 1);
    expect(client.replies.map(({ tag }) => tag)).toEqual([read.tag, flush.tag]);
    release();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(client.replies.length).toBe(2);
    hold = undefined;
    const again = client.send(T.read, (w) => w.u32(1).u64(0).u32(100), read.tag);
    expect((await again.reply).type).toBe(T.read + 1);
  });

  it("is answered when there is nothing to flush", async () => {
    expect((await client.send(T.flush, (w) => w.u16(4711)).reply).type).toBe(T.flush + 1);
    const self = client.send(T.flush, (w) => w.u16(99), 99);
    expect((await self.reply).type).toBe(T.flush + 1);
  });

  it("leaves no fid behind from a flushed walk", async () => {
    const walk = client.send(T.walk, (w) => w.u32(0).u32(7).u16(1).string("layers"));
    client.send(T.flush, (w) => w.u16(walk.tag));
    expect((await walk.reply).errno).toBe(E.INTR);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(client.getattr(7)).rejects.toEqual(refused(E.BADF));
  });

  it("is not needed at a new version: what waits is interrupted", async () => {
    const read = client.send(T.read, (w) => w.u32(1).u64(0).u32(100));
    await client.ask(T.version, (w) => w.u32(131072).string("9P2000.L"));
    expect((await read.reply).errno).toBe(E.INTR);
  });

  it("is told apart from a tag that is already in use", async () => {
    const read = client.send(T.read, (w) => w.u32(1).u64(0).u32(100));
    const twin = client.send(T.clunk, (w) => w.u32(1), read.tag);
    expect((await twin.reply).errno).toBe(E.INVAL);
    release();
    expect((await read.reply).type).toBe(T.read + 1);
  });
});

describe("snapshots", () => {
  it("keep fids, open state and contents in a fresh server, through JSON", async () => {
    await client.walk(0, 1, "share");
    await client.create(1, "f");
    await client.write(1, 0, text("before"));
    await client.walk(0, 2, "layers", `${HEX}.erofs`);
    await client.open(2);
    await client.walk(0, 3, "outbox");
    const ids = await Promise.all([1, 2, 3].map(async (fid) => (await client.getattr(fid)).qid.path));

    const saved = JSON.parse(JSON.stringify(server.save())) as unknown;
    server = make();
    await server.restore(saved);
    client = new P9Client(server);
    expect(await Promise.all([1, 2, 3].map(async (fid) => (await client.getattr(fid)).qid.path))).toEqual(
      ids,
    );
    expect(await client.write(1, 6, text(" after"))).toBe(6);
    expect(readPath(server.share, ["f"])).toEqual(text("before after"));
    expect(await client.read(2, 0, 10)).toEqual(LAYER.slice(0, 10));
    expect(await client.walk(3, 4, "..", "share", "f")).toBe(3);
    await client.create(3, "new");
    const fresh = (await client.getattr(3)).qid.path;
    expect(ids).not.toContain(fresh);
  });

  it("keep files of any size to the byte", async () => {
    const sizes = [0, 1, 2, 3, 24_575, 24_576, 24_577, 100_000];
    const content = (size: number) => new Uint8Array(size).map((_, i) => (i * 7) % 256);
    const big = () => new FileServer({ layers: source, shareBytes: 1 << 20 });
    const before = big();
    for (const size of sizes) writePath(before.share, [`f${size}`], content(size));
    const after = big();
    await after.restore(before.save());
    for (const size of sizes) expect(readPath(after.share, [`f${size}`])).toEqual(content(size));
    expect(after.share.bytes).toBe(before.share.bytes);
  });

  it("give EIO for a layer that is no longer stored, and ESTALE for a file without a name", async () => {
    await client.walk(0, 1, "share");
    await client.create(1, "f");
    await client.walk(0, 3, "share");
    await client.ask(T.unlinkat, (w) => w.u32(3).string("f").u32(0));
    await client.walk(0, 2, "layers", `${HEX}.erofs`);
    await client.open(2);
    const saved = server.save();
    stored = false;
    server = make();
    await server.restore(saved);
    client = new P9Client(server);
    await expect(client.read(2, 0, 10)).rejects.toEqual(refused(E.IO));
    expect(lost).toEqual([`sha256:${HEX}`]);
    await expect(client.read(1, 0, 10)).rejects.toEqual(refused(E.STALE));
    await client.ask(T.clunk, (w) => w.u32(1));
  });

  it("of another version are refused in words", async () => {
    await expect(make().restore({ version: 2 })).rejects.toThrow(/build it again/i);
    await expect(make().restore(null)).rejects.toThrow(/build it again/i);
  });
});

describe("malformed messages", () => {
  it("get EINVAL when they are too short, too long, or say so", async () => {
    const answers: number[] = [];
    const send = (bytes: Uint8Array) =>
      server.handle(bytes, (reply) => {
        const { errno, tag } = decode(reply);
        answers.push(errno ?? -1, tag);
      });
    send(new Uint8Array(0));
    send(Uint8Array.of(7, 0, 0, 0, T.clunk));
    send(Uint8Array.of(7, 0, 0, 0, T.clunk, 5, 0));
    send(Uint8Array.of(99, 0, 0, 0, T.clunk, 6, 0, 0, 0, 0, 0));
    send(Uint8Array.of(3, 0, 0, 0, T.clunk, 7, 0, 0, 0, 0, 0));
    expect(answers).toEqual([22, 65535, 22, 65535, 22, 5, 22, 6, 22, 7]);
  });

  it("of any kind get exactly one reply each (seeded)", async () => {
    const random = seeded(9);
    const types = [...Object.values(T), 7, 77, 255];
    let asked = 0;
    let answered = 0;
    for (let round = 0; round < 20_000; round++) {
      const body = new Uint8Array(random(48)).map(() => (random(3) ? random(5) : random(256)));
      const w = new Writer(types[random(types.length)]!, round & 0xfffe);
      const request = w.data(body).finish().slice();
      if (random(10) === 0) request[random(request.length)] = random(256);
      let replies = 0;
      asked++;
      server.handle(request, (reply) => {
        decode(reply);
        expect(++replies).toBe(1);
        answered++;
      });
      if (round % 64 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(answered).toBe(asked);
    expect(server.share.bytes).toBeLessThanOrEqual(10_000);
  });
});
