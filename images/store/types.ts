import type { HistoryEntry } from "../oci/manifest";
import { ImageError, type Image, type ImageLayer } from "../types";

/** Where converted layers and images are kept. */

/** Bytes of each chunk of a layer but the last: a compromise between requests per layer and bytes read for nothing. */
export const CHUNK_SIZE = 256 * 1024;

export interface StoredLayer extends ImageLayer {
  /** Bytes of the uncompressed tar. */
  tarSize: number;
}

export interface StoredImage extends Pick<Image, "id" | "digest" | "created" | "config"> {
  /** diffIds from the lowest up. */
  layers: string[];
  /** Absent of an image stored before there was one. */
  history?: HistoryEntry[];
}

/** Everything but the layers' content, as of one moment. */
export interface Contents {
  images: StoredImage[];
  /** Reference to image id. */
  refs: Map<string, string>;
  layers: Map<string, StoredLayer>;
}

/** A layer being written; invisible until `commit`. */
export interface LayerWriter {
  /** Chunks in any order, each once; `bytes` is not changed afterwards by anyone. */
  write(index: number, bytes: Uint8Array): Promise<void>;
  /** A chunk written before. */
  read(index: number): Promise<Uint8Array>;
  /** Makes the layer visible; if another writer was first, its layer stands and this one's chunks go. */
  commit(layer: StoredLayer): Promise<void>;
  /** Takes everything written away; never throws. */
  discard(): Promise<void>;
}

export interface OpenLayer {
  layer: StoredLayer;
  chunk: (index: number) => Promise<Uint8Array>;
}

export interface Store {
  readonly storage: { kind: "indexeddb" | "memory"; reason?: string };
  contents(): Promise<Contents>;
  createLayer(): Promise<LayerWriter>;
  /** Random access to a whole layer; undefined when there is none. */
  open(diffId: string): Promise<OpenLayer | undefined>;
  /** Makes an image visible under a reference; false when one of its layers is no longer stored. */
  save(image: StoredImage, ref: string): Promise<boolean>;
  /**
   * Takes references away, and an image with the layers that no other image (nor `keep`) needs and nobody reads.
   * Gives the diffIds deleted.
   */
  remove(refs: string[], id: string | undefined, keep: ReadonlySet<string>): Promise<string[]>;
  close(): void;
}

/** The store has no room for a chunk. */
export class StoreFull extends Error {}

/** Layers of `image` that no image of `others` has. */
export function ownLayers(image: StoredImage, others: StoredImage[], keep: ReadonlySet<string>): string[] {
  const shared = new Set(others.filter((other) => other.id !== image.id).flatMap((other) => other.layers));
  return [...new Set(image.layers)].filter((diffId) => !shared.has(diffId) && !keep.has(diffId));
}

export function storageError(message: string, cause?: unknown): ImageError {
  return new ImageError("storage", message, { cause });
}
