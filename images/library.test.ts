import "fake-indexeddb/auto";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openImages, type Image, type Images, type PullProgress } from "./index";
import { ImageLibrary } from "./library";
import { LayoutRegistry } from "./oci/registry";
import { MemoryStore } from "./store/memory";
import { onImage, readErofs, toolAvailable } from "./testing/erofs";
import {
  digestOf,
  json,
  layoutFiles,
  serve,
  type LayoutIndex,
  type LayoutManifest,
  type TestImage,
  type TestServer,
} from "./testing/registry";
import { tarOf } from "./testing/tar";

const base = [{ name: "base", data: "from below".repeat(900) }];
const app: TestImage = {
  name: "app",
  tags: ["1", "latest"],
  layers: [base, [{ name: "top", data: "above" }]],
  config: { Cmd: ["run"] },
};
/** `app` with one layer: when that fails, nothing may stay. */
const single: TestImage = { ...app, layers: [base] };
const other: TestImage = { name: "other", tags: ["latest"], layers: [base] };

let server: TestServer | undefined;
const open: Images[] = [];

afterEach(async () => {
  for (const images of open.splice(0)) images.close();
  await server?.close();
  server = undefined;
  vi.unstubAllGlobals();
});

async function start(
  images: TestImage[],
): Promise<{ images: Images; files: Map<string, Uint8Array>; server: TestServer }> {
  const files = layoutFiles(images);
  server = await serve(files);
  const opened = await openImages({ registry: server.url, storage: "memory" });
  open.push(opened);
  return { images: opened, files, server };
}

const blobPath = (name: string, digest: string) => `${name}/blobs/${digest.replace(":", "/")}`;

const indexOf = (files: Map<string, Uint8Array>, name: string) =>
  JSON.parse(new TextDecoder().decode(files.get(`${name}/index.json`))) as LayoutIndex;

/** The manifest of an image as the layout has it, and where its first layer lies. */
function parts(files: Map<string, Uint8Array>, name: string) {
  const index = indexOf(files, name);
  const { digest } = index.manifests[0];
  const manifest = JSON.parse(new TextDecoder().decode(files.get(blobPath(name, digest)))) as LayoutManifest;
  return {
    digest,
    manifest,
    manifestPath: blobPath(name, digest),
    configPath: blobPath(name, manifest.config.digest),
    layerPath: blobPath(name, manifest.layers[0].digest),
  };
}

/** The pull fails as said, and nothing of it can be seen afterwards. */
async function failsWith(images: Images, ref: string, code: string, ...messages: string[]): Promise<void> {
  const failure = images.pull(ref);
  await expect(failure).rejects.toMatchObject({ name: "ImageError", code });
  for (const message of messages) await expect(failure).rejects.toThrow(message);
  expect(await images.list()).toEqual([]);
  expect(await images.layers()).toEqual([]);
}

describe("pull", () => {
  it("fetches, converts and keeps an image", async () => {
    const { images, files } = await start([app]);
    const image = await images.pull("app:1");
    const { digest, manifest } = parts(files, "app");
    const tars = app.layers.map(tarOf);
    expect(image).toMatchObject({
      id: manifest.config.digest,
      digest,
      refs: ["app:1"],
      created: "2026-01-02T03:04:05Z",
      size: tars.reduce((sum, tar) => sum + tar.length, 0),
      config: { Cmd: ["run"] },
    } satisfies Partial<Image>);
    expect(image.layers.map(({ diffId }) => diffId)).toEqual(tars.map(digestOf));
    const reader = (await images.layer(image.layers[0]!.diffId.slice(7)))!;
    expect(reader.size).toBe(image.layers[0]!.size);
    const whole = await reader.read(0, reader.size);
    expect(new TextDecoder().decode(readErofs(whole).get("base")?.data)).toBe("from below".repeat(900));
    expect(await reader.read(1024, 4)).toEqual(whole.subarray(1024, 1028));
    expect((await reader.read(reader.size - 2, 100)).length).toBe(2);
    expect((await reader.read(reader.size + 5, 100)).length).toBe(0);
    expect(await images.layer("sha256:none")).toBeUndefined();
  });

  it("tells its progress as docker does", async () => {
    const { images, files } = await start([app]);
    const lines: PullProgress[] = [];
    await images.pull("app:1", { onProgress: (line) => lines.push(line) });
    expect(lines[0]).toEqual({ status: "1: Pulling from library/app" });
    const { manifest, digest } = parts(files, "app");
    for (const layer of manifest.layers) {
      const own = lines.filter(({ id }) => id === layer.digest.slice(7, 19));
      expect(own.map(({ status }) => status).filter((status, i, all) => status !== all[i - 1])).toEqual([
        "Pulling fs layer",
        "Downloading",
        "Verifying Checksum",
        "Extracting",
        "Pull complete",
      ]);
      expect(own.findLast(({ status }) => status === "Downloading")).toMatchObject({
        current: layer.size,
        total: layer.size,
      });
    }
    expect(lines.slice(-2)).toEqual([
      { status: `Digest: ${digest}` },
      { status: "Status: Downloaded newer image for app:1" },
    ]);
    const again: PullProgress[] = [];
    await images.pull("app:1", { onProgress: (line) => again.push(line) });
    expect(again.filter(({ status }) => status === "Already exists")).toHaveLength(2);
    expect(again.at(-1)).toEqual({ status: "Status: Image is up to date for app:1" });
  });

  it("fetches a layer two images share once, also at the same time", async () => {
    const { images, files, server: web } = await start([app, other]);
    await Promise.all([images.pull("app"), images.pull("other")]);
    const shared = parts(files, "other").manifest.layers[0].digest.slice(7);
    expect(web.asked.filter((path) => path.endsWith(shared))).toHaveLength(1);
    expect(await images.layers()).toHaveLength(2);
  });

  it("shares one pull among those who ask for it, until the last gives up", async () => {
    const { images, files, server: web } = await start([app]);
    const { layerPath } = parts(files, "app");
    let asked = () => {};
    const reached = new Promise<void>((resolve) => (asked = resolve));
    let gone = () => {};
    const hungUp = new Promise<void>((resolve) => (gone = resolve));
    web.answers.set(layerPath, (_request, response) => {
      response.writeHead(200).write("x");
      response.on("close", gone);
      asked();
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const pulls = [one, two].map(({ signal }) => images.pull("app", { signal }));
    const settled = Promise.allSettled(pulls);
    await reached;
    one.abort();
    await expect(pulls[0]).rejects.toMatchObject({ code: "cancelled" });
    expect(web.asked.filter((path) => path === layerPath)).toHaveLength(1);
    two.abort();
    await expect(pulls[1]).rejects.toMatchObject({ code: "cancelled" });
    await settled;
    await hungUp;
    expect(await images.layers()).toEqual([]);
    // And the next pull starts afresh.
    web.answers.clear();
    expect((await images.pull("app")).layers).toHaveLength(2);
  });

  it("refuses a pull that is already cancelled", async () => {
    const { images, server: web } = await start([app]);
    await expect(images.pull("app", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(web.asked).toEqual([]);
  });

  it("pulls by digest, of a manifest and of an index, whatever the tags", async () => {
    const { images, files } = await start([app]);
    const { digest } = parts(files, "app");
    const index = json({
      schemaVersion: 2,
      manifests: indexOf(files, "app").manifests,
    });
    files.set(blobPath("app", digestOf(index)), index);
    for (const by of [digest, digestOf(index)]) {
      const image = await images.pull(`app@${by}`);
      expect(image).toMatchObject({ digest, refs: [] });
      expect((await images.get(`app@${by}`)).id).toBe(image.id);
    }
  });

  it("takes linux/386 out of an index within the index, and names what is offered without it", async () => {
    const { images, files } = await start([app, { ...app, name: "amd", architecture: "amd64" }]);
    const nest = (name: string) => {
      const outer = indexOf(files, name);
      const inner = json({ schemaVersion: 2, manifests: outer.manifests });
      files.set(blobPath(name, digestOf(inner)), inner);
      const descriptor = {
        mediaType: "application/vnd.oci.image.index.v1+json",
        digest: digestOf(inner),
        size: inner.length,
        annotations: { "org.opencontainers.image.ref.name": "nested" },
      };
      files.set(`${name}/index.json`, json({ schemaVersion: 2, manifests: [descriptor] }));
    };
    nest("app");
    nest("amd");
    expect((await images.pull("app:nested")).refs).toEqual(["app:nested"]);
    const failure = images.pull("amd:nested");
    await expect(failure).rejects.toMatchObject({ code: "unsupported" });
    await expect(failure).rejects.toThrow(
      "amd:nested has no linux/386 variant, and no other runs here; it offers linux/amd64",
    );
  });

  it("takes one of several tabs' removals for what it is", async () => {
    const { files } = await start([app]);
    const store = new MemoryStore();
    let saves = 0;
    // Another tab removes the layers just before the image is saved, once.
    const save = store.save.bind(store);
    store.save = async (image, ref) => {
      if (saves++ === 0) {
        store.put(image, ref);
        await store.remove([ref], image.id, new Set());
      }
      return save(image, ref);
    };
    const images = new ImageLibrary(new LayoutRegistry(server!.url, fetch, 5000), store);
    expect((await images.pull("app")).layers).toHaveLength(2);
    expect(saves).toBe(2);
    expect(files.size).toBeGreaterThan(0);
  });
});

describe("a pull that fails", () => {
  it("names unknown images, tags, hosts and malformed names", async () => {
    const { images } = await start([single]);
    await failsWith(images, "nothing", "not-found", "nothing:latest", "has no image nothing");
    await failsWith(images, "app:2", "not-found", "app has no tag 2; it offers 1, latest");
    await failsWith(
      images,
      "registry.example.com/a/b",
      "unsupported",
      "registry.example.com/a/b:latest",
      "other registries",
    );
    await failsWith(images, "App", "bad-image", "invalid reference format");
    await failsWith(images, `app@sha256:${"0".repeat(64)}`, "not-found", "manifest of app@sha256:0000");
  });

  it.each([
    [404, "not-found", "404"],
    [403, "denied", "403"],
    [500, "network", "500"],
  ])("tells what the server answered: %i", async (status, code, message) => {
    const { images, files, server: web } = await start([single]);
    const { layerPath, configPath, manifestPath } = parts(files, "app");
    for (const path of ["app/index.json", manifestPath, configPath, layerPath]) {
      web.answers.clear();
      web.answers.set(
        path,
        (_request, response) => void response.writeHead(status).end("<html>sorry</html>"),
      );
      await failsWith(images, "app", code, message);
    }
  });

  it("sees that a web page is no image", async () => {
    const { images, files, server: web } = await start([single]);
    const page: Parameters<typeof web.answers.set>[1] = (_request, response) =>
      void response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<!doctype html>");
    web.answers.set("app/index.json", page);
    await failsWith(images, "app", "not-found", "web page");
    web.answers.clear();
    web.answers.set(parts(files, "app").layerPath, page);
    await failsWith(images, "app", "not-found", "layer ", "of app:latest", "web page");
    web.answers.set("app/index.json", (_request, response) => void response.end("<!doctype html>"));
    await failsWith(images, "app", "bad-image", "the index of app is not JSON");
  });

  it("finds a corrupted, truncated or prolonged layer", async () => {
    const { images, files } = await start([single]);
    const { layerPath } = parts(files, "app");
    const sound = files.get(layerPath)!;
    for (const at of [0, 5, 40, sound.length >> 1, sound.length - 6, sound.length - 1]) {
      const damaged = sound.slice();
      damaged[at]! ^= 0x10;
      files.set(layerPath, damaged);
      await failsWith(images, "app", "bad-digest", "layer ", "of app:latest", "nothing of it was kept");
    }
    for (const length of [0, 1, 20, sound.length - 1]) {
      files.set(layerPath, sound.slice(0, length));
      await failsWith(images, "app", "network", `ended after ${length} of ${sound.length} bytes`);
    }
    files.set(layerPath, new Uint8Array(sound.length + 1));
    await failsWith(images, "app", "bad-digest");
    const longer = new Uint8Array(sound.length + 1);
    longer.set(sound);
    files.set(layerPath, longer);
    await failsWith(images, "app", "bad-digest", "more than");
  });

  it("finds a wrong manifest and a wrong config", async () => {
    const { images, files } = await start([single]);
    const { manifestPath, configPath } = parts(files, "app");
    for (const [path, what] of [
      [manifestPath, "the manifest of app:latest"],
      [configPath, "the config of app:latest"],
    ] as const) {
      const sound = files.get(path)!;
      files.set(path, json({ schemaVersion: 2 }));
      await failsWith(images, "app", "bad-digest", what);
      files.set(path, new Uint8Array(4 * 2 ** 20 + 1));
      await failsWith(images, "app", "bad-image", "larger than");
      files.set(path, sound);
    }
  });

  it("finds a layer that is not the config's, one too many, and damaged tars within right blobs", async () => {
    const wrongDiffId = (config: Record<string, unknown>) => {
      config.rootfs = { type: "layers", diff_ids: [`sha256:${"1".repeat(64)}`] };
    };
    const { images } = await start([
      { ...other, name: "wrong", patchConfig: wrongDiffId },
      { ...app, name: "fewer", patchConfig: wrongDiffId },
      { ...other, name: "escape", layers: [[{ name: "../../etc/passwd", data: "x" }]] },
      { ...other, name: "sparse", layers: [[{ name: "s", type: "S", magic: "gnu" }]] },
    ]);
    await failsWith(images, "wrong", "bad-digest", "layer ", "of wrong:latest", "the image is broken");
    await failsWith(images, "fewer", "bad-image", "2 layers but its config names 1");
    await failsWith(
      images,
      "escape",
      "bad-image",
      "layer ",
      "of escape:latest",
      "leads out of the image's root",
    );
    await failsWith(images, "sparse", "unsupported", "sparse");
  });

  it("finds gzip that is none, and zstd", async () => {
    const { images, files } = await start([single]);
    const blob = (bytes: Uint8Array, mediaType: string, tag: string) => {
      const digest = digestOf(bytes);
      files.set(blobPath("app", digest), bytes);
      const { manifest } = parts(files, "app");
      manifest.layers[0] = { mediaType, digest, size: bytes.length };
      const changed = json(manifest);
      files.set(blobPath("app", digestOf(changed)), changed);
      const index = indexOf(files, "app");
      const annotations = { "org.opencontainers.image.ref.name": tag };
      index.manifests.push({
        ...index.manifests[0],
        digest: digestOf(changed),
        size: changed.length,
        annotations,
      });
      files.set("app/index.json", json(index));
    };
    const gzipped = new Uint8Array(gzipSync(tarOf(base)));
    blob(new Uint8Array(1000), "application/vnd.oci.image.layer.v1.tar+gzip", "zeros");
    blob(gzipped.slice(0, gzipped.length - 9), "application/vnd.oci.image.layer.v1.tar+gzip", "cut");
    blob(gzipped, "application/vnd.oci.image.layer.v1.tar+zstd", "zstd");
    await failsWith(images, "app:zeros", "bad-image", "gzip data is damaged");
    await failsWith(images, "app:cut", "bad-image", "of app:cut");
    await failsWith(images, "app:zstd", "unsupported", "zstd");
  });

  it("survives a dropped and a stalled connection", async () => {
    const { files, server: web } = await start([single]);
    const images = new ImageLibrary(new LayoutRegistry(web.url, fetch, 150), new MemoryStore());
    const { layerPath } = parts(files, "app");
    const sound = files.get(layerPath)!;
    web.answers.set(layerPath, (_request, response) => {
      response.writeHead(200, { "content-length": sound.length });
      response.write(sound.subarray(0, 30), () => response.socket?.destroy());
    });
    await failsWith(images, "app", "network", "the connection failed");
    web.answers.set(layerPath, (_request, response) => {
      response.writeHead(200, { "content-length": sound.length });
      response.write(sound.subarray(0, 30));
    });
    await failsWith(images, "app", "network", "nothing came for 0.15 s");
    web.answers.set(layerPath, () => {});
    await failsWith(images, "app", "network", "nothing came for 0.15 s");
    web.answers.clear();
    await web.close();
    await failsWith(images, "app", "network", "the connection failed");
  });

  it("leaves the layers that were whole for the next pull", async () => {
    const { images, files, server: web } = await start([app]);
    const { manifest } = parts(files, "app");
    const [whole, broken] = manifest.layers.map(({ digest }) => blobPath("app", digest)) as [string, string];
    const sound = files.get(broken)!;
    // The broken one comes after the whole one is stored.
    const spoil = async (response: ServerResponse) => {
      while ((await images.layers()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      response.end(sound.slice(0, 10));
    };
    web.answers.set(broken, (_request, response) => void spoil(response));
    await expect(images.pull("app")).rejects.toMatchObject({ code: "network" });
    expect(await images.list()).toEqual([]);
    expect((await images.layers()).map(({ diffId }) => diffId)).toEqual([digestOf(tarOf(base))]);
    web.answers.clear();
    expect((await images.pull("app")).layers).toHaveLength(2);
    expect(web.asked.filter((path) => path === whole)).toHaveLength(1);
  });

  it("tells that storage is full, with sizes", async () => {
    const { server: web } = await start([single]);
    const images = new ImageLibrary(
      new LayoutRegistry(web.url, fetch, 5000),
      new MemoryStore(undefined, 6000),
    );
    await failsWith(images, "app", "storage", "no room for layer ", "of app:latest", "MiB");
  });
});

describe("get, list and remove", () => {
  it("find an image by name, id and beginning of an id", async () => {
    const { images } = await start([app, other]);
    const image = await images.pull("app:1");
    await images.pull("other");
    const hex = image.id.slice(7);
    for (const ref of [
      "app:1",
      "docker.io/library/app:1",
      image.id,
      hex,
      hex.slice(0, 12),
      `sha256:${hex.slice(0, 12)}`,
    ]) {
      expect((await images.get(ref)).id).toBe(image.id);
    }
    for (const ref of ["app", "app:2", "zzz", "", "sha256:", "App", "f".repeat(64), "../x"]) {
      await expect(images.get(ref)).rejects.toMatchObject({ code: "not-found" });
    }
    expect((await images.list()).map(({ refs }) => refs[0]).sort()).toEqual(["app:1", "other:latest"]);
  });

  it("untag first and delete with the last name", async () => {
    const { images } = await start([app, other]);
    const image = await images.pull("app:1");
    await images.pull("app");
    await images.pull("other");
    expect(await images.remove("app")).toEqual({ untagged: ["app:latest"], deleted: [] });
    // The layer that `other` shares stays.
    expect(await images.remove("app:1")).toEqual({
      untagged: ["app:1"],
      deleted: [image.id, image.layers[1]!.diffId],
    });
    expect(await images.layers()).toEqual([image.layers[0]]);
    await expect(images.remove("app:1")).rejects.toMatchObject({ code: "not-found" });
    const [left] = await images.list();
    expect((await images.remove(left!.id.slice(7, 19))).untagged).toEqual(["other:latest"]);
    expect(await images.layers()).toEqual([]);
  });

  it("keep the old image, nameless, when its name moves on", async () => {
    const { images, files } = await start([app]);
    const old = await images.pull("app");
    const moved = layoutFiles([{ ...app, config: { Cmd: ["new"] } }]);
    for (const [path, bytes] of moved) files.set(path, bytes);
    const fresh = await images.pull("app");
    expect(fresh.id).not.toBe(old.id);
    expect((await images.get("app")).id).toBe(fresh.id);
    expect((await images.get(old.id)).refs).toEqual([]);
    expect(await images.remove(old.id)).toEqual({ untagged: [], deleted: [old.id] });
  });
});

describe("history and tag", () => {
  it("tell the steps, the newest first, with the sizes of their layers", async () => {
    const { images } = await start([
      {
        ...app,
        patchConfig: (config) => {
          config.history = [
            { created: "2026-01-01T00:00:00Z", created_by: "ADD base" },
            { created_by: "ENV A=b", empty_layer: true },
            { created_by: "COPY top", comment: "kit" },
          ];
        },
      },
    ]);
    const image = await images.pull("app");
    const { id, history } = await images.history("app");
    expect(id).toBe(image.id);
    expect(history.map(({ createdBy, comment }) => [createdBy, comment])).toEqual([
      ["COPY top", "kit"],
      ["ENV A=b", ""],
      ["ADD base", ""],
    ]);
    expect(history[1]!.size).toBe(0);
    expect(history[0]!.size + history[2]!.size).toBe(image.size);
    expect(history[2]!.size).toBeGreaterThan(history[0]!.size);
    await expect(images.history("none")).rejects.toMatchObject({ code: "not-found" });
  });

  it("give one step for each layer of an image that tells none", async () => {
    const { images } = await start([app]);
    const image = await images.pull("app");
    const { history } = await images.history(image.id);
    expect(history.map(({ created, createdBy }) => [created, createdBy])).toEqual([
      [image.created, ""],
      [image.created, ""],
    ]);
  });

  it("name an image once more, and take the name from another", async () => {
    const { images } = await start([app, other]);
    const image = await images.pull("app:1");
    const second = await images.pull("other");
    expect((await images.tag("app:1", "mine")).refs).toEqual(["app:1", "mine:latest"]);
    expect((await images.get("mine")).id).toBe(image.id);
    await images.tag(second.id.slice(7, 19), "mine");
    expect((await images.get("mine")).id).toBe(second.id);
    expect(await images.remove("mine")).toEqual({ untagged: ["mine:latest"], deleted: [] });
    await expect(images.tag("none", "x")).rejects.toMatchObject({ code: "not-found" });
    await expect(images.tag("other", "Big")).rejects.toThrow("invalid reference format");
    await expect(images.tag("other", `x@sha256:${"0".repeat(64)}`)).rejects.toThrow("digest reference");
    expect((await images.list()).flatMap(({ refs }) => refs).sort()).toEqual(["app:1", "other:latest"]);
  });
});

describe("with IndexedDB", () => {
  it("keeps images for the next page, and pulls in two pages at once", async () => {
    const { server: web } = await start([app]);
    const pages = [await openImages({ registry: web.url }), await openImages({ registry: web.url })];
    open.push(...pages);
    const pulled = await Promise.all(pages.map((page) => page.pull("app")));
    expect(pulled[0]).toEqual(pulled[1]);
    const next = await openImages({ registry: web.url });
    open.push(next);
    expect(next.storage).toEqual({ kind: "indexeddb" });
    expect((await next.get("app")).id).toBe(pulled[0]!.id);
    const reader = (await next.layer(pulled[0]!.layers[1]!.diffId))!;
    expect(readErofs(await reader.read(0, reader.size)).has("top")).toBe(true);
    await next.remove("app");
    expect(await pages[0]!.list()).toEqual([]);
  });

  it("goes on in memory when the browser's storage is full", async () => {
    const { server: web } = await start([app]);
    const images = await openImages({ registry: web.url });
    open.push(images);
    // fake-indexeddb has no quota; its put is made to fail as a browser's does.
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with a `this` below
    const put = IDBObjectStore.prototype.put;
    const full = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: IDBObjectStore,
      ...args
    ) {
      if (this.name === "chunks")
        throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
      return put.apply(this, args);
    });
    try {
      const image = await images.pull("app");
      expect(images.storage).toMatchObject({
        kind: "memory",
        reason: expect.stringContaining("storage is full") as string,
      });
      const reader = (await images.layer(image.layers[0]!.diffId))!;
      expect(readErofs(await reader.read(0, reader.size)).has("base")).toBe(true);
    } finally {
      full.mockRestore();
    }
    const next = await openImages({ registry: web.url });
    open.push(next);
    expect(await next.list()).toEqual([]);
    expect(await next.layers()).toEqual([]);
  });

  it("works without IndexedDB, and says that nothing will last", async () => {
    vi.stubGlobal("indexedDB", undefined);
    const { server: web } = await start([app]);
    const images = await openImages({ registry: web.url });
    open.push(images);
    expect(images.storage).toMatchObject({
      kind: "memory",
      reason: expect.stringContaining("will not outlive") as string,
    });
    expect((await images.pull("app")).layers).toHaveLength(2);
  });
});

describe("the shipped images", () => {
  const registry = new URL("./registry/", import.meta.url);
  const withFsck = toolAvailable("fsck.erofs");
  const fileFetch: typeof fetch = async (url) => {
    const path = new URL(url instanceof Request ? url.url : url);
    return existsSync(path)
      ? new Response(new Uint8Array(await readFile(path)))
      : new Response("", { status: 404 });
  };

  it.each(["busybox", "busybox:1.35"])("pull: %s", async (ref) => {
    const images = await openImages({ registry: registry.href, storage: "memory", fetch: fileFetch });
    const image = await images.pull(ref);
    expect(image.config.Cmd).toEqual(["sh"]);
    const reader = (await images.layer(image.layers[0]!.diffId))!;
    const whole = await reader.read(0, reader.size);
    const nodes = readErofs(whole);
    expect(nodes.get("bin/sh")?.nid).toBe(nodes.get("bin/busybox")?.nid);
    expect(nodes.get("tmp")?.mode).toBe(0o41777);
    if (withFsck)
      expect(onImage(whole, "fsck.erofs", (path) => ["-d3", path]).output).toContain("No errors found");
  });

  it("debian:13 works without a mirror's name in it", { timeout: 60_000 }, async () => {
    const images = await openImages({ registry: registry.href, storage: "memory", fetch: fileFetch });
    const image = await images.pull("debian:13");
    expect(image.config.Cmd).toEqual(["bash"]);
    expect((await images.pull("debian")).id).toBe(image.id);
    const reader = (await images.layer(image.layers[0]!.diffId))!;
    const nodes = readErofs(await reader.read(0, reader.size));
    expect(new TextDecoder().decode(nodes.get("etc/debian_version")?.data)).toMatch(/^13\./);
    expect(nodes.get("usr/bin/su")?.mode).toBe(0o104755);
    const sources = new TextDecoder().decode(nodes.get("etc/apt/sources.list")?.data);
    expect(sources.split("\n").filter((line) => line && !line.startsWith("#"))).toEqual([]);
    expect(sources).toContain("apt-get update");
    for (const path of ["etc/hostname", "etc/resolv.conf", "etc/machine-id"])
      expect(nodes.has(path)).toBe(false);
  });

  it("match their lock", () => {
    const lock = readFileSync(new URL("registry.lock", registry), "utf8");
    const files = [...lock.matchAll(/^file ([0-9a-f]{64}) {2}(\S+)$/gm)];
    expect(files.length).toBeGreaterThanOrEqual(10);
    for (const [, digest, path] of files)
      expect(digestOf(readFileSync(new URL(path!, registry)))).toBe(`sha256:${digest}`);
  });
});
