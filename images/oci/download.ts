import { ImageError } from "../types";

export interface DownloadOptions {
  fetch: typeof fetch;
  /** Names what is fetched, in errors: "the layer 0123456789ab of debian:13". */
  what: string;
  signal: AbortSignal;
  /** Milliseconds without a byte before the download is given up. */
  stallMs: number;
  /** How far the browser's own HTTP cache is used. */
  cache: RequestCache;
}

/** Streams the body of a GET. Every failure is an ImageError; leaving the loop early ends the transfer. */
export async function* download(url: string, options: DownloadOptions): AsyncGenerator<Uint8Array> {
  // Taken out of its object: browsers refuse fetch with another `this`.
  const { what, signal, stallMs, fetch: get } = options;
  const transfer = new AbortController();
  const cancel = () => transfer.abort();
  const aborted = () => signal.aborted;
  if (aborted()) throw cancelled(what);
  signal.addEventListener("abort", cancel, { once: true });
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const inTime = <T>(step: Promise<T>) => withDeadline(step, stallMs, transfer.signal);
    const response = await inTime(get(url, { signal: transfer.signal, cache: options.cache }));
    checkAnswer(response, what);
    if (!response.body) return;
    reader = response.body.getReader();
    for (let step = await inTime(reader.read()); !step.done; step = await inTime(reader.read()))
      yield step.value;
  } catch (cause) {
    if (aborted()) throw cancelled(what);
    if (cause instanceof ImageError) throw cause;
    const why =
      cause instanceof Stalled
        ? `nothing came for ${stallMs / 1000} s`
        : `the connection failed (${String(cause)})`;
    throw new ImageError("network", `cannot fetch ${what}: ${why}; check the connection and try again`, {
      cause,
    });
  } finally {
    signal.removeEventListener("abort", cancel);
    transfer.abort();
    // After an abort this only settles what is still pending; it has nothing more to report.
    reader?.cancel().catch(() => undefined);
  }
}

function checkAnswer(response: Response, what: string): void {
  if (response.ok) {
    // Servers of single-page applications answer every unknown path with their start page.
    if (!response.headers.get("content-type")?.startsWith("text/html")) return;
    throw new ImageError(
      "not-found",
      `cannot fetch ${what}: the server answered with a web page, so it has no such file`,
    );
  }
  const answer = `the server answered ${response.status}${response.statusText ? ` ${response.statusText}` : ""}`;
  if (response.status === 404 || response.status === 410) {
    throw new ImageError("not-found", `cannot fetch ${what}: ${answer}; it is not in this registry`);
  }
  if (response.status === 401 || response.status === 403) {
    throw new ImageError(
      "denied",
      `cannot fetch ${what}: ${answer}; it needs permissions this page does not have`,
    );
  }
  throw new ImageError("network", `cannot fetch ${what}: ${answer}; try again later`);
}

class Stalled extends Error {}

/** Also ends on abort by itself: not every stand-in for fetch heeds its signal. */
function withDeadline<T>(step: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const aborted = () => reject(new Error("aborted"));
    const timer = setTimeout(() => reject(new Stalled()), ms);
    signal.addEventListener("abort", aborted, { once: true });
    step.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
    });
  });
}

export function cancelled(what: string): ImageError {
  return new ImageError("cancelled", `fetching ${what} was cancelled`);
}
