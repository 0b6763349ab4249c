/**
 * The service worker of the preview origin. It answers what a container's page asks for by asking the Nestbox app, through
 * the frame (__nestbox__/frame.js) that the app has open. It keeps no state, so it may be stopped at any time: which frame
 * and which published port a page belongs to stands in a mark in the page's address.
 *
 * Protocol 1. Worker → frame: {nestboxPreview: 1, type: "request", request: {port, path, method, headers, navigate}, body}
 * with a port for the answer: {ok: {status, statusText, headers, redirect, body}} or {error: {code, message}}.
 */
const VERSION = 1;
/** Paths of this origin that are not a container's. */
const OWN = "/__nestbox__/";
const OWN_FILES = ["/sw.js", "/config.json"];
const FRAME = `${OWN}frame.html`;
/** `?__nestbox=<session of the frame>.<port>`; port 0 is the one the frame shows. */
const MARK = "__nestbox";
/** A little longer than the app's own deadline, whose message says more. */
const DEADLINE_MS = 35_000;
const MAX_BODY = 16 * 1024 * 1024;
const WITHOUT_BODY = [204, 205, 304];

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data?.type === "version") event.ports[0]?.postMessage({ nestboxPreview: VERSION });
});
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const own = url.origin === self.location.origin;
  if (own ? url.pathname.startsWith(OWN) || OWN_FILES.includes(url.pathname) : !isGuest(url)) return;
  event.respondWith(answer(event, url, own));
});

/** A page that names localhost means its own machine, which is the guest and never the visitor's. */
function isGuest(url) {
  return url.protocol === "http:" && (url.hostname === "localhost" || url.hostname === "127.0.0.1");
}

async function answer(event, url, own) {
  const { request } = event;
  const navigate = request.mode === "navigate";
  const mark = await markOf(event, url);
  // Nobody's page: this origin's own files, or what the network says.
  if (!mark) return fetch(request);
  if (navigate && !parseMark(url.href)) return Response.redirect(marked(url, mark), 307);
  const port = own ? mark.port : Number(url.port || 80);
  try {
    const frame = await frameOf(mark.session);
    if (!frame) {
      const text =
        "Nestbox is not connected to this preview any more. Go back to its tab and press “Reload preview” there.";
      return refusal(navigate, 503, "The preview has lost its connection", text);
    }
    const reply = await ask(frame, await describe(request, url, port, navigate));
    if (reply.error)
      return refusal(navigate, 502, "The page could not be fetched", String(reply.error.message));
    return respond(reply.ok, mark);
  } catch (error) {
    return refusal(navigate, 502, "The page could not be fetched", error.message);
  }
}

function parseMark(address) {
  let text = null;
  try {
    text = new URL(address).searchParams.get(MARK);
  } catch {
    // No address at all: "" is a referrer that was not sent.
  }
  const match = /^([0-9a-f]{32})\.(\d{1,5})$/.exec(text ?? "");
  return match ? { session: match[1], port: Number(match[2]) } : undefined;
}

/** The address with the mark; the rest of its query stays as it is written. */
function marked(url, { session, port }) {
  const { origin, pathname, hash } = url;
  const query = withoutMark(url.search);
  return `${origin}${pathname}${query ? `${query}&` : "?"}${MARK}=${session}.${port}${hash}`;
}

function withoutMark(query) {
  const rest = query
    .slice(1)
    .split("&")
    .filter((part) => part && !part.startsWith(`${MARK}=`));
  return rest.length > 0 ? `?${rest.join("&")}` : "";
}

async function markOf(event, url) {
  const client = event.clientId ? await self.clients.get(event.clientId) : undefined;
  const found = parseMark(url.href) ?? parseMark(client?.url ?? "") ?? parseMark(event.request.referrer);
  if (found) return found;
  // A new tab of its own belongs to nobody; anything else to the only frame there is.
  if (event.request.destination === "document") return undefined;
  if (client && new URL(client.url).pathname.startsWith(OWN)) return undefined;
  const sessions = (await frames()).map((frame) => frame.session);
  return sessions.length === 1 ? { session: sessions[0], port: 0 } : undefined;
}

async function frames() {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return all.flatMap((client) => {
    const url = new URL(client.url);
    const session = url.pathname === FRAME ? url.searchParams.get("session") : null;
    return session ? [{ client, session }] : [];
  });
}

async function frameOf(session) {
  return (await frames()).find((frame) => frame.session === session)?.client;
}

async function describe(request, url, port, navigate) {
  const headers = [...request.headers];
  const from = parseMark(request.referrer) && new URL(request.referrer);
  if (from) headers.push(["referer", `http://localhost:${port}${from.pathname}${withoutMark(from.search)}`]);
  let body;
  if (request.method !== "GET" && request.method !== "HEAD") {
    body = await request.arrayBuffer();
    if (body.byteLength > MAX_BODY) throw new Error("It sends more than 16 MiB, the most a preview carries.");
  }
  return {
    request: {
      port,
      path: url.pathname + withoutMark(url.search),
      method: request.method,
      headers,
      navigate,
    },
    body: body?.byteLength ? body : undefined,
  };
}

function ask(frame, { request, body }) {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    const timer = setTimeout(() => {
      port1.close();
      reject(new Error(`Nestbox did not answer within ${DEADLINE_MS / 1000} s.`));
    }, DEADLINE_MS);
    port1.onmessage = ({ data }) => {
      clearTimeout(timer);
      port1.close();
      resolve(data);
    };
    frame.postMessage(
      { nestboxPreview: VERSION, type: "request", request, body },
      body ? [port2, body] : [port2],
    );
  });
}

/** `redirect`: where in the guest a Location leads; one that leads out of it stays in the headers. */
function respond({ status, statusText, headers, redirect, body }, { session }) {
  const list = new Headers(headers);
  // The mark of a page is in its address, which must reach its own pages and nobody else.
  list.set("referrer-policy", "same-origin");
  if (redirect) {
    const to = new URL(self.location.origin + redirect.path);
    list.set("location", marked(to, { session, port: redirect.port }));
  }
  return new Response(WITHOUT_BODY.includes(status) ? null : body, { status, statusText, headers: list });
}

function refusal(navigate, status, title, text) {
  if (!navigate)
    return new Response(`${title}: ${text}\n`, {
      status,
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  const escape = (value) => value.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>${escape(title)}</title><style>body{max-width:60ch;margin:3rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}h1{font-size:1.25rem}</style>
<h1>${escape(title)}</h1><p>${escape(text)}</p></html>`;
  return new Response(html, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    },
  });
}
