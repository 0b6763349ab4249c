import { ImageError, type ImageConfig } from "../types";
import { array, object, optional, size, string } from "./check";
import { DIGEST } from "./reference";

/** The JSON documents of an image (image-spec image-index.md, manifest.md, config.md), checked field by field. */

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  /** `linux/386`, `linux/arm/v7`; absent when the index does not say. */
  platform?: string;
  annotations: Record<string, string>;
}

export interface Manifest {
  config: Descriptor;
  layers: (Descriptor & { compression: "gzip" | "none" })[];
}

export interface ConfigFile {
  created: string;
  diffIds: string[];
  config: ImageConfig;
  /** From the first step on; the sizes are the layers' to say. */
  history: HistoryEntry[];
}

export interface HistoryEntry {
  created?: string;
  createdBy: string;
  comment: string;
  /** It made no layer. */
  empty: boolean;
}

/** What runs here. */
export const PLATFORM = "linux/386";
export const REF_NAME = "org.opencontainers.image.ref.name";
/** Bytes of a manifest, an index or a config. */
export const LARGEST_DOCUMENT = 4 * 1024 * 1024;

const INDEX_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const CONFIG_TYPES = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];
const LAYER_TYPES: Record<string, "gzip" | "none"> = {
  "application/vnd.oci.image.layer.v1.tar": "none",
  "application/vnd.oci.image.layer.v1.tar+gzip": "gzip",
  "application/vnd.docker.image.rootfs.diff.tar": "none",
  "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
};
const LARGEST_LAYER = 8 * 2 ** 30;
const MOST_LAYERS = 127;
const MOST_ITEMS = 4096;
/** Characters of what a step did that are kept. */
const LONGEST_STEP = 2000;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

export const isIndex = (descriptor: Descriptor) => INDEX_TYPES.includes(descriptor.mediaType);
export const isManifest = (descriptor: Descriptor) => MANIFEST_TYPES.includes(descriptor.mediaType);

/** Parses a document's bytes. `what` names it in errors. */
export function parseDocument(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ImageError("bad-image", `${what} is not JSON`, { cause });
  }
  return object(value, what);
}

/** The media type a document fetched by digest alone gives itself. */
export function ownMediaType(document: Record<string, unknown>): string {
  if (typeof document.mediaType === "string") return document.mediaType;
  return Array.isArray(document.manifests) ? INDEX_TYPES[0]! : MANIFEST_TYPES[0]!;
}

export function parseIndex(document: Record<string, unknown>, what: string): Descriptor[] {
  checkSchema(document, what);
  return array(document.manifests, `manifests of ${what}`, MOST_ITEMS).map((item, i) =>
    descriptor(item, `manifest ${i} of ${what}`, LARGEST_DOCUMENT),
  );
}

export function parseManifest(document: Record<string, unknown>, what: string): Manifest {
  checkSchema(document, what);
  const config = descriptor(document.config, `config of ${what}`, LARGEST_DOCUMENT);
  if (!CONFIG_TYPES.includes(config.mediaType)) {
    throw new ImageError(
      "unsupported",
      `${what} is not a container image: its config is ${show(config.mediaType)}`,
    );
  }
  const layers = array(document.layers, `layers of ${what}`, MOST_LAYERS).map((item, i) => {
    const layer = descriptor(item, `layer ${i} of ${what}`, LARGEST_LAYER);
    const compression = Object.hasOwn(LAYER_TYPES, layer.mediaType)
      ? LAYER_TYPES[layer.mediaType]
      : undefined;
    if (compression) return { ...layer, compression };
    const why = layer.mediaType.endsWith("zstd")
      ? "is compressed with zstd, which is not supported; push the image with gzip layers"
      : `is ${show(layer.mediaType)}, which is not supported`;
    throw new ImageError("unsupported", `layer ${i} of ${what} ${why}`);
  });
  return { config, layers };
}

export function parseConfig(document: Record<string, unknown>, what: string): ConfigFile {
  const os = string(document.os, `os of ${what}`);
  const architecture = string(document.architecture, `architecture of ${what}`);
  if (`${os}/${architecture}` !== PLATFORM) {
    throw new ImageError(
      "unsupported",
      `${what} is made for ${show(`${os}/${architecture}`)}; only ${PLATFORM} runs here`,
    );
  }
  const rootfs = object(document.rootfs, `rootfs of ${what}`);
  const diffIds = array(rootfs.diff_ids, `diff_ids of ${what}`, MOST_LAYERS).map((id, i) =>
    digest(id, `diff_id ${i} of ${what}`),
  );
  const created =
    optional(document.created, (value) => string(value, `created of ${what}`)) ?? "1970-01-01T00:00:00Z";
  if (!RFC3339.test(created) || Number.isNaN(Date.parse(created))) {
    throw new ImageError("bad-image", `created of ${what} is not an RFC 3339 time`);
  }
  return {
    created,
    diffIds,
    config:
      optional(document.config, (value) => runtimeConfig(object(value, `config of ${what}`), what)) ?? {},
    history:
      optional(document.history, (list) =>
        array(list, `history of ${what}`, MOST_ITEMS).map((item, i) =>
          historyEntry(object(item, `step ${i} of ${what}`), `step ${i} of ${what}`),
        ),
      ) ?? [],
  };
}

function historyEntry(from: Record<string, unknown>, where: string): HistoryEntry {
  const text = (name: string) =>
    optional(from[name], (value) => string(value, `${name} of ${where}`).slice(0, LONGEST_STEP));
  const created = text("created");
  return {
    ...(created !== undefined && RFC3339.test(created) && { created }),
    createdBy: text("created_by") ?? "",
    comment: text("comment") ?? "",
    empty: from.empty_layer === true,
  };
}

function runtimeConfig(from: Record<string, unknown>, what: string): ImageConfig {
  const config: ImageConfig = {};
  const texts = (value: unknown, name: string) =>
    optional(value, (list) =>
      array(list, `${name} of ${what}`, MOST_ITEMS).map((item) => string(item, `${name} of ${what}`)),
    );
  for (const name of ["User", "WorkingDir", "StopSignal"] as const) {
    const value = optional(from[name], (text) => string(text, `${name} of ${what}`));
    if (value !== undefined) config[name] = value;
  }
  for (const name of ["Env", "Entrypoint", "Cmd"] as const) {
    const value = texts(from[name], name);
    if (value !== undefined) config[name] = value;
  }
  for (const name of ["ExposedPorts", "Volumes"] as const) {
    const value = optional(from[name], (set) => object(set, `${name} of ${what}`));
    if (value)
      config[name] = fromEntries(Object.keys(value).map((key) => [string(key, `${name} of ${what}`), {}]));
  }
  const labels = optional(from.Labels, (set) => object(set, `Labels of ${what}`));
  if (labels) config.Labels = strings(labels, `Labels of ${what}`);
  return config;
}

function descriptor(value: unknown, where: string, largest: number): Descriptor {
  const from = object(value, where);
  const bytes = size(from.size, `size of ${where}`);
  if (bytes > largest)
    throw new ImageError("bad-image", `${where} says it has ${bytes} bytes, more than ${largest}`);
  const platform = optional(from.platform, (set) => {
    const fields = object(set, `platform of ${where}`);
    const names = [fields.os, fields.architecture, ...(fields.variant ? [fields.variant] : [])];
    return names.map((name) => string(name, `platform of ${where}`)).join("/");
  });
  return {
    mediaType: string(from.mediaType, `mediaType of ${where}`),
    digest: digest(from.digest, `digest of ${where}`),
    size: bytes,
    ...(platform !== undefined && { platform }),
    annotations:
      optional(from.annotations, (set) =>
        strings(object(set, `annotations of ${where}`), `annotations of ${where}`),
      ) ?? {},
  };
}

function digest(value: unknown, where: string): string {
  const text = string(value, where);
  if (!DIGEST.test(text)) throw new ImageError("bad-image", `${where} is not a sha256 digest: ${show(text)}`);
  return text;
}

function checkSchema(document: Record<string, unknown>, what: string): void {
  if (document.schemaVersion === 2) return;
  throw new ImageError(
    "unsupported",
    `${what} has schema version ${show(String(document.schemaVersion))}; only 2 is supported`,
  );
}

function strings(from: Record<string, unknown>, where: string): Record<string, string> {
  return fromEntries(Object.entries(from).map(([key, value]) => [string(key, where), string(value, where)]));
}

/** Foreign keys such as `__proto__` stay plain keys: Object.fromEntries defines, it does not assign. */
function fromEntries<T>(entries: [string, T][]): Record<string, T> {
  return Object.fromEntries(entries);
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
