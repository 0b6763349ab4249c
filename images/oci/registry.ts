import { sha256 } from "hash-wasm";
import { ImageError } from "../types";
import { download } from "./download";
import {
  isIndex,
  isManifest,
  LARGEST_DOCUMENT,
  ownMediaType,
  parseConfig,
  parseDocument,
  parseIndex,
  parseManifest,
  PLATFORM,
  REF_NAME,
  type ConfigFile,
  type Descriptor,
  type Manifest,
} from "./manifest";
import { DIGEST, familiar, familiarName, isDefaultHost, type Reference } from "./reference";

/** A resolved image: what to fetch, all of it verified but the layers. */
export interface ResolvedImage {
  /** Digest of the linux/386 manifest. */
  digest: string;
  manifest: Manifest;
  config: ConfigFile;
}

/** Somewhere images come from. */
export interface Registry {
  resolve(reference: Reference, signal: AbortSignal): Promise<ResolvedImage>;
  /** A blob's bytes as they come, not verified. */
  blob(
    reference: Reference,
    descriptor: Descriptor,
    what: string,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

const DEEPEST_INDEX = 3;

/** OCI image layouts served as static files: `<base><name>/{index.json,blobs/sha256/…}` (image-spec image-layout.md). */
export class LayoutRegistry implements Registry {
  constructor(
    private readonly base: string,
    private readonly fetcher: typeof fetch,
    private readonly stallMs: number,
  ) {}

  async resolve(reference: Reference, signal: AbortSignal): Promise<ResolvedImage> {
    const shown = familiar(reference);
    const index = parseIndex(
      await this.#rootIndex(reference, signal),
      `the index of ${familiarName(reference)}`,
    );
    const descriptor = reference.digest
      ? this.#byDigest(index, reference.digest)
      : await this.#byPlatform(reference, byTag(index, reference), signal);
    const found = await this.#manifest(reference, descriptor, signal);
    const what = `the config of ${shown}`;
    const config = parseConfig(
      parseDocument(await this.#document(reference, found.manifest.config, what, signal), what),
      what,
    );
    if (config.diffIds.length !== found.manifest.layers.length) {
      throw new ImageError(
        "bad-image",
        `${shown} has ${found.manifest.layers.length} layers but its config names ${config.diffIds.length}; the image is broken`,
      );
    }
    return { ...found, config };
  }

  blob(
    reference: Reference,
    descriptor: Descriptor,
    what: string,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    // What goes into the store need not lie in the HTTP cache as well.
    return this.#get(
      `${this.#layout(reference)}blobs/${descriptor.digest.replace(":", "/")}`,
      what,
      signal,
      "no-store",
    );
  }

  #layout(reference: Reference): string {
    return `${this.base}${familiarName(reference)}/`;
  }

  #get(url: string, what: string, signal: AbortSignal, cache: RequestCache): AsyncIterable<Uint8Array> {
    return download(url, { fetch: this.fetcher, what, signal, stallMs: this.stallMs, cache });
  }

  async #rootIndex(reference: Reference, signal: AbortSignal): Promise<Record<string, unknown>> {
    const shown = familiar(reference);
    if (!isDefaultHost(reference)) {
      throw new ImageError(
        "unsupported",
        `${shown}: other registries than this page's own are not supported yet; use an image of this page, such as debian or busybox`,
      );
    }
    const what = `the index of ${familiarName(reference)}`;
    try {
      const bytes = await collect(
        this.#get(`${this.#layout(reference)}index.json`, what, signal, "no-cache"),
        what,
      );
      return parseDocument(bytes, what);
    } catch (cause) {
      if (!(cause instanceof ImageError) || cause.code !== "not-found") throw cause;
      const message = `${shown}: this page's registry has no image ${familiarName(reference)} (${cause.message}); check the name`;
      throw new ImageError("not-found", message, { cause });
    }
  }

  /** A manifest or index by digest, whether the layout's index names it or not. */
  #byDigest(index: Descriptor[], digest: string): Descriptor {
    return (
      index.find((item) => item.digest === digest) ?? { mediaType: "", digest, size: 0, annotations: {} }
    );
  }

  /** The one variant that runs here, indexes within the index opened. */
  async #byPlatform(
    reference: Reference,
    from: Descriptor[],
    signal: AbortSignal,
    depth = 0,
  ): Promise<Descriptor> {
    const variants: Descriptor[] = [];
    const open = async (items: Descriptor[], level: number): Promise<void> => {
      for (const item of items) {
        if (!isIndex(item)) {
          if (isManifest(item)) variants.push(item);
          continue;
        }
        const what = `an index of ${familiar(reference)}`;
        if (level >= DEEPEST_INDEX) throw new ImageError("bad-image", `${what} lies too deep within others`);
        await open(
          parseIndex(parseDocument(await this.#document(reference, item, what, signal), what), what),
          level + 1,
        );
      }
    };
    await open(from, depth);
    const match = variants.find((item) => item.platform === PLATFORM);
    if (match) return match;
    // Without a word about platforms the config decides.
    if (variants.length === 1 && variants[0]!.platform === undefined) return variants[0]!;
    const offered = [...new Set(variants.map((item) => item.platform ?? "an unnamed platform"))]
      .filter((platform) => platform !== "unknown/unknown")
      .slice(0, 20);
    throw new ImageError(
      "unsupported",
      `${familiar(reference)} has no ${PLATFORM} variant, and no other runs here; it offers ${offered.join(", ") || "nothing"}`,
    );
  }

  async #manifest(
    reference: Reference,
    descriptor: Descriptor,
    signal: AbortSignal,
  ): Promise<{ digest: string; manifest: Manifest }> {
    const what = `the manifest of ${familiar(reference)}`;
    const document = parseDocument(await this.#document(reference, descriptor, what, signal), what);
    const actual = { ...descriptor, mediaType: descriptor.mediaType || ownMediaType(document) };
    if (isIndex(actual)) {
      const inner = await this.#byPlatform(reference, parseIndex(document, what), signal, 1);
      return this.#manifest(reference, inner, signal);
    }
    if (!isManifest(actual)) {
      throw new ImageError(
        "unsupported",
        `${what} is ${JSON.stringify(actual.mediaType.slice(0, 120))}, no image manifest`,
      );
    }
    return { digest: descriptor.digest, manifest: parseManifest(document, what) };
  }

  /** A small blob, whole and verified. A descriptor of size 0 stands for "size unknown". */
  async #document(
    reference: Reference,
    descriptor: Descriptor,
    what: string,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const bytes = await collect(this.blob(reference, descriptor, what, signal), what);
    if (!DIGEST.test(descriptor.digest) || `sha256:${await sha256(bytes)}` !== descriptor.digest) {
      throw new ImageError(
        "bad-digest",
        `${what} is not what its digest ${descriptor.digest.slice(0, 19)}… names; the registry's copy is damaged`,
      );
    }
    return bytes;
  }
}

function byTag(index: Descriptor[], reference: Reference): Descriptor[] {
  const tagged = index.filter((item) => item.annotations[REF_NAME] === reference.tag);
  if (tagged.length > 0) return tagged;
  const names = [...new Set(index.flatMap((item) => item.annotations[REF_NAME] ?? []))];
  // A layout of one image need not name it.
  if (names.length === 0 && index.length > 0 && reference.tag === "latest") return index;
  throw new ImageError(
    "not-found",
    `${familiarName(reference)} has no tag ${reference.tag}; it offers ${names.sort().slice(0, 20).join(", ") || "none"}`,
  );
}

async function collect(stream: AsyncIterable<Uint8Array>, what: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > LARGEST_DOCUMENT)
      throw new ImageError("bad-image", `${what} is larger than ${LARGEST_DOCUMENT} bytes`);
    pieces.push(piece);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
