/** What the rest of the project may know of images; the shapes of `emulator/agent/PROTOCOL.md` "REQUEST". */

/** The runtime part of an OCI image config (image-spec config.md); absent fields are left out. */
export interface ImageConfig {
  User?: string;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  WorkingDir?: string;
  ExposedPorts?: Record<string, object>;
  Volumes?: Record<string, object>;
  Labels?: Record<string, string>;
  StopSignal?: string;
}

/** One converted layer. `size` is the erofs image's size in bytes, a multiple of 4096. */
export interface ImageLayer {
  diffId: string;
  size: number;
}

export interface Image {
  /** Digest of the config blob: the image id. */
  id: string;
  /** Digest of the linux/386 manifest. */
  digest: string;
  /** Familiar names, `debian:13`. */
  refs: string[];
  /** RFC 3339. */
  created: string;
  /** Uncompressed size of all layers in bytes (sum of the tars' sizes, as docker's SIZE column). */
  size: number;
  /** From the lowest up. */
  layers: ImageLayer[];
  config: ImageConfig;
}

/** What one step of an image's making did (image-spec "history"); a step without a layer has size 0. */
export interface ImageStep {
  /** RFC 3339; absent when the image does not say. */
  created?: string;
  createdBy: string;
  comment: string;
  /** Bytes of its layer's tar. */
  size: number;
}

/** One line of a pull, as docker shows it. `id` is 12 hex digits of the layer's digest; without it the line is about the whole image. */
export interface PullProgress {
  id?: string;
  status: string;
  /** Bytes. */
  current?: number;
  total?: number;
}

export type ImageErrorCode =
  | "not-found"
  | "denied"
  | "network"
  | "bad-digest"
  | "bad-image"
  | "unsupported"
  | "storage"
  | "cancelled"
  | "internal";

/** Every failure of this room. `message` names the thing, the reason and the way out, ready to show. */
export class ImageError extends Error {
  constructor(
    readonly code: ImageErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ImageError";
  }
}

/** Random access to a converted layer. */
export interface LayerReader {
  readonly size: number;
  /** Fresh bytes of [offset, offset+length), shorter only at the end of the layer. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** The image path as `emulator/` uses it. Made by `openImages()` in `images/index.ts`. */
export interface Images {
  /** Where layers are kept: "indexeddb", or "memory" with the reason why nothing will outlive the page. */
  readonly storage: { kind: "indexeddb" | "memory"; reason?: string };
  pull(
    ref: string,
    options?: { onProgress?: (progress: PullProgress) => void; signal?: AbortSignal },
  ): Promise<Image>;
  /** By reference, id, or unambiguous id prefix; `not-found` otherwise. */
  get(ref: string): Promise<Image>;
  list(): Promise<Image[]>;
  /** The image's steps, the newest first. */
  history(ref: string): Promise<{ id: string; history: ImageStep[] }>;
  /** Gives an image one more name; `bad-image` when that is none or one by digest. */
  tag(ref: string, name: string): Promise<Image>;
  remove(ref: string): Promise<{ untagged: string[]; deleted: string[] }>;
  /** By diffId with or without "sha256:"; undefined when no such layer is stored whole. */
  layer(diffId: string): Promise<LayerReader | undefined>;
  /** All whole layers, for directory listings. */
  layers(): Promise<ImageLayer[]>;
  close(): void;
}

export interface ImagesOptions {
  /** Base URL of the default registry's OCI layouts (`images/registry/`), ending in "/". */
  registry: string;
  /** "indexeddb" (default; falls back to memory by itself) or "memory" (Node, tests). */
  storage?: "indexeddb" | "memory";
  fetch?: typeof fetch;
}
