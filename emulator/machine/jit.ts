import type { MainLoop } from "./internals";

/** Index of `JIT_DISABLED` for `set_jit_config`. */
const DISABLED = 0;
/** Instructions: a second or so, enough for the first prompt and the first containers. */
export const INTERPRETED = 30_000_000;

/**
 * Keeps v86 from compiling guest code while the machine comes up.
 *
 * Compiling pays in the long run only: until some ten containers have been started, each start takes 600 ms with it and
 * 300 ms interpreted, because the kernel's code is wide and every warm page of it is compiled.
 */
export function delayJit(loop: MainLoop): void {
  const { cpu } = loop;
  const work = loop.yield_callback.bind(loop);
  const counter = () => cpu.instruction_counter[0] ?? 0;
  let left = INTERPRETED;
  cpu.set_jit_config(DISABLED, 1);
  loop.yield_callback = (tick) => {
    const before = counter();
    work(tick);
    left -= (counter() - before) >>> 0;
    if (left > 0) return;
    cpu.set_jit_config(DISABLED, 0);
    loop.yield_callback = work;
  };
}
