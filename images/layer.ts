import { createSHA256 } from "hash-wasm";
import { convertLayer } from "./erofs/convert";
import { BlobUnpacker } from "./oci/blob";
import { cancelled } from "./oci/download";
import type { Manifest } from "./oci/manifest";
import type { LayerProgress } from "./progress";
import { CHUNK_SIZE, StoreFull, type Store } from "./store/types";
import { ImageError } from "./types";

export interface LayerJob {
  layer: Manifest["layers"][number];
  /** Digest of the uncompressed tar. */
  diffId: string;
  /** For messages: "layer 0123456789ab of debian:13". */
  what: string;
  progress: LayerProgress;
}

/**
 * Fetches one layer, verifies blob and tar, converts it and stores it; all in one stream. It becomes visible only
 * when everything was right; otherwise nothing of it stays.
 */
export async function pullLayer(
  store: Store,
  job: LayerJob,
  open: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { layer, diffId, progress } = job;
  const writer = await store.createLayer().catch((error: unknown) => {
    throw explain(error, job, signal);
  });
  const end = new AbortController();
  const forward = () => end.abort();
  signal.addEventListener("abort", forward, { once: true });
  if (signal.aborted) end.abort();
  try {
    const blob = new BlobUnpacker(open(end.signal), layer, (bytes) =>
      progress.status("Downloading", bytes, layer.size),
    );
    const hash = await createSHA256();
    let tarSize = 0;
    const tar = async function* () {
      for await (const piece of blob.bytes()) {
        hash.update(piece);
        tarSize += piece.length;
        if (blob.unpackedSize !== undefined)
          progress.status("Extracting", tarSize, Math.max(blob.unpackedSize, tarSize));
        yield piece;
      }
    };
    const converting = convertLayer(tar(), (index, bytes) => writer.write(index, bytes), {
      chunkSize: CHUNK_SIZE,
      uuid: uuidOf(diffId),
    });
    const received = blob.verified.then(() => progress.status("Verifying Checksum"));
    // Not everyone below awaits it.
    received.catch(() => undefined);
    const size = await bothOf(converting, received, () => end.abort());
    const actual = `sha256:${hash.digest("hex")}`;
    if (actual !== diffId) {
      throw new ImageError(
        "bad-digest",
        `it unpacks to ${actual.slice(0, 19)}…, but the config names ${diffId.slice(0, 19)}…; the image is broken`,
      );
    }
    progress.status("Extracting", tarSize, tarSize);
    await writer.commit({ diffId, size, tarSize });
    progress.status("Pull complete");
  } catch (error) {
    end.abort();
    await writer.discard();
    throw explain(error, job, signal);
  } finally {
    signal.removeEventListener("abort", forward);
  }
}

/**
 * The conversion's result once the blob is verified too. A damaged blob also breaks the conversion, so the blob's own
 * failure is told first; any other failure of the conversion stops the download at once.
 */
async function bothOf(
  converting: Promise<number>,
  verified: Promise<void>,
  stop: () => void,
): Promise<number> {
  const conversion = await converting.then(
    (size) => ({ size }),
    (error: unknown) => ({ error }),
  );
  if ("error" in conversion) {
    const damaged = conversion.error instanceof ImageError && conversion.error.code === "bad-image";
    if (damaged) await verified;
    else stop();
    throw conversion.error;
  }
  await verified;
  return conversion.size;
}

function explain(error: unknown, { what, diffId }: LayerJob, signal: AbortSignal): ImageError {
  if (signal.aborted) return cancelled(what);
  if (error instanceof StoreFull) {
    return new ImageError("storage", `no room for ${what}: ${error.message}; remove images and pull again`, {
      cause: error,
    });
  }
  if (!(error instanceof ImageError)) {
    return new ImageError(
      "internal",
      `${what} (${diffId.slice(0, 19)}…) could not be stored: ${String(error)}; please report this`,
      {
        cause: error,
      },
    );
  }
  if (error.message.includes(what)) return error;
  return new ImageError(error.code, `${what}: ${error.message}`, { cause: error });
}

/** The filesystem's name: overlayfs wants its lower filesystems told apart. */
function uuidOf(diffId: string): Uint8Array {
  const hex = diffId.slice("sha256:".length);
  return Uint8Array.from({ length: 16 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
