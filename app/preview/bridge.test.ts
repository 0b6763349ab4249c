import { afterEach, describe, expect, it, vi } from "vitest";
import { SandboxError, type FetchOptions } from "../../emulator/control/api";
import { PreviewBridge, type BridgeEvents } from "./bridge";
import type { PageAnswer } from "./messages";

type Page = Parameters<BridgeEvents["onPage"]>[0];

let bridge: PreviewBridge;
let pages: Page[];
let blocked: string[];

function start(fetch: (url: string, options: FetchOptions) => Promise<Response>): void {
  pages = [];
  blocked = [];
  bridge = new PreviewBridge(
    { fetch: (url, options = {}) => fetch(String(url), options) },
    { onPage: (page) => pages.push(page), onBlocked: (url) => blocked.push(url) },
  );
}

afterEach(() => {
  bridge.close();
  bridge.remote.close();
});

function ask(changes: object = {}): Promise<PageAnswer> {
  const { port1, port2 } = new MessageChannel();
  const request = { port: 8080, path: "/", method: "GET", headers: [], navigate: true, ...changes };
  bridge.remote.postMessage({ nestboxPreview: 1, type: "request", request }, [port2]);
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data as PageAnswer);
    };
  });
}

describe("the bridge", () => {
  it("fetches from the port it is told and tells of the page", async () => {
    const urls: string[] = [];
    start(
      async (url) => (
        urls.push(url),
        new Response("hi", { status: 404, headers: { "content-type": "text/plain" } })
      ),
    );
    const answer = await ask({ path: "/x?y" });
    expect(urls).toEqual(["http://localhost:8080/x?y"]);
    expect(answer).toMatchObject({ ok: { status: 404, headers: [["content-type", "text/plain"]] } });
    expect(new TextDecoder().decode("ok" in answer ? answer.ok.body : undefined)).toBe("hi");
    expect(pages).toEqual([
      { port: 8080, path: "/x?y" },
      { port: 8080, path: "/x?y", status: 404 },
    ]);
  });

  it("takes port 0 for the page that is shown", async () => {
    const urls: string[] = [];
    start(async (url) => (urls.push(url), new Response("")));
    bridge.open(9000, "/");
    await ask({ port: 0, navigate: false });
    expect(urls).toEqual(["http://localhost:9000/"]);
    expect(pages).toEqual([]);
  });

  it("says why a page did not come", async () => {
    start(() => Promise.reject(new SandboxError("failed", "Nobody answers at http://localhost:8080.")));
    expect(await ask()).toEqual({
      error: { code: "failed", message: "Nobody answers at http://localhost:8080." },
    });
    expect(pages.at(-1)).toEqual({
      port: 8080,
      path: "/",
      failure: "Nobody answers at http://localhost:8080.",
    });
  });

  it("refuses what is not a proper request without asking the guest", async () => {
    const fetch = vi.fn(async () => new Response(""));
    start(fetch);
    expect(await ask({ method: "CONNECT" })).toMatchObject({ error: { code: "refused" } });
    expect(await ask({ path: "http://example.com/" })).toMatchObject({ error: { code: "refused" } });
    for (const junk of [null, 5, { type: "request" }, { nestboxPreview: 9, type: "request" }])
      bridge.remote.postMessage(junk);
    expect(await ask()).toHaveProperty("ok");
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it("refuses a packed body it cannot show", async () => {
    start(async () => new Response("x", { headers: { "content-encoding": "br" } }));
    expect(await ask()).toMatchObject({ error: { code: "unsupported" } });
  });

  it("fetches 16 things at once and lets the others wait", async () => {
    let now = 0;
    let most = 0;
    start(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      return new Response("");
    });
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    expect(answers.every((answer) => "ok" in answer)).toBe(true);
    expect(most).toBe(16);
  });

  it("refuses a page that asks for hundreds of things at once, and ends what waits when closed", async () => {
    let signal: AbortSignal | undefined;
    start((_, options) => ((signal = options.signal), new Promise(() => undefined)));
    const answers: PageAnswer[] = [];
    for (let i = 0; i < 300; i++) void ask({ navigate: false }).then((answer) => answers.push(answer));
    await vi.waitFor(() => expect(answers).toHaveLength(300 - 16 - 256));
    expect(answers[0]).toMatchObject({ error: { code: "refused" } });
    bridge.close();
    expect(signal?.aborted).toBe(true);
  });

  it("hears where a page wanted to go", async () => {
    start(async () => new Response(""));
    bridge.remote.postMessage({
      nestboxPreview: 1,
      type: "blocked",
      url: `https://example.com/${"x".repeat(5000)}`,
    });
    await vi.waitFor(() => expect(blocked).toHaveLength(1));
    expect(blocked[0]).toHaveLength(2048);
  });
});
