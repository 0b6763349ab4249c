import { expect, test } from "vitest";
import type { MainLoop } from "./internals";
import { delayJit, INTERPRETED } from "./jit";

test("code is compiled once the machine has come up, however the counter wraps", () => {
  const config: [number, number][] = [];
  const counter = Uint32Array.of(0xffff_ff00);
  const ticks: number[] = [];
  const slice = INTERPRETED / 3 + 1;
  const loop = {
    cpu: {
      instruction_counter: counter,
      set_jit_config: (index: number, value: number) => config.push([index, value]),
    },
    yield_callback(tick: number) {
      expect(this).toBe(loop);
      ticks.push(tick);
      counter[0]! += slice;
    },
  } as unknown as MainLoop;
  delayJit(loop);
  for (const tick of [1, 2]) loop.yield_callback(tick);
  expect(config).toEqual([[0, 1]]);
  for (const tick of [3, 4, 5]) loop.yield_callback(tick);
  expect(config).toEqual([
    [0, 1],
    [0, 0],
  ]);
  expect(ticks).toEqual([1, 2, 3, 4, 5]);
});
