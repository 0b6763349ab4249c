import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SandboxError } from "../control/api";
import { AgentClient, type AgentStatus } from "./client";
import { ScriptedGuest, helloFrame, json, seeded } from "./fake";
import { FrameType, MAGIC, encodeFrame } from "./frame";
import type { Program } from "./program";
import type { RequestHandler } from "./requests";

let guest: ScriptedGuest;
let client: AgentClient;
let status: AgentStatus[];
let events: object[];

function make(requests: Record<string, RequestHandler> = {}): AgentClient {
  guest = new ScriptedGuest();
  status = [];
  events = [];
  client = new AgentClient({
    link: guest.link,
    hostname: "box",
    requests,
    onEvent: (event) => events.push(event),
    onStatus: (change) => status.push(change),
  });
  return client;
}

async function connected(requests: Record<string, RequestHandler> = {}): Promise<void> {
  make(requests);
  await client.connect();
}

function run(argv = ["true"]): { program: Program; out: Uint8Array[]; err: Uint8Array[] } {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const program = client.open(
    { argv },
    { onOutput: (bytes, stream) => (stream === "out" ? out : err).push(bytes) },
  );
  return { program, out, err };
}

const credit = (bytes: number) => new Uint8Array(new Uint32Array([bytes]).buffer);

const codeOf = (error: unknown) => (error instanceof SandboxError ? error.code : String(error));

/** Moves the fake clock and lets promises settle. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  client.close();
  expect(vi.getTimerCount(), "a closed client leaves no timer").toBe(0);
  vi.useRealTimers();
});

describe("connecting", () => {
  it("sends time, entropy and hostname, and gives what the guest says of itself", async () => {
    make();
    expect(await client.connect()).toEqual({ version: "test", kernel: "6.12", memory: 1 << 28 });
    const hello = json(guest.last(FrameType.HELLO), MAGIC.length);
    expect(hello).toMatchObject({ protocol: 1, hostname: "box" });
    expect(String(hello.time)).toMatch(/^\d{19}$/);
    expect(atob(String(hello.entropy)).length).toBeGreaterThanOrEqual(32);
  });

  it("repeats HELLO to a deaf guest and gives up waiting at the deadline", async () => {
    make();
    guest.answerHello = false;
    const refused = expect(client.connect(5000)).rejects.toMatchObject({ code: "timeout" });
    await pass(5000);
    await refused;
    expect(guest.hellos).toBeGreaterThan(1);
    guest.answerHello = true;
    await pass(10_000);
    expect(client.connected).toBe(true);
  });

  it("does not pile HELLOs up for a guest that does not read", async () => {
    make();
    guest.answerHello = false;
    guest.link.queued = 100;
    client.connect(60_000).catch(() => undefined);
    await pass(30_000);
    expect(guest.hellos).toBe(1);
  });

  it("takes only the answer to its latest HELLO", async () => {
    make();
    guest.answerHello = false;
    const waiting = client.connect();
    await pass(1500);
    expect(guest.hellos).toBe(2);
    guest.sayHello(1);
    expect(client.connected).toBe(false);
    guest.sayHello(2);
    await waiting;
  });

  it("answers an unasked HELLO at once", async () => {
    make();
    guest.answerHello = false;
    const waiting = client.connect();
    guest.answerHello = true;
    await pass(200);
    guest.sayHello();
    await waiting;
    expect(guest.hellos).toBe(2);
  });

  it("refuses another protocol version in words", async () => {
    make();
    guest.answerHello = false;
    const waiting = client.connect();
    guest.link.deliver(helloFrame({ protocol: 2, session: 1 }));
    await expect(waiting).rejects.toMatchObject({ code: "unsupported" });
  });

  it("refuses programs before it is connected", () => {
    make();
    expect(() => run()).toThrow(expect.objectContaining({ code: "not-ready" }));
  });
});

describe("programs", () => {
  it("carries output apart, credits and the exit", async () => {
    await connected();
    const { program, out, err } = run(["sh", "-c", "echo"]);
    const open = guest.last(FrameType.OPEN);
    expect(json(open)).toEqual({ argv: ["sh", "-c", "echo"], pty: null, timeoutMs: 0 });
    guest.say(FrameType.DATA, open.channel, Uint8Array.of(1));
    guest.say(FrameType.DATA_ERR, open.channel, Uint8Array.of(2));
    guest.say(FrameType.EXIT, open.channel, { code: 137, signal: 9, timedOut: true });
    expect(await program.exited).toEqual({ code: 137, signal: 9, timedOut: true });
    expect([out, err]).toEqual([[Uint8Array.of(1)], [Uint8Array.of(2)]]);
  });

  it("sends no more stdin than the credit, then the rest, then EOF", async () => {
    await connected();
    const { program } = run(["cat"]);
    const sent = () =>
      guest.frames.filter((f) => f.type === FrameType.DATA).reduce((n, f) => n + f.payload.length, 0);
    program.write(new Uint8Array(200_000));
    program.end();
    expect(sent()).toBe(65536);
    expect(program.queuedInput).toBe(200_000 - 65536);
    guest.say(FrameType.CREDIT, program.channel, credit(100_000));
    expect(sent()).toBe(165_536);
    expect(guest.frames.some((f) => f.type === FrameType.EOF)).toBe(false);
    guest.say(FrameType.CREDIT, program.channel, credit(100_000));
    expect(sent()).toBe(200_000);
    expect(guest.frames.filter((f) => f.type === FrameType.EOF).length).toBe(1);
  });

  it("grants output credit only as it is consumed", async () => {
    await connected();
    const { program } = run();
    guest.say(FrameType.DATA, program.channel, new Uint8Array(65536));
    expect(guest.frames.some((f) => f.type === FrameType.CREDIT)).toBe(false);
    program.consumed(10_000);
    program.consumed(30_000);
    expect([...guest.last(FrameType.CREDIT).payload]).toEqual([...credit(40_000)]);
    guest.say(FrameType.DATA, program.channel, new Uint8Array(40_000));
    expect(client.connected).toBe(true);
  });

  it("breaks the stream of a guest that floods beyond its credit", async () => {
    await connected();
    const { program } = run();
    guest.answerHello = false;
    guest.say(FrameType.DATA, program.channel, new Uint8Array(65536));
    guest.say(FrameType.DATA, program.channel, new Uint8Array(1));
    await expect(program.exited).rejects.toMatchObject({ code: "broken-stream" });
    expect(status.at(-1)).toMatchObject({ state: "broken" });
  });

  it("throws output away after close, and opens the window so that EXIT can come", async () => {
    await connected();
    const { program, out } = run();
    guest.say(FrameType.DATA, program.channel, new Uint8Array(65536));
    out.length = 0;
    program.close();
    for (let i = 0; i < 10; i++) guest.say(FrameType.DATA, program.channel, new Uint8Array(65536));
    guest.say(FrameType.EXIT, program.channel, { code: 129, signal: 1 });
    expect(await program.exited).toEqual({ code: 129, signal: 1 });
    expect(out).toEqual([]);
  });

  it("does not wait for ever for the end of a closed program", async () => {
    await connected();
    const { program } = run();
    program.close();
    const failed = expect(program.exited).rejects.toMatchObject({ code: "timeout" });
    await pass(6000);
    await failed;
    expect(client.connected).toBe(true);
  });

  it("drops frames of a channel that has just ended, and breaks on one never opened", async () => {
    await connected();
    const { program } = run();
    guest.say(FrameType.EXIT, program.channel, { code: 0 });
    guest.say(FrameType.DATA, program.channel, Uint8Array.of(1));
    expect(client.connected).toBe(true);
    guest.say(FrameType.DATA, program.channel + 1, Uint8Array.of(1));
    expect(status.some((s) => s.state === "broken")).toBe(true);
  });

  it("refuses a command line that does not fit a frame", async () => {
    await connected();
    expect(() => run(["x".repeat(70_000)])).toThrow(expect.objectContaining({ code: "too-large" }));
  });

  it("refuses more than 256 at once", async () => {
    await connected();
    for (let i = 0; i < 256; i++) run();
    expect(() => run()).toThrow(expect.objectContaining({ code: "failed" }));
  });

  it("uses every channel number again, never one in use", async () => {
    await connected();
    const first = run().program;
    const ids = new Set<number>();
    for (let i = 0; i < 0x8000; i++) {
      const { program } = run();
      expect(program.channel).not.toBe(first.channel);
      ids.add(program.channel);
      guest.frames.length = 0;
      guest.say(FrameType.EXIT, program.channel, { code: 0 });
    }
    expect(ids.size).toBe(0x7ffe);
  });
});

describe("connections", () => {
  const sentBytes = () =>
    guest.frames.filter((f) => f.type === FrameType.DATA).reduce((n, f) => n + f.payload.length, 0);

  it("carry bytes both ways, our end as EOF, and the server's end", async () => {
    await connected();
    const stream = client.connectTo(8080, { timeoutMs: 500 });
    const { channel, payload } = guest.last(FrameType.OPEN);
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
      connect: { port: 8080, host: "127.0.0.1" },
      timeoutMs: 500,
    });
    const writer = stream.writable.getWriter();
    await writer.write(Uint8Array.of(1, 2));
    await writer.close();
    expect([...guest.last(FrameType.DATA).payload]).toEqual([1, 2]);
    expect(guest.last(FrameType.EOF).channel).toBe(channel);
    guest.say(FrameType.DATA, channel, Uint8Array.of(3));
    guest.say(FrameType.DATA, channel, Uint8Array.of(4));
    guest.say(FrameType.EXIT, channel, { code: 0 });
    const got: number[] = [];
    for await (const bytes of stream.readable) got.push(...bytes);
    expect(got).toEqual([3, 4]);
  });

  it("grant credit only for what is read", async () => {
    await connected();
    const stream = client.connectTo(80);
    const { channel } = guest.last(FrameType.OPEN);
    const widening = guest.frames.filter((f) => f.type === FrameType.CREDIT).length;
    const grants = () => guest.frames.filter((f) => f.type === FrameType.CREDIT).length - widening;
    for (let i = 0; i < 4; i++) guest.say(FrameType.DATA, channel, new Uint8Array(65536));
    await pass(10);
    expect(grants()).toBe(0);
    const reader = stream.readable.getReader();
    expect((await reader.read()).value).toHaveLength(65536);
    expect(grants()).toBe(1);
    expect([...guest.last(FrameType.CREDIT).payload]).toEqual([...credit(65536)]);
    expect(client.connected).toBe(true);
  });

  it("hold a write back until the guest takes it", async () => {
    await connected();
    const writer = client.connectTo(80).writable.getWriter();
    let done = false;
    const writing = writer.write(new Uint8Array(100_000)).then(() => (done = true));
    await pass(10);
    expect(sentBytes()).toBe(65536);
    expect(done).toBe(false);
    guest.say(FrameType.CREDIT, guest.last(FrameType.OPEN).channel, credit(65536));
    await writing;
    expect(sentBytes()).toBe(100_000);
  });

  it.each([
    [{ code: 1, error: "Connection refused" }, "failed", "127.0.0.1:81: Connection refused"],
    [{ code: 1, timedOut: true, error: "Connection timed out" }, "timeout", "127.0.0.1:81"],
    [{ code: 1 }, "failed", "the connection broke"],
  ])("fail with the guest's reason: %j", async (exit, code, message) => {
    await connected();
    const stream = client.connectTo(81);
    guest.say(FrameType.EXIT, guest.last(FrameType.OPEN).channel, exit);
    await pass(0);
    const failure = await stream.readable
      .getReader()
      .read()
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) as string });
    await expect(stream.writable.getWriter().write(Uint8Array.of(1))).rejects.toMatchObject({ code });
  });

  it("hang up when closed, and fail when the stream breaks", async () => {
    await connected();
    const closed = client.connectTo(80);
    const reading = closed.readable.getReader().read();
    const { channel } = guest.last(FrameType.OPEN);
    closed.close();
    await expect(reading).rejects.toMatchObject({ code: "cancelled" });
    expect(guest.last(FrameType.CLOSE).channel).toBe(channel);
    guest.say(FrameType.EXIT, channel, { code: 1, error: "Operation canceled" });
    const broken = client.connectTo(80).readable.getReader().read();
    guest.link.deliver(new Uint8Array(64));
    await expect(broken).rejects.toMatchObject({ code: "broken-stream" });
  });

  it("give up a channel whose reader walked away", async () => {
    await connected();
    const stream = client.connectTo(80);
    await stream.readable.cancel();
    guest.say(FrameType.EXIT, guest.last(FrameType.CLOSE).channel, { code: 1 });
    expect(client.connected).toBe(true);
  });
});

describe("calls", () => {
  it("resolve with ok and reject with the guest's reason", async () => {
    await connected();
    guest.on = (frame) => {
      const ping = json(frame).method === "ping";
      guest.say(
        FrameType.RESULT,
        frame.channel,
        ping ? { ok: { uptimeMs: 5 } } : { error: { code: "x", message: "no" } },
      );
    };
    expect(await client.call("ping")).toEqual({ uptimeMs: 5 });
    await expect(client.call("nonsense")).rejects.toThrow("refused nonsense: no");
  });

  it("time out, and a late RESULT is harmless", async () => {
    await connected();
    const late = expect(client.call("ping", {}, 1000)).rejects.toMatchObject({ code: "timeout" });
    await pass(1000);
    await late;
    guest.say(FrameType.RESULT, guest.last(FrameType.CALL).channel, { ok: {} });
    expect(client.connected).toBe(true);
  });

  it("never answered, over and over, count as a broken stream", async () => {
    await connected();
    const all = Array.from({ length: 65 }, () => client.call("ping", {}, 10).then(() => "answered", codeOf));
    await pass(20);
    expect(new Set(await Promise.all(all))).toEqual(new Set(["timeout"]));
    expect(status.some((s) => s.state === "broken")).toBe(true);
  });
});

describe("requests of the guest", () => {
  it("get progress and a reply", async () => {
    await connected({
      pull: async (params, { progress }) => {
        progress({ status: "Downloading" });
        return { ref: params.ref };
      },
    });
    guest.say(FrameType.REQUEST, 0x8000, { method: "pull", params: { ref: "debian" } });
    await pass(0);
    expect(json(guest.last(FrameType.PROGRESS))).toEqual({ status: "Downloading" });
    expect(json(guest.last(FrameType.REPLY))).toEqual({ ok: { ref: "debian" } });
  });

  it("carry known error codes, and hide unknown ones as internal", async () => {
    await connected({
      known: () => Promise.reject(Object.assign(new Error("gone"), { code: "not-found" })),
      odd: () => {
        throw new TypeError("oops");
      },
    });
    guest.say(FrameType.REQUEST, 0x8000, { method: "known" });
    await pass(0);
    expect(json(guest.last(FrameType.REPLY))).toEqual({ error: { code: "not-found", message: "gone" } });
    guest.say(FrameType.REQUEST, 0x8000, { method: "odd" });
    await pass(0);
    expect(json(guest.last(FrameType.REPLY))).toEqual({ error: { code: "internal", message: "oops" } });
    for (const method of ["nonsense", "constructor", "__proto__", 7]) {
      guest.say(FrameType.REQUEST, 0x8000, { method });
      expect(json(guest.last(FrameType.REPLY))).toMatchObject({ error: { code: "unsupported" } });
    }
  });

  it("are aborted by CANCEL and still answered", async () => {
    await connected({
      wait: (_, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () =>
            reject(Object.assign(new Error("off"), { name: "AbortError" })),
          ),
        ),
    });
    guest.say(FrameType.REQUEST, 0x9000, { method: "wait" });
    await pass(0);
    guest.say(FrameType.CANCEL, 0x9000);
    await pass(0);
    expect(json(guest.last(FrameType.REPLY))).toMatchObject({ error: { code: "cancelled" } });
    guest.say(FrameType.CANCEL, 0x9000);
    expect(client.connected).toBe(true);
  });

  it("are bounded in number, and an answer too long for a frame says so", async () => {
    await connected({
      hang: () => new Promise(() => undefined),
      long: async () => ({ text: "x".repeat(70_000) }),
    });
    guest.say(FrameType.REQUEST, 0xffff, { method: "long" });
    await pass(0);
    expect(json(guest.last(FrameType.REPLY))).toMatchObject({ error: { code: "internal" } });
    for (let i = 0; i < 64; i++) guest.say(FrameType.REQUEST, 0x8000 + i, { method: "hang" });
    guest.say(FrameType.REQUEST, 0x8100, { method: "hang" });
    expect(guest.last(FrameType.REPLY).channel).toBe(0x8100);
    expect(json(guest.last(FrameType.REPLY))).toMatchObject({ error: { code: "denied" } });
  });

  it("do not queue progress for a guest that does not read", async () => {
    let report: (value: object) => void = () => undefined;
    await connected({ pull: (_, context) => ((report = context.progress), new Promise(() => undefined)) });
    guest.say(FrameType.REQUEST, 0x8000, { method: "pull" });
    await pass(0);
    guest.link.queued = 1 << 20;
    report({ status: "x" });
    expect(guest.frames.some((f) => f.type === FrameType.PROGRESS)).toBe(false);
  });
});

describe("a broken stream", () => {
  it("fails everything that waits, aborts requests, reconnects and works again", async () => {
    let aborted = false;
    await connected({
      pull: (_, { signal }) => new Promise(() => signal.addEventListener("abort", () => (aborted = true))),
    });
    guest.say(FrameType.REQUEST, 0x8000, { method: "pull" });
    await pass(0);
    const { program } = run();
    const call = client.call("ping");
    guest.answerHello = false;
    guest.link.deliver(new TextEncoder().encode("garbage written by root\n"));
    await expect(program.exited).rejects.toMatchObject({ code: "broken-stream" });
    await expect(call).rejects.toMatchObject({ code: "broken-stream" });
    expect(aborted).toBe(true);
    expect(status.at(-1)).toMatchObject({ state: "broken" });
    guest.answerHello = true;
    await pass(3000);
    expect(status.at(-1)).toMatchObject({ state: "connected" });
    const again = run();
    guest.say(FrameType.EXIT, again.program.channel, { code: 0 });
    expect(await again.program.exited).toEqual({ code: 0 });
  });

  it("is reported as lost when nobody answers, and still mended later", async () => {
    await connected();
    guest.answerHello = false;
    guest.link.deliver(new Uint8Array(64));
    await pass(16_000);
    expect(status.at(-1)).toEqual({ state: "lost" });
    guest.answerHello = true;
    await pass(6000);
    expect(status.at(-1)).toMatchObject({ state: "connected" });
  });

  it("is noticed when a frame never ends", async () => {
    await connected();
    const { program } = run();
    guest.link.deliver(encodeFrame(FrameType.DATA, program.channel, new Uint8Array(100)).subarray(0, 50));
    const failed = expect(program.exited).rejects.toMatchObject({ code: "broken-stream" });
    await pass(3500);
    await failed;
  });

  it("is what an agent that starts again looks like", async () => {
    await connected();
    const { program } = run();
    guest.sayHello();
    await expect(program.exited).rejects.toMatchObject({ code: "broken-stream" });
    await pass(200);
    expect(client.connected).toBe(true);
  });

  it.each([
    ["EVENT that is no JSON", FrameType.EVENT, 0, Uint8Array.of(0x7b)],
    ["EVENT that is no object", FrameType.EVENT, 0, new TextEncoder().encode("[1]")],
    ["EVENT of invalid UTF-8", FrameType.EVENT, 0, Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)],
    ["EVENT on a channel", FrameType.EVENT, 3, new TextEncoder().encode("{}")],
    ["DATA on channel 0", FrameType.DATA, 0, new Uint8Array(1)],
    ["OPEN from the guest", FrameType.OPEN, 0x8000, new TextEncoder().encode("{}")],
    ["REQUEST on a host channel", FrameType.REQUEST, 5, new TextEncoder().encode("{}")],
    ["CANCEL never requested", FrameType.CANCEL, 0x8000, new Uint8Array(0)],
    ["short CREDIT", FrameType.CREDIT, 1, new Uint8Array(3)],
    ["HELLO without magic", FrameType.HELLO, 0, new Uint8Array(20)],
    ["EXIT without a code", FrameType.EXIT, 1, new TextEncoder().encode("{}")],
  ])("follows from %s", async (_, type, channel, payload) => {
    await connected();
    run();
    guest.answerHello = false;
    guest.say(type, channel, payload);
    expect(status.at(-1)).toMatchObject({ state: "broken" });
  });

  it("survives a guest that breaks it in a loop without spinning", async () => {
    await connected();
    for (let i = 0; i < 1000; i++) {
      guest.link.deliver(new Uint8Array(32));
      guest.sayHello(guest.hellos);
    }
    expect(guest.hellos).toBeLessThan(10);
    await pass(2000);
    expect(client.connected).toBe(true);
  });
});

describe("mutations", () => {
  it("thousands of spoilt streams never hang, throw, or grow", async () => {
    const random = seeded(20261121);
    const text = (value: object) => new TextEncoder().encode(JSON.stringify(value));
    for (let round = 0; round < 3000; round++) {
      await connected({ pull: async () => ({}) });
      const { program } = run();
      const call = client.call("ping", {}, 1000).then(() => "answered", codeOf);
      const frames = [
        encodeFrame(FrameType.DATA, program.channel, new Uint8Array(random(300))),
        encodeFrame(FrameType.EVENT, 0, text({ type: "sync", path: [], containers: [] })),
        encodeFrame(FrameType.REQUEST, 0x8000 + random(4), text({ method: "pull", params: {} })),
        encodeFrame(FrameType.CREDIT, program.channel, credit(random(1 << 30))),
        encodeFrame(FrameType.EXIT, program.channel, text({ code: random(300) })),
        helloFrame({ protocol: random(3), session: random(4) }),
      ];
      for (let n = 0; n < 6; n++) {
        const bytes = frames[random(frames.length)]!.slice();
        for (let flips = random(3); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
        const cut = random(bytes.length + 1);
        guest.link.deliver(bytes.slice(0, cut));
        if (random(8) > 0) guest.link.deliver(bytes.slice(cut));
      }
      program.close();
      const ended = program.exited.then(() => "exit", codeOf);
      await pass(8000);
      expect(["exit", "broken-stream", "timeout"]).toContain(await ended);
      expect(["broken-stream", "timeout"]).toContain(await call);
      expect(client.connected, `round ${round} reconnects`).toBe(true);
      client.close();
    }
  }, 60_000);
});
