/**
 * The frame that the Nestbox app embeds: it sets up the service worker of this origin, takes a MessagePort from the app, and
 * shows a container's page in a frame of its own. What the worker asks goes through here to the app.
 *
 * Protocol 1, as {nestboxPreview: 1, type, …}. Frame → app by postMessage: "loading", "hello", "failed" {reason}. App → frame: "connect"
 * {session} with a port. On that port, app → frame: "open" {port, path}; frame → app: "request" (sw.js), "blocked" {url}.
 */
const VERSION = 1;
const WORKER_MS = 10_000;
const ANSWER_MS = 3000;
const session = new URL(location.href).searchParams.get("session") ?? "";
let app;
let refusedParent;

function tell(type, more = {}) {
  // Nothing secret is in these, and the app checks that they come from here.
  window.parent.postMessage({ nestboxPreview: VERSION, type, ...more }, "*");
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Origins that may hand a port to this one: they decide what runs here. */
async function allowedApps() {
  const response = await fetch("/config.json", { cache: "no-store" });
  const config = response.ok ? await response.json() : {};
  return [config.app ?? []].flat().map((origin) => new URL(origin).origin);
}

/** Without a configured app: one of the same host, at another port. */
function isAllowed(origin, apps) {
  return apps.length > 0 ? apps.includes(origin) : new URL(origin).hostname === location.hostname;
}

async function workerAnswers(worker) {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise(
    (resolve) => (port1.onmessage = ({ data }) => resolve(data?.nestboxPreview === VERSION)),
  );
  worker.postMessage({ type: "version" }, [port2]);
  const right = await Promise.race([answer, sleep(ANSWER_MS).then(() => false)]);
  port1.close();
  return right;
}

/** Until no newer worker is on its way; then the active one. */
async function activeWorker(registration) {
  const deadline = performance.now() + WORKER_MS;
  for (;;) {
    const next = registration.installing ?? registration.waiting;
    if (!next && registration.active?.state === "activated") return registration.active;
    if (performance.now() > deadline) return undefined;
    await sleep(20);
  }
}

async function startWorker() {
  if (!("serviceWorker" in navigator))
    throw new Error(
      "this browser has no service workers here; they need https or localhost, and no private window in some browsers",
    );
  const registration = await navigator.serviceWorker.register("/sw.js", {
    scope: "/",
    updateViaCache: "none",
  });
  let worker = await activeWorker(registration);
  if (!worker) throw new Error("the service worker of the preview did not start within 10 s");
  if (await workerAnswers(worker)) return;
  await registration.update();
  worker = await activeWorker(registration);
  if (worker && (await workerAnswers(worker))) return;
  await registration.unregister();
  throw new Error(
    "the service worker of the preview was of another version than this Nestbox and was removed; reload the preview",
  );
}

function show(port, path) {
  const frame = document.createElement("iframe");
  frame.title = `Page of the server on port ${port}`;
  const url = new URL(path, location.origin);
  const mark = `__nestbox=${session}.${port}`;
  frame.src = `${url.pathname}${url.search ? `${url.search}&` : "?"}${mark}${url.hash}`;
  // A new frame each time: reloading leaves no trail in the tab's history.
  document.querySelector("iframe")?.remove();
  document.body.append(frame);
}

function connect(port) {
  app?.close();
  app = port;
  app.onmessage = ({ data }) => {
    if (
      data?.type === "open" &&
      Number.isInteger(data.port) &&
      typeof data.path === "string" &&
      /^\/(?!\/)/.test(data.path)
    )
      show(data.port, data.path);
  };
}

async function start() {
  if (window.parent === window) {
    document.body.textContent = "This page belongs into the Preview pane of Nestbox.";
    return;
  }
  tell("loading");
  const apps = await allowedApps().catch(() => []);
  window.addEventListener("message", ({ source, origin, data, ports }) => {
    if (source !== window.parent || data?.nestboxPreview !== VERSION || data.type !== "connect") return;
    if (data.session !== session || !ports[0]) return;
    if (isAllowed(origin, apps)) return connect(ports[0]);
    if (refusedParent === origin) return;
    refusedParent = origin;
    tell("failed", { reason: `the preview's config.json does not name ${origin} as its app` });
  });
  navigator.serviceWorker?.addEventListener("message", ({ data, ports }) => {
    if (data?.nestboxPreview !== VERSION || data.type !== "request" || !ports[0]) return;
    if (!app) {
      ports[0].postMessage({
        error: {
          code: "failed",
          message: "Nestbox has not connected to the preview yet; reload the preview.",
        },
      });
      return;
    }
    app.postMessage(data, data.body ? [ports[0], data.body] : [ports[0]]);
  });
  navigator.serviceWorker?.startMessages();
  // A container's page may lead the frame to itself only (frame-src); the app says where it wanted to go.
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    if (effectiveDirective === "frame-src")
      app?.postMessage({ nestboxPreview: VERSION, type: "blocked", url: blockedURI });
  });
  try {
    await startWorker();
    tell("hello");
  } catch (error) {
    tell("failed", { reason: error.message });
  }
}

void start();
