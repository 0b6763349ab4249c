import { beforeEach, describe, expect, test } from "vitest";
import { FakeNestbox, type FakeTerminal } from "../fakeNestbox.test-helper";
import { HOST, Terminals, type Screen, type TerminalTab } from "./terminals.svelte";

class FakeScreen implements Screen {
  cols = 100;
  rows = 30;
  text = "";
  focused = 0;
  /** Acknowledgements that xterm has not made yet. */
  unparsed: (() => void)[] = [];

  write(data: Uint8Array | string, done?: () => void): void {
    this.text += typeof data === "string" ? data : new TextDecoder().decode(data);
    if (done) this.unparsed.push(done);
  }

  focus(): void {
    this.focused++;
  }
}

let nestbox: FakeNestbox;
let terminals: Terminals;
let screen: FakeScreen;

beforeEach(() => {
  nestbox = new FakeNestbox();
  terminals = new Terminals(nestbox);
  screen = new FakeScreen();
});

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

async function running(place = HOST): Promise<{ tab: TerminalTab; pty: FakeTerminal }> {
  const tab = terminals.open(place);
  tab.attach(screen);
  nestbox.becomeReady();
  await settled();
  const pty = nestbox.opened.at(-1);
  if (!pty) throw new Error("nothing was opened");
  return { tab, pty };
}

describe("a terminal", () => {
  test("waits for the machine, then opens with the screen's size", async () => {
    const tab = terminals.open();
    tab.attach(screen);
    await settled();
    expect(nestbox.opened).toHaveLength(0);
    screen.cols = 132;
    nestbox.becomeReady();
    await settled();
    expect(nestbox.opened[0]?.options).toEqual({ cols: 132, rows: 30 });
    expect(tab.state).toBe("running");
  });

  test("keeps what is typed before the shell answers, up to a bound", async () => {
    const tab = terminals.open();
    tab.attach(screen);
    tab.input("ls\r");
    tab.input("x".repeat(10_000));
    nestbox.becomeReady();
    await settled();
    expect(nestbox.opened[0]?.written.startsWith("ls\rxxx")).toBe(true);
    expect(nestbox.opened[0]?.written).toHaveLength(4096);
  });

  test("asks for its container and command", async () => {
    const place = { label: "web", level: 4, container: ["web"], command: ["top"] };
    const { pty } = await running(place);
    expect(pty.options).toMatchObject({ container: ["web"], command: ["top"] });
  });

  test("acknowledges output only when it has been parsed", async () => {
    const { pty } = await running();
    let consumed = 0;
    pty.emit("hello", () => consumed++);
    expect(screen.text).toContain("hello");
    expect(consumed).toBe(0);
    screen.unparsed.forEach((done) => done());
    expect(consumed).toBe(1);
  });

  test("passes size changes on", async () => {
    const { tab, pty } = await running();
    tab.resize(80, 24);
    expect(pty.sizes.at(-1)).toEqual([80, 24]);
  });

  test("closed while its program runs: the program is hung up, the neighbour comes to the front", async () => {
    const { tab, pty } = await running();
    const other = terminals.open();
    terminals.select(tab);
    tab.close();
    await settled();
    expect(pty.hungUp).toBe(true);
    expect(terminals.tabs).toEqual([other]);
    expect(terminals.active).toBe(other);
    expect(screen.text).not.toContain("exited");
  });

  test("closed while its program is being started: hung up as soon as it is there", async () => {
    const tab = terminals.open();
    tab.attach(screen);
    nestbox.becomeReady();
    const real = nestbox.terminals.open.bind(nestbox.terminals);
    Object.assign(nestbox.terminals, {
      open: (options: object) => {
        tab.close();
        return real(options);
      },
    });
    await settled();
    expect(nestbox.opened[0]?.hungUp).toBe(true);
  });

  test("closed before the machine is ready: nothing is started", async () => {
    const tab = terminals.open();
    tab.attach(screen);
    tab.close();
    nestbox.becomeReady();
    await settled();
    expect(nestbox.opened).toHaveLength(0);
  });

  test("after the program's end R starts it again and Enter closes", async () => {
    const { tab, pty } = await running();
    pty.exit({ exitCode: 3 });
    await settled();
    expect(tab.state).toBe("exited");
    expect(screen.text).toContain("exited with 3 — press Enter to close / R to reopen");
    tab.input("x");
    expect(tab.state).toBe("exited");
    tab.input("r");
    await settled();
    expect(tab.state).toBe("running");
    expect(nestbox.opened).toHaveLength(2);
    nestbox.opened[1]?.exit({ exitCode: 0 });
    await settled();
    tab.input("\r");
    expect(terminals.tabs).toHaveLength(0);
    expect(terminals.active).toBeUndefined();
  });

  test("a failure to open is told, without escape sequences from its text", async () => {
    nestbox.openError = new Error("no container \x1b]52;c;AAAA\x07\n\u009bweb");
    const tab = terminals.open();
    tab.attach(screen);
    nestbox.becomeReady();
    await settled();
    expect(tab.state).toBe("failed");
    expect(screen.text).toContain("no container  ]52;c;AAAA web — press Enter");
  });

  test("a machine that never starts leaves a failed terminal, no unhandled rejection", async () => {
    const tab = terminals.open();
    tab.attach(screen);
    nestbox.fail(new Error("404"));
    await settled();
    expect(tab.state).toBe("failed");
  });
});

describe("typing from outside", () => {
  test("goes to the terminal in front, line feeds as Enter", async () => {
    const { pty } = await running();
    terminals.type("echo a\nb\r\n");
    expect(pty.written).toBe("echo a\rb\r");
  });

  test("commands go to a live host shell, never into a container or a finished shell", async () => {
    const { tab, pty } = await running();
    const inside = terminals.open({ label: "web", level: 4, container: ["web"] });
    expect(terminals.active).toBe(inside);
    expect(terminals.hostShell()).toBe(tab);
    expect(terminals.active).toBe(tab);
    pty.exit({ exitCode: 0 });
    await settled();
    const fresh = terminals.hostShell();
    expect(fresh).not.toBe(tab);
    expect(fresh.place).toBe(HOST);
  });
});
