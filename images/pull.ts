import { pullLayer, type LayerJob } from "./layer";
import { cancelled } from "./oci/download";
import { familiar, type Reference } from "./oci/reference";
import type { Registry, ResolvedImage } from "./oci/registry";
import { LayerProgress } from "./progress";
import type { Store, StoredImage } from "./store/types";
import { ImageError, type PullProgress } from "./types";

/** Pulls images: resolves, then fetches, verifies, converts and stores the layers that are missing. */

export interface PullContext {
  registry: Registry;
  store: Store;
  /** Layers on their way, by diffId, so that two images sharing one fetch it once. */
  underway: Map<string, Promise<void>>;
}

const PARALLEL_LAYERS = 3;
/** How often an image is completed again after another tab removed one of its layers meanwhile. */
const MOST_ROUNDS = 3;

export async function pullImage(
  context: PullContext,
  reference: Reference,
  report: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<string> {
  const shown = familiar(reference);
  const name = reference.path;
  report({ status: `${reference.digest ?? reference.tag}: Pulling from ${name}` });
  const resolved = await context.registry.resolve(reference, signal);
  const image: StoredImage = {
    id: resolved.manifest.config.digest,
    digest: resolved.digest,
    created: resolved.config.created,
    config: resolved.config.config,
    layers: resolved.config.diffIds,
    history: resolved.config.history,
  };
  const known = (await context.store.contents()).images.some(({ id }) => id === image.id);

  for (let round = 1; ; round++) {
    await pullLayers(context, reference, resolved, report, signal);
    if (await context.store.save(image, shown)) break;
    if (round === MOST_ROUNDS) {
      throw new ImageError(
        "storage",
        `${shown}: its layers are being removed while it is pulled (by another tab?); pull again`,
      );
    }
  }
  report({ status: `Digest: ${resolved.digest}` });
  report({
    status: known
      ? `Status: Image is up to date for ${shown}`
      : `Status: Downloaded newer image for ${shown}`,
  });
  return image.id;
}

async function pullLayers(
  context: PullContext,
  reference: Reference,
  resolved: ResolvedImage,
  report: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const forward = () => stop.abort();
  signal.addEventListener("abort", forward, { once: true });
  if (signal.aborted) stop.abort();

  const jobs: LayerJob[] = resolved.manifest.layers.map((layer, i) => ({
    layer,
    diffId: resolved.config.diffIds[i]!,
    what: `layer ${layer.digest.slice(7, 19)} of ${familiar(reference)}`,
    progress: new LayerProgress(layer.digest, report),
  }));
  for (const { progress } of jobs) progress.status("Pulling fs layer");
  let failure: { error: unknown } | undefined;
  const queue = jobs.values();
  const work = async () => {
    for (const job of queue) {
      if (failure) return;
      try {
        await ensureLayer(context, reference, job, stop.signal);
      } catch (error) {
        failure ??= { error };
        // The others' work is for nothing now.
        stop.abort();
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL_LAYERS }, work));
  } finally {
    signal.removeEventListener("abort", forward);
  }
  if (failure) throw failure.error;
}

async function ensureLayer(
  context: PullContext,
  reference: Reference,
  job: LayerJob,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    if (signal.aborted) throw cancelled(job.what);
    const other = context.underway.get(job.diffId);
    if (!other) break;
    job.progress.status("Waiting");
    // Whether it went well shows in the store; if not, this pull tries itself.
    await other.catch(() => undefined);
  }
  const pulling = pullMissing(context, reference, job, signal);
  context.underway.set(job.diffId, pulling);
  try {
    await pulling;
  } finally {
    context.underway.delete(job.diffId);
  }
}

async function pullMissing(
  { store, registry }: PullContext,
  reference: Reference,
  job: LayerJob,
  signal: AbortSignal,
): Promise<void> {
  if ((await store.contents()).layers.has(job.diffId)) {
    job.progress.status("Already exists");
    return;
  }
  await pullLayer(store, job, (end) => registry.blob(reference, job.layer, job.what, end), signal);
}
