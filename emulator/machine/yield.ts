import type { MainLoop } from "./internals";

/**
 * Replaces how v86 hands the thread back between slices of emulation.
 *
 * v86's own way in a page is a nested `blob:` worker, which a strict CSP blocks without a word. A MessageChannel needs
 * no permission. Node gets setImmediate: its message ports serve up to 1000 messages before any timer or socket.
 * Whatever a slice throws (a broken virtio ring, a reboot) goes to `onCrash`; the machine then makes no further step.
 */
export function installYield(loop: MainLoop, onCrash: (error: unknown) => void): void {
  loop.unregister_yield();
  const step = (tick: number) => {
    try {
      loop.yield_callback(tick);
    } catch (error) {
      onCrash(error);
    }
  };
  const soon = inNode() ? immediates(step) : messages(step);
  let timer: ReturnType<typeof setTimeout> | undefined;
  loop.yield = (pause, tick) => {
    clearTimeout(timer);
    if (pause < 1) soon.post(tick);
    else timer = setTimeout(step, pause, tick);
  };
  loop.unregister_yield = () => {
    clearTimeout(timer);
    soon.close();
    loop.yield = () => undefined;
  };
}

interface Soon {
  post(tick: number): void;
  close(): void;
}

function inNode(): boolean {
  return typeof setImmediate === "function";
}

function immediates(step: (tick: number) => void): Soon {
  let pending: NodeJS.Immediate | undefined;
  return {
    post(tick) {
      clearImmediate(pending);
      pending = setImmediate(step, tick);
    },
    close() {
      clearImmediate(pending);
    },
  };
}

function messages(step: (tick: number) => void): Soon {
  const channel = new MessageChannel();
  channel.port1.onmessage = (event: MessageEvent<number>) => {
    step(event.data);
  };
  return {
    post(tick) {
      channel.port2.postMessage(tick);
    },
    close() {
      channel.port1.close();
    },
  };
}
