import { describe, expect, it } from "vitest";
import { json } from "../testing/registry";
import { parseConfig, parseDocument, parseIndex, parseManifest } from "./manifest";

const digest = `sha256:${"a".repeat(64)}`;
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 10 };
const layer = { mediaType: layerType, digest, size: 20 };
const manifest = (change: object) => ({ schemaVersion: 2, config, layers: [layer], ...change });
const configFile = (change: object) => ({
  architecture: "386",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [digest] },
  ...change,
});

describe("parseManifest", () => {
  it("takes OCI's and docker's", () => {
    expect(parseManifest(manifest({}), "m").layers).toEqual([
      { ...layer, annotations: {}, compression: "gzip" },
    ]);
    const docker = manifest({
      config: { ...config, mediaType: "application/vnd.docker.container.image.v1+json" },
      layers: [{ ...layer, mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" }],
    });
    expect(parseManifest(docker, "m").layers[0]?.compression).toBe("gzip");
    expect(parseManifest(manifest({ layers: [] }), "m").layers).toEqual([]);
  });

  it.each<[string, object, string, string]>([
    [
      "zstd layers",
      { layers: [{ ...layer, mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" }] },
      "unsupported",
      "zstd",
    ],
    ["unknown layers", { layers: [{ ...layer, mediaType: "constructor" }] }, "unsupported", '"constructor"'],
    [
      "other artifacts",
      { config: { ...config, mediaType: "application/x" } },
      "unsupported",
      "not a container image",
    ],
    ["schema 1", { schemaVersion: 1 }, "unsupported", "schema version"],
    ["no layers", { layers: undefined }, "bad-image", "layers of m is not a list"],
    ["too many layers", { layers: Array(128).fill(layer) }, "bad-image", "more than 127"],
    ["no config", { config: "x" }, "bad-image", "config of m is not an object"],
    ["short digests", { layers: [{ ...layer, digest: "sha256:ab" }] }, "bad-image", "not a sha256 digest"],
    [
      "digests with a path",
      { layers: [{ ...layer, digest: "sha256:../../x" }] },
      "bad-image",
      "not a sha256 digest",
    ],
    ["negative sizes", { layers: [{ ...layer, size: -1 }] }, "bad-image", "not a size"],
    ["sizes as text", { layers: [{ ...layer, size: "20" }] }, "bad-image", "not a size"],
    ["huge layers", { layers: [{ ...layer, size: 2 ** 40 }] }, "bad-image", "more than"],
    ["huge configs", { config: { ...config, size: 5 * 2 ** 20 } }, "bad-image", "more than"],
  ])("refuses %s", (_what, change, code, message) => {
    const parse = () => parseManifest(manifest(change), "m");
    expect(parse).toThrow(expect.objectContaining({ code }));
    expect(parse).toThrow(message);
  });
});

describe("parseConfig", () => {
  it("keeps the runtime part and leaves out what is absent or null", () => {
    const parsed = parseConfig(
      configFile({
        created: "2026-01-02T03:04:05.123456789+02:00",
        config: {
          User: "1:2",
          Env: ["A=b"],
          Cmd: null,
          Entrypoint: ["/x"],
          WorkingDir: "/w",
          ExposedPorts: { "80/tcp": {} },
          Volumes: null,
          Labels: { "a.b": "c", __proto__x: "d" },
          StopSignal: "SIGINT",
          OnBuild: ["ignored"],
        },
        history: [
          { created: "2026-01-02T03:04:05Z", created_by: "ADD x", comment: "c", author: "ignored" },
          { created: "soon", created_by: "y".repeat(3000), empty_layer: true },
        ],
      }),
      "c",
    );
    expect(parsed).toEqual({
      created: "2026-01-02T03:04:05.123456789+02:00",
      diffIds: [digest],
      config: {
        User: "1:2",
        Env: ["A=b"],
        Entrypoint: ["/x"],
        WorkingDir: "/w",
        ExposedPorts: { "80/tcp": {} },
        Labels: { "a.b": "c", __proto__x: "d" },
        StopSignal: "SIGINT",
      },
      history: [
        { created: "2026-01-02T03:04:05Z", createdBy: "ADD x", comment: "c", empty: false },
        { createdBy: "y".repeat(2000), comment: "", empty: true },
      ],
    });
    expect(parseConfig(configFile({}), "c")).toEqual({
      created: "1970-01-01T00:00:00Z",
      diffIds: [digest],
      config: {},
      history: [],
    });
  });

  it("keeps a label named __proto__ a label", () => {
    const document = parseDocument(
      new TextEncoder().encode(
        JSON.stringify(configFile({})).replace("}}", '},"config":{"Labels":{"__proto__":"x"}}}'),
      ),
      "c",
    );
    const { config: runtime } = parseConfig(document, "c");
    expect(Object.getPrototypeOf(runtime.Labels ?? {})).toBe(Object.prototype);
  });

  it.each<[string, object, string, string]>([
    [
      "another architecture",
      { architecture: "amd64" },
      "unsupported",
      'made for "linux/amd64"; only linux/386',
    ],
    ["another system", { os: "windows" }, "unsupported", "windows"],
    ["no rootfs", { rootfs: undefined }, "bad-image", "rootfs"],
    ["a command that is text", { config: { Cmd: "sh" } }, "bad-image", "Cmd of c is not a list"],
    ["numbers in the environment", { config: { Env: [1] } }, "bad-image", "Env of c"],
    ["NULs in the environment", { config: { Env: ["A=\0"] } }, "bad-image", "NUL"],
    ["a history that is none", { history: [1] }, "bad-image", "step 0 of c"],
    ["a broken time", { created: "yesterday" }, "bad-image", "RFC 3339"],
    ["an impossible time", { created: "2026-13-45T99:00:00Z" }, "bad-image", "RFC 3339"],
  ])("refuses %s", (_what, change, code, message) => {
    const parse = () => parseConfig(configFile(change), "c");
    expect(parse).toThrow(expect.objectContaining({ code }));
    expect(parse).toThrow(message);
  });
});

describe("parseIndex and parseDocument", () => {
  it("join platforms with their variant", () => {
    const platform = { os: "linux", architecture: "arm", variant: "v7" };
    expect(parseIndex({ schemaVersion: 2, manifests: [{ ...config, platform }] }, "i")[0]?.platform).toBe(
      "linux/arm/v7",
    );
  });

  it.each([
    ["not json", "is not JSON"],
    ["[1]", "is not an object"],
    ["null", "is not an object"],
  ])("refuse %s", (text, message) => {
    expect(() => parseDocument(new TextEncoder().encode(text), "d")).toThrow(message);
  });

  it("refuse what is no UTF-8", () => {
    expect(() => parseDocument(Uint8Array.of(0x22, 0xff, 0x22), "d")).toThrow("is not JSON");
    expect(parseDocument(json({ a: 1 }), "d")).toEqual({ a: 1 });
  });
});
