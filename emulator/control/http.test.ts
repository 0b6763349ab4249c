import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { seeded } from "../agent/fake";
import { SandboxError, type FetchOptions } from "./api";
import { encodeRequest, exchange, responseOf, targetOf, type Stream } from "./http";

const bytesOf = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const textOf = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

/** A server that says `answer` in these pieces, whatever it is asked; `sent` is what it was. */
class FakeServer {
  sent = "";
  closed = false;
  constructor(
    private readonly pieces: readonly Uint8Array[],
    private readonly end: SandboxError | "open" | null = null,
  ) {}

  readonly open = async (): Promise<Stream> => {
    const rest = [...this.pieces];
    return {
      readable: new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            const next = rest.shift();
            if (next) controller.enqueue(next);
            else if (this.end === "open") return new Promise(() => undefined);
            else if (this.end) controller.error(this.end);
            else controller.close();
            return undefined;
          },
        },
        { highWaterMark: 0 },
      ),
      writable: new WritableStream<Uint8Array>({ write: (bytes) => void (this.sent += textOf(bytes)) }),
      close: () => (this.closed = true),
    };
  };
}

const ask = (
  answer: string | Uint8Array[],
  options: FetchOptions = {},
  end: SandboxError | "open" | null = null,
) =>
  exchange(
    "http://localhost:8080/",
    options,
    new FakeServer(typeof answer === "string" ? [bytesOf(answer)] : answer, end).open,
  );

describe("the request", () => {
  it("says where it goes and how long it is", async () => {
    const server = new FakeServer([bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")], "open");
    await exchange(
      "http://localhost:8080/a b?c=ä#frag",
      { method: "post", body: "grüße", headers: { "X-Y": "1" } },
      server.open,
    );
    expect(server.sent.split("\r\n")).toEqual([
      "POST /a%20b?c=%C3%A4 HTTP/1.1",
      "Host: localhost:8080",
      "User-Agent: nestbox",
      "Accept: */*",
      "Accept-Encoding: identity",
      "Content-Type: text/plain;charset=UTF-8",
      "X-Y: 1",
      "Connection: close",
      "Content-Length: 7",
      "",
      textOf(new TextEncoder().encode("grüße")),
    ]);
    expect(server.closed).toBe(true);
  });

  it.each([
    ["https://localhost/", "unsupported"],
    ["http://example.com/", "unsupported"],
    ["http://10.0.0.1/", "unsupported"],
    ["http://127.0.0.1.evil.example/", "unsupported"],
    ["file:///etc/passwd", "unsupported"],
    ["http://user@localhost/", "unsupported"],
    ["http://localhost:0/", "unsupported"],
  ])("refuses %s", (url, code) => {
    expect(() => targetOf(url)).toThrow(expect.objectContaining({ code }));
  });

  it("takes the hosts and ports of the sandbox", () => {
    expect(targetOf("http://127.0.0.1/x")).toMatchObject({ host: "127.0.0.1", port: 80 });
    expect(targetOf("http://LOCALHOST:65535")).toMatchObject({ host: "127.0.0.1", port: 65535 });
    expect(() => targetOf("localhost")).toThrow(TypeError);
  });

  it.each<[string, FetchOptions]>([
    ["a method that is none", { method: "GET /x" }],
    ["CONNECT", { method: "connect" }],
    ["a header that ends the line", { headers: { a: "b\r\nc: d" } }],
    ["a header's name with a space", { headers: { "a b": "c" } }],
    ["a value beyond Latin-1", { headers: { a: "€" } }],
    ["a length of its own", { headers: { "Content-Length": "5" } }],
    ["an upgrade", { headers: { Upgrade: "websocket" } }],
    ["a body of GET", { body: "x" }],
  ])("cannot carry %s", (_, options) => {
    expect(() => encodeRequest(targetOf("http://localhost/"), options)).toThrow(TypeError);
  });

  it("is bounded", () => {
    const target = targetOf("http://localhost/");
    const big = new Uint8Array((16 << 20) + 1);
    expect(() => encodeRequest(target, { method: "PUT", body: big })).toThrow(/16 MiB/);
    expect(() => encodeRequest(target, { headers: { a: "x".repeat(70_000) } })).toThrow(/64 KiB/);
  });
});

const CHUNKED =
  "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\nTrailer: x\r\n\r\n";
const ANSWERS: [string, string, FetchOptions, object][] = [
  [
    "a length",
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length:5\r\n\r\nhello, more",
    {},
    {
      status: 200,
      statusText: "OK",
      text: "hello",
      headers: [
        ["Content-Type", "text/plain"],
        ["content-length", "5"],
      ],
    },
  ],
  ["chunks", CHUNKED, {}, { status: 200, statusText: "Fine", text: "hello, world" }],
  [
    "the end of the stream",
    "HTTP/1.0 404 Not Found\nA:  b \n\nall there is",
    {},
    { status: 404, text: "all there is", headers: [["A", "b"]] },
  ],
  ["an empty body", "HTTP/1.1 200\r\n\r\n", {}, { status: 200, statusText: "", text: "" }],
  [
    "provisional answers first",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + CHUNKED,
    {},
    { status: 200, text: "hello, world" },
  ],
  ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", { method: "HEAD" }, { status: 200, text: "" }],
  ["204", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", {}, { status: 204, text: "" }],
  ["304", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", {}, { status: 304, text: "" }],
  [
    "the same length twice",
    "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nab",
    {},
    { text: "ab" },
  ],
];

describe("the answer", () => {
  it.each(ANSWERS)("with %s, cut at every byte", async (_, raw, options, wanted) => {
    const bytes = bytesOf(raw);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const answer = await ask([bytes.slice(0, cut), bytes.slice(cut)], options);
      expect({ ...answer, text: textOf(answer.body) }).toMatchObject(wanted);
    }
    const single = await ask(
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
      options,
    );
    expect({ ...single, text: textOf(single.body) }).toMatchObject(wanted);
  });

  it("is not waited for beyond its length", async () => {
    expect(await ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", {}, "open")).toMatchObject({
      status: 200,
    });
    expect(await ask(CHUNKED, {}, "open")).toMatchObject({ status: 200 });
  });

  it.each([
    ["nothing at all", "", /without an answer/],
    ["another protocol", "SSH-2.0-OpenSSH_9\r\n", /no HTTP status line/],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", /no HTTP status line/],
    ["status 999", "HTTP/1.1 999 What\r\n\r\n", /no status 999/],
    ["101", "HTTP/1.1 101 Switching\r\n\r\n", /another protocol/],
    ["an unfinished head", "HTTP/1.1 200 OK\r\nA: b\r\n", /in the middle of a head/],
    ["a folded header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", /no header line/],
    ["a space before the colon", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", /no header line/],
    ["NUL in a header", "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", /control characters/],
    ["a lone carriage return", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", /control characters/],
    [
      "two lengths",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
      /several content lengths/,
    ],
    ["a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", /content length/],
    ["a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", /ends 2 bytes too early/],
    ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", /transfer encoding/],
    [
      "a bad chunk size",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
      /no chunk size/,
    ],
    ["a chunk that is too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", /./],
    [
      "chunks without an end",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      /in the middle/,
    ],
  ])("with %s is refused", async (_, raw, message) => {
    await expect(ask(raw)).rejects.toMatchObject({
      name: "SandboxError",
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ["too many header lines", "HTTP/1.1 200 OK\r\n" + "A: b\r\n".repeat(300) + "\r\n"],
    ["a head that is too long", `HTTP/1.1 200 OK\r\nA: ${"x".repeat(70_000)}\r\n\r\n`],
    ["provisional answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(400)],
    ["a length beyond the bound", `HTTP/1.1 200 OK\r\nContent-Length: ${(64 << 20) + 1}\r\n\r\n`],
    ["a chunk beyond the bound", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n"],
  ])("with %s is too large", async (_, raw) => {
    await expect(ask(raw)).rejects.toMatchObject({ code: "too-large" });
  });

  it("is bounded when it has no length", async () => {
    const head = bytesOf("HTTP/1.1 200 OK\r\n\r\n");
    const piece = new Uint8Array(8 << 20);
    await expect(ask([head, ...Array.from({ length: 9 }, () => piece)])).rejects.toMatchObject({
      code: "too-large",
    });
  });

  it("is unpacked as a browser does", async () => {
    const head = bytesOf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\n\r\n");
    const answer = await ask([head, new Uint8Array(gzipSync("hello"))]);
    expect(textOf(answer.body)).toBe("hello");
    expect(answer.headers).toEqual([["Content-Type", "text/plain"]]);
    await expect(ask([head, bytesOf("not gzip")])).rejects.toThrow(/not gzip/);
  });

  it("spoilt in a thousand ways ends in an answer or a SandboxError", async () => {
    const random = seeded(7);
    for (let round = 0; round < 2000; round++) {
      const bytes = bytesOf(ANSWERS[random(ANSWERS.length)]![1]);
      for (let flips = 1 + random(4); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
      const cut = random(bytes.length + 1);
      const pieces = [bytes.slice(0, cut), ...(random(4) ? [bytes.slice(cut)] : [])];
      const outcome = await ask(pieces).then(responseOf, (error: unknown) => error);
      expect(outcome instanceof Response || outcome instanceof SandboxError, String(outcome)).toBe(true);
    }
  });
});

describe("the exchange", () => {
  it("says that nobody listens", async () => {
    const refused = new SandboxError("failed", "127.0.0.1:8080: Connection refused");
    await expect(ask([], {}, refused)).rejects.toMatchObject({
      code: "failed",
      message: expect.stringMatching(
        /Nobody answers at http:\/\/localhost:8080 .*Connection refused.*-p/,
      ) as string,
    });
  });

  it("passes on what the stream to the guest fails with", async () => {
    const broken = new SandboxError("broken-stream", "broken");
    await expect(ask([], {}, broken)).rejects.toBe(broken);
    await expect(exchange("http://localhost/", {}, () => Promise.reject(broken))).rejects.toBe(broken);
  });

  it("ends at its deadline and hangs up", async () => {
    vi.useFakeTimers();
    try {
      const server = new FakeServer([bytesOf("HTTP/1.1 200 OK\r\n")], "open");
      const failed = expect(
        exchange("http://localhost/", { timeoutMs: 500 }, server.open),
      ).rejects.toMatchObject({
        code: "timeout",
        message: "http://localhost did not answer within 0.5 s.",
      });
      await vi.advanceTimersByTimeAsync(500);
      await failed;
      expect(server.closed).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("can be cancelled, before and during", async () => {
    const abort = new AbortController();
    const server = new FakeServer([], "open");
    const cancelled = expect(
      exchange("http://localhost/", { signal: abort.signal }, server.open),
    ).rejects.toMatchObject({
      code: "cancelled",
    });
    abort.abort();
    await cancelled;
    await vi.waitFor(() => expect(server.closed).toBe(true));
    await expect(ask(CHUNKED, { signal: abort.signal })).rejects.toMatchObject({ code: "cancelled" });
  });

  it("becomes a Response, also where there must be no body", async () => {
    const response = responseOf(await ask(CHUNKED));
    expect([response.status, response.url, await response.text()]).toEqual([
      200,
      "http://localhost:8080/",
      "hello, world",
    ]);
    for (const status of [204, 205, 304]) {
      const empty = responseOf(await ask(`HTTP/1.1 ${status} X\r\nContent-Length: 1\r\n\r\na`));
      expect([empty.status, empty.body]).toEqual([status, null]);
    }
    expect(responseOf(await ask("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n")).headers.get("location")).toBe(
      "/x",
    );
  });
});
