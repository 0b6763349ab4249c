/** Typed events for the sandbox. A handler that throws does not keep the others from hearing. */
import type { SandboxEvent, SandboxEvents } from "./api";

type Handler<E extends SandboxEvent> = (detail: SandboxEvents[E]) => void;

/** Kept of each event for its first handler, which may come after the machine has begun to start. */
const KEPT = 64;

export class Emitter {
  private readonly handlers = new Map<SandboxEvent, Set<Handler<never>>>();
  private readonly unheard = new Map<SandboxEvent, unknown[]>();

  /** The first handler of an event also hears what came before it. Returns what takes the handler off again. */
  on<E extends SandboxEvent>(event: E, handler: Handler<E>): () => void {
    const set = this.handlers.get(event) ?? new Set();
    this.handlers.set(event, set.add(handler));
    const unheard = this.unheard.get(event) as SandboxEvents[E][] | undefined;
    this.unheard.delete(event);
    for (const detail of unheard ?? []) call(event, handler, detail);
    return () => set.delete(handler);
  }

  emit<E extends SandboxEvent>(event: E, detail: SandboxEvents[E]): void {
    const handlers = this.handlers.get(event);
    if (!handlers) {
      this.unheard.set(event, [...(this.unheard.get(event) ?? []), detail].slice(-KEPT));
      return;
    }
    for (const handler of [...handlers] as Handler<E>[]) call(event, handler, detail);
  }
}

function call<E extends SandboxEvent>(event: E, handler: Handler<E>, detail: SandboxEvents[E]): void {
  try {
    handler(detail);
  } catch (error) {
    console.error(`A handler of "${event}" failed:`, error);
  }
}
