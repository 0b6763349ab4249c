/**
 * Long work in small stretches: the worker that converts a layer may be the one that runs the machine.
 * The longest stretch is a slice plus one piece of work between two calls, kept well under 30 ms.
 */
const SLICE_MS = 10;

let since = performance.now();

/** A promise to await when this thread has worked for a slice without a rest; otherwise nothing. */
export function breath(): Promise<void> | undefined {
  return performance.now() - since < SLICE_MS ? undefined : rest();
}

// A message, not a timer: browsers clamp nested timers to 4 ms.
async function rest(): Promise<void> {
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
  since = performance.now();
}
