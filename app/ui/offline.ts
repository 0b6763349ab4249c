/** Registers the service worker that makes the page work offline (scripts/vite-offline.ts). */
import type { Notices } from "./notices.svelte";
import { reasonOf } from "./notices.svelte";

type Container = Pick<ServiceWorkerContainer, "register" | "controller">;

/**
 * Call it when the machine runs: keeping the files then costs nothing that anybody waits for. Where service workers are
 * missing or refused (an opaque frame, a private window, http on another host) the page works as before and says
 * nothing unless it was there before. A new version waits until this one's pages are closed; the reader is told.
 */
export async function keepForOffline(
  notices: Notices,
  script: URL,
  container: Container | undefined = available(),
): Promise<void> {
  if (!container) return;
  const updating = container.controller !== null;
  let registration: ServiceWorkerRegistration;
  try {
    registration = await container.register(script, { updateViaCache: "none" });
  } catch (cause) {
    if (updating) notices.failure("A newer version could not be looked for", cause);
    else console.warn(`Not kept for offline use: ${reasonOf(cause)}`);
    return;
  }
  const tell = (worker: ServiceWorker | null): void => {
    if (worker?.state !== "installed" || !updating) return;
    notices.add({
      tone: "info",
      title: "A newer version is ready",
      detail: "It starts when all tabs of Nestbox have been closed. Nothing running here is touched.",
    });
  };
  tell(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing?.addEventListener("statechange", () => tell(installing));
  });
}

function available(): Container | undefined {
  // Reading the property throws in frames with an opaque origin.
  try {
    return "serviceWorker" in navigator && globalThis.isSecureContext ? navigator.serviceWorker : undefined;
  } catch {
    return undefined;
  }
}
