import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { typeLines, type Keyboard } from "./typing";

const ASK = "\x1b[6n";

/** A shell that echoes and answers as told; without an answer it prints nothing more. */
class Shell implements Keyboard {
  written: string[] = [];
  answers: Record<string, string> = {};
  #hear: (text: string) => void = () => undefined;

  write(text: string): void {
    this.written.push(text);
    const line = text.replace("\x15", "").replace("\r", "");
    this.print(`${line}\r\n`);
    const answer = this.answers[line];
    if (answer !== undefined) setTimeout(() => this.print(answer), 200);
  }

  print(text: string): void {
    this.#hear(text);
  }

  onOutput(handler: (text: string) => void): () => void {
    this.#hear = handler;
    return () => (this.#hear = () => undefined);
  }
}

let shell: Shell;
beforeEach(() => {
  vi.useFakeTimers();
  shell = new Shell();
});
afterEach(() => vi.useRealTimers());

describe("typing lines", () => {
  it("waits for each line's prompt and first clears what stands there", async () => {
    shell.answers = { a: `out\r\n~ # ${ASK}`, b: "/ # " };
    const done = typeLines(shell, ["a", "b"]);
    await vi.advanceTimersByTimeAsync(150);
    expect(shell.written).toEqual(["\x15a\r"]);
    await vi.advanceTimersByTimeAsync(200);
    expect(shell.written).toEqual(["\x15a\r", "b\r"]);
    await vi.advanceTimersByTimeAsync(300);
    await done;
  });

  it("takes an echoed # for no prompt", async () => {
    shell.answers = { "echo '# '": "# \r\nmore" };
    void typeLines(shell, ["echo '# '", "b"]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(shell.written).toHaveLength(1);
  });

  it("goes on when a program without prompt is quiet", async () => {
    void typeLines(shell, ["cat", "text"], { quietMs: 1000 });
    await vi.advanceTimersByTimeAsync(990);
    expect(shell.written).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(shell.written).toEqual(["\x15cat\r", "text\r"]);
  });

  it("waits for a new shell's first prompt, but not for ever", async () => {
    void typeLines(shell, ["a"], { fresh: true });
    await vi.advanceTimersByTimeAsync(1000);
    expect(shell.written).toEqual([]);
    shell.print("~ # ");
    await vi.advanceTimersByTimeAsync(100);
    expect(shell.written).toEqual(["a\r"]);
    const silent = new Shell();
    void typeLines(silent, ["a"], { fresh: true });
    await vi.advanceTimersByTimeAsync(5100);
    expect(silent.written).toEqual(["a\r"]);
  });

  it("stops when told", async () => {
    const abort = new AbortController();
    const done = typeLines(shell, ["a", "b"], { signal: abort.signal });
    const ended = expect(done).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(10);
    abort.abort();
    await ended;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(shell.written).toHaveLength(1);
  });
});
