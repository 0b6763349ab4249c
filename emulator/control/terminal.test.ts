import { describe, expect, it } from "vitest";
import { AgentClient } from "../agent/client";
import { ScriptedGuest } from "../agent/fake";
import { FrameType } from "../agent/frame";
import { SandboxError } from "./api";
import { GuestTerminal, Output, TERMINAL_WINDOW } from "./terminal";
import { PortTerminal, serveTerminal } from "./terminal-port";

const tick = () => new Promise((resolve) => setTimeout(resolve, 20));

async function make() {
  const guest = new ScriptedGuest();
  const agent = new AgentClient({ link: guest.link });
  await agent.connect();
  let full = 0;
  const open = (onOutput: (bytes: Uint8Array) => void) =>
    agent.open({ argv: ["sh"], pty: { cols: 80, rows: 24 } }, { onOutput }, TERMINAL_WINDOW);
  const terminal = new GuestTerminal(7, open, () => full++);
  const { channel } = guest.last(FrameType.OPEN);
  return { guest, agent, terminal, channel, full: () => full };
}

function granted(guest: ScriptedGuest): number {
  return guest.frames
    .filter(({ type }) => type === FrameType.CREDIT)
    .reduce((sum, { payload }) => sum + new DataView(payload.buffer).getUint32(0, true), 0);
}

describe("Output", () => {
  it("keeps what comes before the first handler, and counts bytes once all handlers have consumed them", () => {
    let consumed = 0;
    const output = new Output((bytes) => (consumed += bytes));
    output.push(new Uint8Array(3));
    const done: (() => void)[] = [];
    output.onData((_, consumedHere) => done.push(consumedHere));
    const off = output.onData((_, consumedHere) => done.push(consumedHere));
    output.push(new Uint8Array(4));
    expect(done.length).toBe(3);
    done[0]!();
    done[1]!();
    done[1]!();
    expect(consumed).toBe(3);
    done[2]!();
    expect(consumed).toBe(7);
    off();
    output.push(new Uint8Array(5));
    expect(done.length).toBe(4);
  });
});

describe("a terminal across a port", () => {
  it("shows output, acknowledges what was shown, and lets no more than the window through", async () => {
    const { guest, agent, terminal, channel } = await make();
    const { port1, port2 } = new MessageChannel();
    serveTerminal(terminal, port1);
    const page = new PortTerminal(7, port2, () => undefined);
    const held: (() => void)[] = [];
    let shown = 0;
    page.onData((data, consumed) => {
      shown += data.length;
      held.push(consumed);
    });
    for (let i = 0; i < 4; i++) guest.say(FrameType.DATA, channel, new Uint8Array(65536));
    await tick();
    expect(shown).toBe(TERMINAL_WINDOW);
    expect(granted(guest)).toBe(TERMINAL_WINDOW - 65536);
    for (const consumed of held.splice(0)) consumed();
    await tick();
    expect(granted(guest)).toBe(2 * TERMINAL_WINDOW - 65536);
    guest.say(FrameType.EXIT, channel, { code: 3 });
    expect(await page.exited).toEqual({ exitCode: 3 });
    agent.close();
  });

  it("carries typing, size and hang-up to the guest", async () => {
    const { guest, agent, terminal } = await make();
    const { port1, port2 } = new MessageChannel();
    serveTerminal(terminal, port1);
    const page = new PortTerminal(7, port2, () => undefined);
    page.write("ls\r");
    page.write(Uint8Array.of(0xff));
    page.resize(100, 5000);
    page.close();
    await tick();
    const sent = guest.frames
      .filter(({ type }) => type === FrameType.DATA)
      .map(({ payload }) => [...payload]);
    expect(sent).toEqual([[108, 115, 13], [255]]);
    expect([...guest.last(FrameType.RESIZE).payload]).toEqual([100, 0, 232, 3]);
    expect(guest.last(FrameType.CLOSE)).toBeDefined();
    agent.close();
  });

  it("tells how it ended when the stream breaks, with the code", async () => {
    const { agent, terminal } = await make();
    const { port1, port2 } = new MessageChannel();
    serveTerminal(terminal, port1);
    const page = new PortTerminal(7, port2, () => undefined);
    agent.close();
    const error: unknown = await page.exited.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SandboxError);
    expect(error).toMatchObject({ code: "stopped" });
  });

  it("rejects when the worker is lost", async () => {
    const { port2 } = new MessageChannel();
    let over = 0;
    const page = new PortTerminal(1, port2, () => over++);
    page.lose(new SandboxError("stopped", "gone"));
    page.lose(new SandboxError("stopped", "twice"));
    await expect(page.exited).rejects.toMatchObject({ message: "gone" });
    page.write("into nothing");
    expect(over).toBe(1);
  });
});

describe("input that nobody reads", () => {
  it("is bounded, and the user is told once", async () => {
    const { agent, terminal, full } = await make();
    for (let i = 0; i < 40; i++) terminal.write(new Uint8Array(100_000));
    expect(full()).toBe(1);
    agent.close();
  });
});
