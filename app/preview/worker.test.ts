/** preview/sw.js in a context of its own, with the clients and requests a browser would give it. */
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { beforeEach, describe, expect, it } from "vitest";

const SOURCE = readFileSync(new URL("../../preview/sw.js", import.meta.url), "utf8");
const ORIGIN = "http://localhost:8081";
const SESSION = "a".repeat(32);
const OTHER = "b".repeat(32);

interface Asked {
  session: string;
  request: { port: number; path: string; method: string; headers: [string, string][]; navigate: boolean };
  body?: ArrayBuffer;
}

let listeners: Record<string, (event: unknown) => void>;
let asked: Asked[];
let reply: object;
let sessions: string[];
let pages: Record<string, string>;

const frameUrl = (session: string) => `${ORIGIN}/__nestbox__/frame.html?session=${session}`;

beforeEach(() => {
  listeners = {};
  asked = [];
  sessions = [SESSION];
  pages = { page: `${ORIGIN}/index.html?__nestbox=${SESSION}.8080` };
  reply = {
    ok: {
      status: 200,
      statusText: "OK",
      headers: [["content-type", "text/plain"]],
      body: new ArrayBuffer(2),
    },
  };
  const self = {
    addEventListener: (type: string, listener: (event: unknown) => void) => (listeners[type] = listener),
    location: new URL(`${ORIGIN}/sw.js`),
    clients: {
      get: async (id: string) => (pages[id] ? { url: pages[id] } : undefined),
      matchAll: async () => [
        ...Object.values(pages).map((url) => ({ url })),
        ...sessions.map((session) => ({
          url: frameUrl(session),
          postMessage: (message: Omit<Asked, "session">, [port]: [MessagePort]) => {
            asked.push({ session, ...message });
            port.postMessage(reply);
            port.close();
          },
        })),
      ],
    },
  };
  const fetch = async () => new Response("from the network");
  const globals = {
    URL,
    URLSearchParams,
    Headers,
    Response,
    MessageChannel,
    setTimeout,
    clearTimeout,
    fetch,
  };
  runInContext(SOURCE, createContext({ self, ...globals }));
});

interface Ask {
  method?: string;
  mode?: string;
  destination?: string;
  referrer?: string;
  clientId?: string;
  body?: ArrayBuffer;
}

/** Undefined where the worker leaves it to the browser. */
async function get(address: string, ask: Ask = {}): Promise<Response | undefined> {
  const { method = "GET", mode = "no-cors", destination = "", referrer = "", clientId = "", body } = ask;
  let answer: Promise<Response> | undefined;
  const request = {
    url: new URL(address, ORIGIN).href,
    ...{ method, mode, destination, referrer },
    headers: new Headers({ accept: "*/*" }),
    arrayBuffer: async () => body ?? new ArrayBuffer(0),
  };
  listeners["fetch"]!({
    request,
    clientId,
    respondWith: (response: Promise<Response>) => (answer = response),
  });
  return answer;
}

const navigate = (address: string, ask: Ask = {}) =>
  get(address, { mode: "navigate", destination: "iframe", ...ask });
const lastRequest = () => asked.at(-1)?.request;

describe("the preview's service worker", () => {
  it("leaves its own files to the browser", async () => {
    for (const path of [
      "/__nestbox__/frame.html",
      "/__nestbox__/frame.js",
      "/sw.js",
      "/config.json",
      "https://cdn.example/x.js",
    ])
      expect(await get(path, { clientId: "page" })).toBeUndefined();
  });

  it("answers a marked page through its frame, without the mark and with its query as written", async () => {
    const response = await navigate(`/a%20b?x=%2F+y&__nestbox=${SESSION}.8080`);
    expect(response?.status).toBe(200);
    expect(response?.headers.get("referrer-policy")).toBe("same-origin");
    expect(asked[0]?.session).toBe(SESSION);
    expect(lastRequest()).toMatchObject({
      port: 8080,
      path: "/a%20b?x=%2F+y",
      method: "GET",
      navigate: true,
    });
  });

  it("knows the parts of a page by the page, whatever their path", async () => {
    await get("/style.css", { clientId: "page" });
    expect(lastRequest()).toMatchObject({ port: 8080, path: "/style.css", navigate: false });
  });

  it("marks a page that a link has led to", async () => {
    const response = await navigate("/about?x=1#here", { referrer: `${ORIGIN}/?__nestbox=${SESSION}.8080` });
    expect(response?.status).toBe(307);
    expect(response?.headers.get("location")).toBe(`${ORIGIN}/about?x=1&__nestbox=${SESSION}.8080#here`);
  });

  it("keeps two previews apart, and does not guess between them", async () => {
    sessions = [SESSION, OTHER];
    await get("/x", { referrer: `${ORIGIN}/?__nestbox=${OTHER}.9000` });
    expect([asked[0]?.session, lastRequest()?.port]).toEqual([OTHER, 9000]);
    expect(await (await get("/x"))?.text()).toBe("from the network");
  });

  it("gives what has no address of its own to the only frame", async () => {
    await get("/x.js", { clientId: "unknown" });
    expect(lastRequest()).toMatchObject({ port: 0, path: "/x.js" });
    expect(await (await navigate("/x", { destination: "document" }))?.text()).toBe("from the network");
    pages["frame"] = frameUrl(SESSION);
    expect(await (await get("/favicon.ico", { clientId: "frame" }))?.text()).toBe("from the network");
  });

  it("takes localhost for the guest, never for the visitor's machine", async () => {
    await get("http://localhost:9000/api?x", { clientId: "page", mode: "cors" });
    expect(lastRequest()).toMatchObject({ port: 9000, path: "/api?x" });
    await get("http://127.0.0.1/", { clientId: "page" });
    expect(lastRequest()).toMatchObject({ port: 80, path: "/" });
  });

  it("sends a body, and where the request comes from in the server's own terms", async () => {
    const body = new TextEncoder().encode("a=b").buffer;
    await get("/form", { method: "POST", body, referrer: `${ORIGIN}/dir/?q=1&__nestbox=${SESSION}.8080` });
    expect(asked[0]?.body?.byteLength).toBe(3);
    expect(lastRequest()?.headers).toContainEqual(["referer", "http://localhost:8080/dir/?q=1"]);
    const big = await get("/form", {
      method: "POST",
      body: new ArrayBuffer((16 << 20) + 1),
      clientId: "page",
    });
    expect([big?.status, await big?.text()]).toEqual([502, expect.stringContaining("16 MiB")]);
  });

  it("marks redirects within the guest", async () => {
    reply = {
      ok: {
        status: 302,
        statusText: "",
        headers: [["location", "/x"]],
        redirect: { port: 9000, path: "/x?y" },
        body: new ArrayBuffer(0),
      },
    };
    const response = await navigate(`/?__nestbox=${SESSION}.8080`);
    expect([response?.status, response?.headers.get("location")]).toEqual([
      302,
      `${ORIGIN}/x?y&__nestbox=${SESSION}.9000`,
    ]);
  });

  it("shows an error as a page, as text", async () => {
    reply = { error: { code: "failed", message: "<img src=x onerror=alert(1)>" } };
    const response = await navigate(`/?__nestbox=${SESSION}.8080`);
    expect(response?.status).toBe(502);
    expect(response?.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await response?.text()).not.toContain("<img");
    expect((await get("/x.js", { clientId: "page" }))?.headers.get("content-type")).toContain("text/plain");
  });

  it("says what to do when the app is gone", async () => {
    sessions = [];
    const response = await navigate(`/?__nestbox=${SESSION}.8080`);
    expect([response?.status, await response?.text()]).toEqual([
      503,
      expect.stringContaining("Reload preview"),
    ]);
  });

  it("answers statuses that have no body", async () => {
    reply = { ok: { status: 304, statusText: "", headers: [], body: new ArrayBuffer(0) } };
    expect((await get("/x", { clientId: "page" }))?.status).toBe(304);
  });

  it("tells its version", async () => {
    const { port1, port2 } = new MessageChannel();
    const version = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
    listeners["message"]!({ data: { type: "version" }, ports: [port2] });
    expect(await version).toEqual({ nestboxPreview: 1 });
    port1.close();
  });
});
