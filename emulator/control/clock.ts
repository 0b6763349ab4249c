/** Notices that time passed without us: a frozen page, a sleeping computer. The guest's clock is then wrong. */

const TICK_MS = 1000;
/** A tick later than this, or clocks drifting apart by this much, counts as a jump. */
const JUMP_MS = 2000;

/** Calls `onJump` after a jump until the returned function is called. */
export function watchClock(onJump: () => void): () => void {
  let wall = Date.now();
  let steady = performance.now();
  const timer = setInterval(() => {
    const wallNow = Date.now();
    const steadyNow = performance.now();
    const passed = wallNow - wall;
    const drift = passed - (steadyNow - steady);
    wall = wallNow;
    steady = steadyNow;
    if (Math.abs(drift) > JUMP_MS || Math.abs(passed - TICK_MS) > JUMP_MS) onJump();
  }, TICK_MS);
  return () => clearInterval(timer);
}
