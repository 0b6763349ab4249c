/** A box's place at a machine: its own, or that of another box of the page through a port. */
import { createNestbox, type NestboxHandle } from "../../emulator/control";
import type { DeskBox } from "./desk";
import { startWorkerFromBlob } from "./opaque";

/** A page that offers no machine by then will not. */
const OFFER_DEADLINE_MS = 25_000;

export class Seat implements DeskBox {
  /** The machine, once there is one; never rejects. */
  readonly handle: Promise<NestboxHandle>;
  /** Another box of the page runs on this box's machine too, or this one on another's. */
  shared = false;
  owned = false;
  /** Why the machine is not there any more, or never came; `onLost` hears it too. */
  lostReason: string | undefined;
  onLost: (reason: string) => void = () => undefined;
  #give!: (handle: NestboxHandle) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `typing` is the front terminal, which comes with the interface. */
  constructor(
    private readonly typing: () => Promise<(text: string) => void>,
    private readonly image: string | undefined,
  ) {
    this.handle = new Promise((resolve) => (this.#give = resolve));
  }

  /** Until the page answers; after that it says why nothing comes. */
  wait(): void {
    this.#timer = setTimeout(() => {
      this.lost("The page around this box has other boxes, but did not offer their machine.");
    }, OFFER_DEADLINE_MS);
  }

  machine(port: MessagePort | undefined): void {
    clearTimeout(this.#timer);
    this.owned = port === undefined;
    this.shared = !this.owned;
    const type = (text: string): Promise<void> => this.type(text);
    const handle = createNestbox(
      port
        ? { port, type }
        : {
            type,
            ...(this.image === undefined ? {} : { image: this.image }),
            ...(isOpaque() ? { createWorker: startWorkerFromBlob } : {}),
          },
    );
    this.#give(handle);
  }

  nestbox(): Promise<NestboxHandle> {
    return this.handle;
  }

  async type(text: string): Promise<void> {
    (await this.typing())(text);
  }

  async share(): Promise<MessagePort> {
    const handle = await this.handle;
    if (!this.owned) throw new Error("This box has no machine of its own to share.");
    this.shared = true;
    return handle.share();
  }

  lost(reason: string): void {
    clearTimeout(this.#timer);
    // A machine of its own is not lost by what the page says.
    if (this.owned || this.lostReason !== undefined) return;
    this.lostReason = reason;
    this.onLost(reason);
  }
}

/** Sandboxed without `allow-same-origin`: the frame belongs to no origin, and everything it fetches is cross-origin. */
export function isOpaque(): boolean {
  return self.origin === "null";
}

/** Unique among the boxes of a page, which share one machine. */
export function newContainerName(): string {
  const [number = 0] = crypto.getRandomValues(new Uint16Array(1));
  return `box-${number.toString(16).padStart(4, "0")}`;
}
