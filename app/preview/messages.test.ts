import { describe, expect, it } from "vitest";
import { filterHeaders, guestAddress, messageType, normalized, parseRequest } from "./messages";

const request = (changes: object = {}, body?: unknown) =>
  parseRequest({
    request: {
      port: 8080,
      path: "/a?b=c",
      method: "GET",
      headers: [["Accept", "*/*"]],
      navigate: true,
      ...changes,
    },
    ...(body === undefined ? {} : { body }),
  });

describe("a request of a page", () => {
  it("is taken with what the server should know", () => {
    expect(request()).toEqual({
      port: 8080,
      path: "/a?b=c",
      method: "GET",
      headers: { accept: "*/*" },
      navigate: true,
    });
    const headers = [
      ["Host", "evil"],
      ["Cookie", "a=b"],
      ["Sec-Fetch-Mode", "cors"],
      ["Content-Length", "5"],
      ["Upgrade", "websocket"],
      ["Accept-Encoding", "br"],
      ["X-Requested-With", "x"],
    ];
    expect(request({ headers })).toMatchObject({ headers: { "x-requested-with": "x" } });
    const body = new TextEncoder().encode("a=b").buffer;
    expect(request({ method: "POST" }, body)).toMatchObject({ body: new Uint8Array(body) });
    expect(request({}, body)).not.toHaveProperty("body");
  });

  it.each<[string, object, unknown?]>([
    ["a port that is none", { port: 70_000 }],
    ["a port of text", { port: "80" }],
    ["a path without a slash", { path: "x" }],
    ["a path with a line break", { path: "/ HTTP/1.1\r\nX: y" }],
    ["a path beyond the bound", { path: `/${"x".repeat(9000)}` }],
    ["a method nobody knows", { method: "CONNECT" }],
    ["headers that are no list", { headers: { a: "b" } }],
    ["too many headers", { headers: Array.from({ length: 65 }, () => ["a", "b"]) }],
    ["a header with a line break", { headers: [["a", "b\r\nc: d"]] }],
    ["a header's name that is none", { headers: [["a b", "c"]] }],
    ["a header that is too long", { headers: [["a", "x".repeat(9000)]] }],
    ["a header that is no pair", { headers: ["a"] }],
    ["a body beyond the bound", { method: "POST" }, new ArrayBuffer((16 << 20) + 1)],
    ["a body that is none", { method: "POST" }, "text"],
  ])("is refused with %s", (_, changes, body) => {
    expect(request(changes, body)).toEqual(expect.any(String));
  });

  it("is refused when nothing is in it", () => {
    for (const junk of [undefined, null, 1, "x", []])
      expect(parseRequest({ request: junk })).toEqual(expect.any(String));
  });
});

describe("messages", () => {
  it("are told by protocol and type", () => {
    expect(messageType({ nestboxPreview: 1, type: "hello" })).toMatchObject({ type: "hello" });
    expect(messageType({ nestboxPreview: 2, type: "hello" })).toHaveProperty("wrong");
    for (const junk of [null, 1, "hello", [], {}, { type: "hello" }, { nestboxPreview: 1 }])
      expect(messageType(junk)).toBeUndefined();
  });
});

describe("a server's headers", () => {
  const filtered = (headers: Record<string, string>) =>
    filterHeaders(new Headers(headers), "http://localhost:8080/dir/page");

  it("lose what would keep the page from its frame or its worker", () => {
    const { headers } = filtered({
      "Content-Type": "text/html",
      "X-Frame-Options": "DENY",
      "Content-Security-Policy":
        "default-src 'self'; frame-ancestors 'none'; Sandbox allow-scripts; img-src *",
      "Content-Security-Policy-Report-Only": "default-src 'none'",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Clear-Site-Data": '"*"',
      "Referrer-Policy": "no-referrer",
      "Service-Worker-Allowed": "/",
      "Content-Length": "5",
    });
    expect(headers).toEqual([
      ["content-security-policy", "default-src 'self'; img-src *"],
      ["content-type", "text/html"],
    ]);
    expect(filtered({ "content-security-policy": "frame-ancestors 'none'" }).headers).toEqual([]);
  });

  it("say where in the guest a redirect leads", () => {
    expect(filtered({ Location: "next?a=b" }).redirect).toEqual({ port: 8080, path: "/dir/next?a=b" });
    expect(filtered({ Location: "http://127.0.0.1:9000/x#y" }).redirect).toEqual({
      port: 9000,
      path: "/x#y",
    });
    expect(filtered({ Location: "https://example.com/" })).toEqual({
      headers: [["location", "https://example.com/"]],
    });
  });
});

describe("addresses", () => {
  it("of the guest are plain http to localhost", () => {
    expect(guestAddress("http://localhost/")).toEqual({ port: 80, path: "/" });
    for (const other of [
      "https://localhost/",
      "http://localhost.evil/",
      "http://10.0.0.1/",
      "nonsense",
      "javascript:1",
    ])
      expect(guestAddress(other)).toBeUndefined();
  });

  it.each([
    ["", "/"],
    ["about.html", "/about.html"],
    [" /a b?c=d#e ", "/a%20b?c=d#e"],
    ["//evil.example/x", "/evil.example/x"],
    ["\\\\evil.example", "/evil.example"],
    ["/../../x", "/x"],
    ["http://localhost:8080/x?y", "/x?y"],
    ["javascript:alert(1)", "/javascript:alert(1)"],
  ])("typed as %j are the path %s", (typed, path) => {
    expect(normalized(typed)).toBe(path);
  });
});
