/** Typed events for the sandbox. A handler that throws does not keep the others from hearing. */
import type { SandboxEvent, SandboxEvents } from "./api";

type Handler<E extends SandboxEvent> = (detail: SandboxEvents[E]) => void;

export class Emitter {
  private readonly handlers = new Map<SandboxEvent, Set<Handler<never>>>();

  /** Returns what takes the handler off again. */
  on<E extends SandboxEvent>(event: E, handler: Handler<E>): () => void {
    const set = this.handlers.get(event) ?? new Set();
    this.handlers.set(event, set.add(handler));
    return () => set.delete(handler);
  }

  emit<E extends SandboxEvent>(event: E, detail: SandboxEvents[E]): void {
    for (const handler of [...(this.handlers.get(event) ?? [])] as Handler<E>[]) {
      try {
        handler(detail);
      } catch (error) {
        console.error(`A handler of "${event}" failed:`, error);
      }
    }
  }
}
