import { createHash } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { tarOf, type TestEntry } from "./tar";

/** Small registries in tests: OCI layouts in memory, and a web server to spoil their delivery. */

export const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

export interface TestImage {
  name: string;
  tags: string[];
  layers: TestEntry[][];
  config?: object;
  architecture?: string;
  /** Changes the finished documents, for broken images. */
  patchManifest?: (manifest: Record<string, unknown>) => void;
  patchConfig?: (config: Record<string, unknown>) => void;
}

/** Files of the layouts by path, `debian/index.json` and so on. Images of one name join. */
export function layoutFiles(images: TestImage[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const indexes = new Map<string, object[]>();
  for (const image of images) {
    const blob = (mediaType: string, bytes: Uint8Array) => {
      const digest = digestOf(bytes);
      files.set(`${image.name}/blobs/${digest.replace(":", "/")}`, bytes);
      return { mediaType, digest, size: bytes.length };
    };
    const tars = image.layers.map(tarOf);
    const layers = tars.map((tar) => blob("application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(tar)));
    const architecture = image.architecture ?? "386";
    const config: Record<string, unknown> = {
      created: "2026-01-02T03:04:05Z",
      architecture,
      os: "linux",
      config: image.config ?? { Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: tars.map(digestOf) },
    };
    image.patchConfig?.(config);
    const manifest: Record<string, unknown> = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: blob("application/vnd.oci.image.config.v1+json", json(config)),
      layers,
    };
    image.patchManifest?.(manifest);
    const descriptor = blob("application/vnd.oci.image.manifest.v1+json", json(manifest));
    const entries = indexes.get(image.name) ?? [];
    indexes.set(image.name, entries);
    for (const tag of image.tags) {
      entries.push({
        ...descriptor,
        platform: { os: "linux", architecture },
        annotations: { "org.opencontainers.image.ref.name": tag },
      });
    }
  }
  for (const [name, manifests] of indexes)
    files.set(`${name}/index.json`, json({ schemaVersion: 2, manifests }));
  return files;
}

/** The parts of a layout's documents that tests look at or change. */
export interface LayoutDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

export interface LayoutManifest {
  config: LayoutDescriptor;
  layers: [LayoutDescriptor, ...LayoutDescriptor[]];
}

export interface LayoutIndex {
  manifests: [LayoutDescriptor, ...LayoutDescriptor[]];
}

export interface TestServer {
  /** Base URL, ending in "/". */
  url: string;
  /** Paths asked for, in order. */
  asked: string[];
  /** Answers a path its own way. */
  answers: Map<string, RequestListener>;
  close(): Promise<void>;
}

/** Serves files by path; `answers` goes first. */
export async function serve(files: Map<string, Uint8Array>): Promise<TestServer> {
  const asked: string[] = [];
  const answers = new Map<string, RequestListener>();
  const server = createServer((request, response) => {
    const path = request.url!.slice(1);
    asked.push(path);
    const answer = answers.get(path);
    if (answer) {
      answer(request, response);
      return;
    }
    const file = files.get(path);
    if (!file) {
      response.writeHead(404).end("not here");
      return;
    }
    response.writeHead(200, { "content-length": file.length, "content-type": "application/octet-stream" });
    response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    answers,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
