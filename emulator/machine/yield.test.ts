import { expect, test } from "vitest";
import type { MainLoop } from "./internals";
import { installYield } from "./yield";

function fakeLoop(callback: (tick: number) => void) {
  let unregistered = 0;
  const loop = {
    yield_callback: callback,
    unregister_yield: () => unregistered++,
  } as unknown as MainLoop;
  return { loop, unregistered: () => unregistered };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("ticks come soon or after their pause; a newer one replaces a waiting one", async () => {
  const ticks: number[] = [];
  const { loop, unregistered } = fakeLoop((tick) => ticks.push(tick));
  installYield(loop, () => undefined);
  expect(unregistered()).toBe(1); // v86's own worker is gone
  loop.yield(50, 1);
  loop.yield(0, 2);
  await pause(80);
  expect(ticks).toEqual([2]);
  loop.yield(5, 3);
  await pause(30);
  expect(ticks).toEqual([2, 3]);
});

test("timers get their turn while the machine is busy", async () => {
  let n = 0;
  const { loop } = fakeLoop(() => {
    const until = performance.now() + 1;
    while (performance.now() < until);
    loop.yield(0, ++n);
  });
  installYield(loop, () => undefined);
  loop.yield(0, 0);
  const started = performance.now();
  await pause(5);
  expect(performance.now() - started).toBeLessThan(200);
  loop.unregister_yield();
});

test("what a slice throws is reported; after unregister nothing runs", async () => {
  const errors: unknown[] = [];
  const ticks: number[] = [];
  const { loop } = fakeLoop((tick) => {
    ticks.push(tick);
    throw new Error("broken ring");
  });
  installYield(loop, (error) => errors.push(error));
  loop.yield(0, 1);
  await pause(10);
  expect(errors).toEqual([new Error("broken ring")]);
  loop.yield(0, 2);
  loop.unregister_yield();
  loop.yield(0, 3);
  await pause(10);
  expect(ticks).toEqual([1]);
});
