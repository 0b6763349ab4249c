import { describe, expect, it } from "vitest";
import { AgentClient } from "../agent/client";
import { ScriptedGuest, json } from "../agent/fake";
import { FrameType } from "../agent/frame";
import { checkCommand, inContainer, run } from "./programs";

describe("command lines into containers", () => {
  it("chain nest exec, with the place only at the last hop", () => {
    const place = { interactive: true, tty: true, cwd: "/w", env: { A: "b c" } };
    expect(inContainer(["aa", "bb"], ["ls", "-l"], place)).toEqual(
      "nest exec -i -t aa nest exec -i -t -w /w -e|A=b c|bb ls -l"
        .split("|")
        .flatMap((part, i) => (i === 1 ? [part] : part.split(" "))),
    );
    expect(inContainer(["aa"], ["true"], { interactive: false, tty: false })).toEqual([
      "nest",
      "exec",
      "aa",
      "true",
    ]);
  });

  it("are refused when execve could not take them", () => {
    for (const argv of [[], [""], ["a\0"], [5 as unknown as string]])
      expect(() => checkCommand(argv)).toThrow(TypeError);
    expect(() => checkCommand(["a"], { "": "x" })).toThrow(TypeError);
    expect(() => checkCommand(["a"], {}, "x\0")).toThrow(TypeError);
    expect(() => checkCommand(["a", ""], { A: "" }, "/")).not.toThrow();
  });
});

describe("running", () => {
  async function connect() {
    const guest = new ScriptedGuest();
    const agent = new AgentClient({ link: guest.link });
    await agent.connect();
    return { guest, agent };
  }
  const bytes = (n: number) => new Uint8Array(n).fill(120);

  it("collects both streams to the limit, keeps the guest going, and says what was dropped", async () => {
    const { guest, agent } = await connect();
    const result = run(agent, { argv: ["x"] }, { limit: 100, overflow: "drop" });
    const { channel } = guest.last(FrameType.OPEN);
    for (let i = 0; i < 50; i++) guest.say(FrameType.DATA, channel, bytes(60_000));
    guest.say(FrameType.DATA_ERR, channel, bytes(7));
    guest.say(FrameType.EXIT, channel, { code: 0 });
    expect(await result).toMatchObject({ stdout: bytes(100), stderr: bytes(7), truncated: true });
    agent.close();
  });

  it("ends the program and rejects when everything is wanted and it is too much", async () => {
    const { guest, agent } = await connect();
    const result = run(agent, { argv: ["x"] }, { limit: 100, overflow: "reject" });
    guest.say(FrameType.DATA, guest.last(FrameType.OPEN).channel, bytes(101));
    await expect(result).rejects.toMatchObject({ code: "too-large" });
    expect(guest.last(FrameType.CLOSE).channel).toBe(guest.last(FrameType.OPEN).channel);
    agent.close();
  });

  it("hangs up when aborted, and does not start when aborted before", async () => {
    const { guest, agent } = await connect();
    const abort = new AbortController();
    const options = { limit: 1, overflow: "drop", signal: abort.signal } as const;
    const result = run(agent, { argv: ["x"] }, options);
    abort.abort();
    await expect(result).rejects.toMatchObject({ code: "cancelled" });
    expect(guest.last(FrameType.CLOSE)).toBeDefined();
    const opened = guest.frames.length;
    await expect(run(agent, { argv: ["x"] }, options)).rejects.toMatchObject({ code: "cancelled" });
    expect(guest.frames.length).toBe(opened);
    agent.close();
  });

  it("sends EOF even without stdin", async () => {
    const { guest, agent } = await connect();
    const result = run(agent, { argv: ["cat"] }, { limit: 1, overflow: "drop" });
    expect(json(guest.last(FrameType.OPEN))).toMatchObject({ argv: ["cat"] });
    expect(guest.last(FrameType.EOF)).toBeDefined();
    guest.say(FrameType.EXIT, guest.last(FrameType.OPEN).channel, { code: 0 });
    await result;
    agent.close();
  });
});
