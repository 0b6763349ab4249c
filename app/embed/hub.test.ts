import { afterEach, describe, expect, it, vi } from "vitest";
import { Hub, type HubLink } from "./hub";

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
  vi.useRealTimers();
});

class FakeLink implements HubLink {
  alive = true;
  calls: unknown[][] = [];
  shares = true;

  readonly container: string | undefined;

  constructor(container?: string) {
    this.container = container;
  }

  call(...call: unknown[]): Promise<unknown> {
    this.calls.push(call);
    if (call[0] !== "share") return Promise.resolve(null);
    if (!this.shares) return Promise.reject(new Error("no"));
    const { port1, port2 } = new MessageChannel();
    open.push(port1, port2);
    return Promise.resolve(port2);
  }
}

function twoBoxes() {
  vi.useFakeTimers({ toFake: ["setInterval", "setTimeout", "clearInterval", "clearTimeout"] });
  const hub = new Hub();
  const [owner, guest] = [new FakeLink("one"), new FakeLink("two")];
  hub.add(owner, hub.claim().shared);
  hub.add(guest, hub.claim().shared);
  return { hub, owner, guest };
}

describe("the boxes of a page", () => {
  it("the first brings the machine, the others wait for it", () => {
    const hub = new Hub();
    expect(hub.claim()).toEqual({ shared: false });
    expect(hub.claim()).toEqual({ shared: true });
  });

  it("a guest is given a port of the owner's", async () => {
    const { hub, guest } = twoBoxes();
    await hub.give(guest);
    expect(guest.calls).toEqual([["machine", "port", expect.any(MessagePort)]]);
  });

  it("an owner that does not share is told of to the guest", async () => {
    const { hub, owner, guest } = twoBoxes();
    owner.shares = false;
    await hub.give(guest);
    expect(guest.calls[0]?.[0]).toBe("lost");
    expect(guest.calls[0]?.[1]).toMatch(/did not share it: no/);
  });

  it("when the owner goes, guests hear it, and the first that asks owns the next machine", async () => {
    const { hub, owner, guest } = twoBoxes();
    owner.alive = false;
    await vi.advanceTimersByTimeAsync(2000);
    expect(guest.calls).toEqual([["lost", expect.stringMatching(/removed/)]]);
    await hub.give(guest);
    expect(guest.calls[1]).toEqual(["machine", "own"]);
    expect(hub.claim()).toEqual({ shared: true });
    const third = new FakeLink();
    hub.add(third, true);
    await hub.give(third);
    expect(third.calls).toEqual([["machine", "port", expect.any(MessagePort)]]);
  });

  it("a guest that goes leaves no container behind", () => {
    const { hub, owner, guest } = twoBoxes();
    guest.alive = false;
    hub.gone(guest, "closed", false);
    expect(owner.calls).toEqual([["exec", ["docker", "rm", "-f", "two"], expect.anything()]]);
  });

  it("an owner that reloads stays the owner", () => {
    const { hub, owner, guest } = twoBoxes();
    hub.gone(owner, "loaded again", true);
    expect(guest.calls).toEqual([["lost", "loaded again"]]);
    expect(hub.claim()).toEqual({ shared: true });
  });
});
