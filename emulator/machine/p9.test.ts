import { expect, test } from "vitest";
import { FakeChain, fakeEmulator } from "./machine.fakes.test-helper";
import { P9Bridge } from "./p9";
import type { P9Server } from "./types";

const message = (tag: number, ...rest: number[]) =>
  Uint8Array.of(7 + rest.length, 0, 0, 0, 100, tag & 255, tag >> 8, ...rest);

function setUp() {
  const asked: { bytes: Uint8Array; reply: (response: Uint8Array) => void }[] = [];
  const server: P9Server = {
    handle: (bytes, reply) => void asked.push({ bytes, reply }),
    save: () => ({}),
    restore: async () => undefined,
  };
  const fake = fakeEmulator();
  const bridge = new P9Bridge(server);
  bridge.attach(fake.emulator);
  /** As v86 does: files the chain, then calls the handler. */
  const request = (chain: FakeChain) => {
    fake.virtio_9p.tag_bufchain.set(chain.readable[5]! | (chain.readable[6]! << 8), chain);
    bridge.handle(chain.readable);
  };
  return { ...fake, asked, bridge, request };
}

test("replies find their buffers, out of order, once", () => {
  const { asked, request, p9Queue, virtio_9p } = setUp();
  const one = new FakeChain(0, message(1), 100);
  const two = new FakeChain(3, message(0x0102), 100);
  request(one);
  request(two);
  asked[1]?.reply(message(0x0102, 22));
  asked[0]?.reply(message(1, 11));
  asked[0]?.reply(message(1, 99));
  expect(p9Queue.replied).toEqual([two, one]);
  expect([one.written.at(-1), two.written.at(-1)]).toEqual([11, 22]);
  expect(virtio_9p.tag_bufchain.size).toBe(0);
});

test("a tag that the guest uses twice, a message without one, and a closed machine harm nothing", () => {
  const { asked, request, p9Queue, virtio_9p, bridge } = setUp();
  const stale = new FakeChain(0, message(1), 100);
  const fresh = new FakeChain(1, message(1), 100);
  request(stale);
  request(fresh);
  asked[0]?.reply(message(1));
  expect(p9Queue.replied).toEqual([]);
  asked[1]?.reply(message(1));
  expect(p9Queue.replied).toEqual([fresh]);

  request(new FakeChain(2, Uint8Array.of(3, 0, 0), 100));
  expect(asked).toHaveLength(2);
  expect(virtio_9p.tag_bufchain.size).toBe(0);

  request(new FakeChain(3, message(9), 100));
  bridge.close();
  asked[2]?.reply(message(9));
  expect(p9Queue.replied).toEqual([fresh]);
});

test("pending chains are set aside for the save, described, kept, and asked again in the restored machine", () => {
  const { request, bridge, virtio_9p } = setUp();
  const chain = new FakeChain(5, message(7, 42), 100);
  request(chain);
  const pending = bridge.park(() => {
    expect(virtio_9p.tag_bufchain.size).toBe(0);
  });
  expect(pending).toEqual([[7, 5]]);
  expect(virtio_9p.tag_bufchain.get(7)).toBe(chain);
  expect(() =>
    bridge.park(() => {
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(virtio_9p.tag_bufchain.get(7)).toBe(chain);

  const copy = setUp();
  const again = new FakeChain(5, message(7, 42), 100);
  copy.p9Queue.available = [again];
  copy.bridge.replay(pending);
  expect(copy.asked[0]?.bytes).toEqual(message(7, 42));
  copy.asked[0]?.reply(message(7, 43));
  expect(again.written).toEqual(message(7, 43));
});
