import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeTerminal } from "../fakeNestbox.test-helper";
import { endsWithPrompt, typedInto } from "./typist";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the typist", () => {
  it.each([
    "/ # ",
    "root@box:/# ",
    "user@box:~$ ",
    "> ",
    "\x1b[32m$ \x1b[0m",
    "/ # \x1b[6n",
    "\x1b[?2004h/ # ",
  ])("knows the prompt %j", (output) => expect(endsWithPrompt(output)).toBe(true));

  it.each(["", "loading 50% of it", "# a title\n", "done.\r\n"])("knows that %j is none", (output) =>
    expect(endsWithPrompt(output)).toBe(false),
  );

  it("types a line at each prompt, and none while a program runs", () => {
    const fake = new FakeTerminal(1, {}, () => undefined);
    const terminal = typedInto(fake, ["sleep 9", "ps"], "");
    terminal.onData(() => undefined);
    expect(fake.written).toBe("");
    fake.emit("Welcome\r\n/ # ");
    vi.advanceTimersByTime(50);
    expect(fake.written).toBe("sleep 9\r");
    fake.emit("sleep 9\r\n");
    vi.advanceTimersByTime(60_000);
    expect(fake.written).toBe("sleep 9\r");
    fake.emit("/ # ");
    fake.emit("more that only looked like one");
    vi.advanceTimersByTime(50);
    expect(fake.written).toBe("sleep 9\r");
    fake.emit("\r\n/ # ");
    vi.advanceTimersByTime(50);
    fake.emit("/ # ");
    vi.advanceTimersByTime(50);
    expect(fake.written).toBe("sleep 9\rps\r");
  });

  it("shows the heading first and passes everything on, acknowledgements too", () => {
    const fake = new FakeTerminal(1, {}, () => undefined);
    const seen: string[] = [];
    const consumed = vi.fn();
    typedInto(fake, [], "$ docker run\r\n").onData((data, done) => {
      seen.push(new TextDecoder().decode(data));
      done();
    });
    fake.emit("hello", consumed);
    expect(seen).toEqual(["$ docker run\r\n", "hello"]);
    expect(consumed).toHaveBeenCalledOnce();
  });

  it("stops when the terminal is closed", () => {
    const fake = new FakeTerminal(1, {}, () => undefined);
    const terminal = typedInto(fake, ["ps"], "");
    terminal.onData(() => undefined);
    fake.emit("/ # ");
    terminal.close();
    vi.advanceTimersByTime(1000);
    expect(fake.written).toBe("");
    expect(fake.hungUp).toBe(true);
  });
});
