import { afterEach, describe, expect, it, vi } from "vitest";
import { Desk, type DeskBox, type DeskWindow } from "./desk";
import { LIMITS } from "./protocol";

const PAGE = "https://docs.example";

class FakeWindow implements DeskWindow {
  readonly sent: { message: unknown; target: string }[] = [];
  readonly parent = {
    postMessage: (message: unknown, target: string) => void this.sent.push({ message, target }),
  };
  #listener: (event: MessageEvent<unknown>) => void = () => undefined;

  addEventListener(_type: "message", listener: (event: MessageEvent<unknown>) => void): void {
    this.#listener = listener;
  }

  deliver(data: unknown, ports: MessagePort[] = [], source: unknown = this.parent, origin = PAGE): void {
    this.#listener({ data, ports, source, origin } as unknown as MessageEvent<unknown>);
  }
}

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function setUp(changes: Partial<DeskBox> = {}) {
  const window = new FakeWindow();
  const exec = vi.fn((argv: readonly string[], options?: { signal?: AbortSignal }) => {
    if (argv[0] === "true") return Promise.resolve({ exitCode: 0, stdout: "out", stderr: "" });
    return new Promise<never>((_, reject) =>
      options?.signal?.addEventListener("abort", () => reject(new Error("Cancelled."))),
    );
  });
  const box: DeskBox = {
    nestbox: () => Promise.resolve({ ready: Promise.resolve(), exec, on: () => () => undefined }),
    type: vi.fn(() => Promise.resolve()),
    share: () => Promise.reject(new Error("nothing to share")),
    machine: vi.fn(),
    lost: vi.fn(),
    ...changes,
  };
  const desk = new Desk(window, box);
  return { window, desk };
}

/** The page's end of a connected desk. */
function connect(window: FakeWindow) {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  window.deliver({ nestbox: 1, type: "hello" }, [port2]);
  const replies: unknown[] = [];
  port1.onmessage = ({ data }: MessageEvent<unknown>) => void replies.push(data);
  const ask = async (message: unknown): Promise<unknown> => {
    const before = replies.length;
    port1.postMessage(message);
    await vi.waitFor(() => expect(replies.length).toBeGreaterThan(before));
    return replies.at(-1);
  };
  return { port: port1, replies, ask };
}

const error = (message: RegExp, id: number | null) => ({
  id,
  error: { code: "bad-call", message: expect.stringMatching(message) as string },
});

describe("the desk of a frame", () => {
  it("answers its parent only, and silently ignores what is not for it", () => {
    const { window, desk } = setUp();
    const { port2 } = new MessageChannel();
    open.push(port2);
    window.deliver({ nestbox: 1, type: "hello" }, [port2], { postMessage: () => undefined });
    for (const data of [null, "hello", 3, [], { type: "hello" }]) window.deliver(data);
    expect(window.sent).toEqual([]);
    expect(desk.connected).toBe(false);
  });

  it("refuses other versions and half a hello, to the origin that said it", () => {
    const { window, desk } = setUp();
    window.deliver({ nestbox: 2, type: "hello" });
    window.deliver({ nestbox: "1", type: "hello" });
    window.deliver({ nestbox: 1, type: "exec" });
    window.deliver({ nestbox: 1, type: "hello" }, [], window.parent, "null");
    expect(window.sent.map(({ target }) => target)).toEqual([PAGE, PAGE, PAGE, "*"]);
    expect(window.sent[0]?.message).toMatchObject({
      type: "error",
      message: expect.stringMatching(/not 2/) as string,
    });
    expect(desk.connected).toBe(false);
  });

  it("keeps to the origin of its first hello", () => {
    const { window } = setUp();
    connect(window);
    const { port1, port2 } = new MessageChannel();
    open.push(port1, port2);
    window.deliver({ nestbox: 1, type: "hello" }, [port2], window.parent, "https://evil.example");
    expect(window.sent.at(-1)).toMatchObject({
      message: { message: expect.stringMatching(/connected with https:\/\/docs\.example/) as string },
      target: "https://evil.example",
    });
  });

  it("answers junk on the port with errors, and goes on", async () => {
    const { window } = setUp();
    const { ask } = connect(window);
    expect(await ask("junk")).toEqual(error(/must be an object/, null));
    expect(await ask({ call: "ready", args: [] })).toEqual(error(/whole number/, null));
    expect(await ask({ id: 1, call: "__proto__", args: [] })).toEqual(error(/no call “__proto__”; known/, 1));
    expect(await ask({ id: 2, call: "exec", args: "ls" })).toEqual(error(/list of at most 4/, 2));
    expect(await ask({ id: 3, call: "exec", args: [[]] })).toEqual(error(/argv is empty/, 3));
    expect(await ask({ id: 4, call: "exec", args: [["a", 1]] })).toEqual(error(/list of strings/, 4));
    expect(await ask({ id: 5, call: "exec", args: [["x".repeat(200_000)]] })).toEqual(
      error(/longer than/, 5),
    );
    expect(await ask({ id: 6, call: "exec", args: [["a"], { timeoutMs: NaN }] })).toEqual(
      error(/timeoutMs/, 6),
    );
    expect(await ask({ id: 7, call: "exec", args: [["a"], { evil: 1 }] })).toEqual(
      error(/no option “evil”/, 7),
    );
    expect(await ask({ id: 8, call: "listen", args: ["x"] })).toEqual(error(/no event “x”/, 8));
    expect(await ask({ id: 9, call: "type", args: [{}] })).toEqual(error(/must be a string/, 9));
    expect(await ask({ id: 10, call: "machine", args: ["own"] })).toEqual(error(/has not asked/, 10));
    expect(await ask({ id: 11, call: "share", args: [] })).toMatchObject({
      id: 11,
      error: { message: "nothing to share" },
    });
    expect(await ask({ id: 12, call: "exec", args: [["true"]] })).toMatchObject({
      id: 12,
      value: { stdout: "out" },
    });
  });

  it("bounds the calls under way, and cancels them", async () => {
    const { window } = setUp();
    const { ask, port, replies } = connect(window);
    for (let id = 0; id < LIMITS.calls; id++) port.postMessage({ id, call: "exec", args: [["sleep"]] });
    expect(await ask({ id: 999, call: "exec", args: [["true"]] })).toEqual(error(/calls are under way/, 999));
    expect(await ask({ id: 998, call: "exec", args: [["true"]] })).toEqual(error(/calls are under way/, 998));
    port.postMessage({ id: 997, call: "cancel", args: [5] });
    await vi.waitFor(() =>
      expect(replies).toContainEqual({ id: 5, error: { code: "failed", message: "Cancelled." } }),
    );
    expect(await ask({ id: 996, call: "exec", args: [["true"]] })).toMatchObject({
      value: { stdout: "out" },
    });
  });

  it("asks for a machine when it is connected, and takes one answer", async () => {
    const machine = vi.fn();
    const { window, desk } = setUp({ machine });
    desk.ask();
    const { ask, replies } = connect(window);
    await vi.waitFor(() => expect(replies).toEqual([{ ask: "machine" }]));
    expect(await ask({ id: 1, call: "machine", args: ["port", 5] })).toEqual(error(/and a MessagePort/, 1));
    expect(await ask({ id: 2, call: "machine", args: ["own"] })).toEqual({ id: 2, value: null });
    expect(machine).toHaveBeenCalledExactlyOnceWith(undefined);
    expect(await ask({ id: 3, call: "machine", args: ["own"] })).toEqual(error(/has not asked/, 3));
  });
});
