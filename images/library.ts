import { cancelled } from "./oci/download";
import type { HistoryEntry } from "./oci/manifest";
import { familiar, parseReference, type Reference } from "./oci/reference";
import type { Registry } from "./oci/registry";
import { pullImage, type PullContext } from "./pull";
import { CHUNK_SIZE, type Contents, type Store, type StoredImage } from "./store/types";
import {
  ImageError,
  type Image,
  type ImageLayer,
  type ImageStep,
  type Images,
  type LayerReader,
  type PullProgress,
} from "./types";

/** Characters of an image's history that are told. */
const MOST_HISTORY = 45_000;

/** One pull under way and those who wait for it. */
interface Job {
  listeners: Set<(progress: PullProgress) => void>;
  /** The last line of each layer (and of the whole), for who comes later. */
  lines: Map<string, PullProgress>;
  waiting: number;
  stop: AbortController;
  done: Promise<string>;
}

/** The images of one store, and pulling into it. */
export class ImageLibrary implements Images {
  #context: PullContext;
  #jobs = new Map<string, Job>();

  constructor(
    registry: Registry,
    private readonly store: Store,
  ) {
    this.#context = { registry, store, underway: new Map() };
  }

  get storage(): Images["storage"] {
    return this.store.storage;
  }

  async pull(
    ref: string,
    options: { onProgress?: (progress: PullProgress) => void; signal?: AbortSignal } = {},
  ): Promise<Image> {
    const reference = parseReference(ref);
    const { onProgress, signal } = options;
    if (signal?.aborted) throw cancelled(familiar(reference));
    const job = this.#job(reference);
    if (onProgress) {
      for (const line of job.lines.values()) onProgress(line);
      job.listeners.add(onProgress);
    }
    job.waiting++;
    try {
      const id = await abortable(job.done, signal, familiar(reference));
      return await this.#byId(id, familiar(reference));
    } finally {
      if (onProgress) job.listeners.delete(onProgress);
      // The last one to leave stops the work; after its end this changes nothing.
      if (--job.waiting === 0) job.stop.abort();
    }
  }

  async get(ref: string): Promise<Image> {
    const contents = await this.store.contents();
    return describe(find(contents, ref), contents);
  }

  async list(): Promise<Image[]> {
    const contents = await this.store.contents();
    return contents.images
      .map((image) => describe(image, contents))
      .sort((a, b) => (a.created < b.created ? 1 : -1));
  }

  async history(ref: string): Promise<{ id: string; history: ImageStep[] }> {
    const contents = await this.store.contents();
    const image = find(contents, ref);
    const sizes = image.layers.map((diffId) => contents.layers.get(diffId)?.tarSize ?? 0).values();
    // An image that tells nothing of its steps has one for each layer.
    const steps: HistoryEntry[] = image.history?.length
      ? image.history
      : image.layers.map(() => ({ created: image.created, createdBy: "", comment: "", empty: false }));
    // The answer is one packet of the guest's.
    const room = Math.max(40, Math.floor(MOST_HISTORY / steps.length) - 120);
    const history = steps.map(({ empty, createdBy, comment, ...rest }) => ({
      ...rest,
      createdBy: createdBy.slice(0, room),
      comment: comment.slice(0, 80),
      size: empty ? 0 : (sizes.next().value ?? 0),
    }));
    return { id: image.id, history: history.reverse() };
  }

  async tag(ref: string, name: string): Promise<Image> {
    const reference = parseReference(name);
    if (reference.digest)
      throw new ImageError("bad-image", "refusing to create a tag with a digest reference");
    const image = find(await this.store.contents(), ref);
    const shown = familiar(reference);
    if (!(await this.store.save(image, shown)))
      throw new ImageError("not-found", `${shown} was removed while it was tagged`);
    return this.#byId(image.id, shown);
  }

  async remove(ref: string): Promise<{ untagged: string[]; deleted: string[] }> {
    const contents = await this.store.contents();
    const image = find(contents, ref);
    const all = refsOf(image.id, contents);
    const named = nameOf(ref);
    // By name: that name goes, and the image with its last one. By id: all of it.
    const untagged = named !== undefined && all.includes(named) ? [named] : all;
    const last = untagged.length === all.length;
    const layers = await this.store.remove(untagged, last ? image.id : undefined, new Set());
    return { untagged, deleted: last ? [image.id, ...layers] : [] };
  }

  async layer(diffId: string): Promise<LayerReader | undefined> {
    const open = await this.store.open(diffId.startsWith("sha256:") ? diffId : `sha256:${diffId}`);
    if (!open) return undefined;
    const { layer, chunk } = open;
    return {
      size: layer.size,
      async read(offset, length) {
        const from = Math.min(Math.max(offset, 0), layer.size);
        const end = Math.min(from + Math.max(length, 0), layer.size);
        const bytes = new Uint8Array(end - from);
        for (let at = from; at < end;) {
          const index = Math.floor(at / CHUNK_SIZE);
          const start = at - index * CHUNK_SIZE;
          const piece = (await chunk(index)).subarray(start, start + end - at);
          if (piece.length === 0)
            throw new ImageError(
              "storage",
              `layer ${diffId} is damaged in the store; remove its image and pull again`,
            );
          bytes.set(piece, at - from);
          at += piece.length;
        }
        return bytes;
      },
    };
  }

  async layers(): Promise<ImageLayer[]> {
    const { layers } = await this.store.contents();
    return [...layers.values()].map(({ diffId, size }) => ({ diffId, size }));
  }

  close(): void {
    for (const job of this.#jobs.values()) job.stop.abort();
    this.store.close();
  }

  #job(reference: Reference): Job {
    const key = familiar(reference);
    const running = this.#jobs.get(key);
    if (running && !running.stop.signal.aborted) return running;
    const listeners: Job["listeners"] = new Set();
    const lines: Job["lines"] = new Map();
    const stop = new AbortController();
    const report = (progress: PullProgress) => {
      lines.set(progress.id ?? "", progress);
      for (const listener of listeners) listener(progress);
    };
    const job: Job = {
      listeners,
      lines,
      waiting: 0,
      stop,
      done: pullImage(this.#context, reference, report, stop.signal),
    };
    this.#jobs.set(key, job);
    const forget = () => {
      if (this.#jobs.get(key) === job) this.#jobs.delete(key);
    };
    job.done.then(forget, forget);
    return job;
  }

  async #byId(id: string, shown: string): Promise<Image> {
    const contents = await this.store.contents();
    const image = contents.images.find((candidate) => candidate.id === id);
    if (!image) throw new ImageError("not-found", `${shown} was removed while it was pulled; pull it again`);
    return describe(image, contents);
  }
}

/** By full id, by reference, by digest, or by an unambiguous beginning of an id. */
function find({ images, refs }: Contents, ref: string): StoredImage {
  const named = nameOf(ref);
  const id = named === undefined ? undefined : refs.get(named);
  const byName = images.find((image) => image.id === id);
  if (byName) return byName;
  const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(ref)?.[1];
  const matches = prefix ? images.filter((image) => image.id.startsWith(`sha256:${prefix}`)) : [];
  if (matches.length === 1) return matches[0]!;
  if (matches.length > 1) {
    throw new ImageError(
      "not-found",
      `${ref} is the beginning of ${matches.length} image ids; give more of it`,
    );
  }
  throw new ImageError("not-found", `No such image: ${ref.slice(0, 300)}`);
}

function nameOf(ref: string): string | undefined {
  try {
    return familiar(parseReference(ref));
  } catch {
    return undefined;
  }
}

function refsOf(id: string, { refs }: Contents): string[] {
  return [...refs]
    .filter(([, target]) => target === id)
    .map(([ref]) => ref)
    .sort();
}

function describe(image: StoredImage, contents: Contents): Image {
  const layers = image.layers.map((diffId) => contents.layers.get(diffId) ?? { diffId, size: 0, tarSize: 0 });
  return {
    id: image.id,
    digest: image.digest,
    // Names by digest find the image but are no tags.
    refs: refsOf(image.id, contents).filter((ref) => !ref.includes("@")),
    created: image.created,
    size: layers.reduce((sum, layer) => sum + layer.tarSize, 0),
    layers: layers.map(({ diffId, size }) => ({ diffId, size })),
    config: image.config,
  };
}

function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(cancelled(what));
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
