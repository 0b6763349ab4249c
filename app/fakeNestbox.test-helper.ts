/** A Nestbox in memory for unit tests and for looking at the page without a machine; never part of the build. */
import type {
  Container,
  Image,
  Nestbox,
  SandboxEvent,
  SandboxEvents,
  Terminal,
  TerminalOptions,
} from "../emulator/control/api";

export class FakeTerminal implements Terminal {
  written = "";
  sizes: [number, number][] = [];
  hungUp = false;
  readonly exited: Promise<{ exitCode: number; error?: string }>;
  exit!: (end: { exitCode: number; error?: string }) => void;
  #handler: ((data: Uint8Array, consumed: () => void) => void) | undefined;

  constructor(
    readonly id: number,
    readonly options: TerminalOptions,
    private readonly onWrite: (terminal: FakeTerminal, text: string) => void,
  ) {
    this.exited = new Promise((resolve) => (this.exit = resolve));
  }

  write(data: string | Uint8Array): void {
    const text = typeof data === "string" ? data : String.fromCharCode(...data);
    this.written += text;
    this.onWrite(this, text);
  }

  resize(cols: number, rows: number): void {
    this.sizes.push([cols, rows]);
  }

  onData(handler: (data: Uint8Array, consumed: () => void) => void): () => void {
    this.#handler = handler;
    return () => (this.#handler = undefined);
  }

  /** Output of the program; `consumed` counts its acknowledgements. */
  emit(text: string, consumed: () => void = () => undefined): void {
    this.#handler?.(new TextEncoder().encode(text), consumed);
  }

  close(): void {
    this.hungUp = true;
    this.exit({ exitCode: 129 });
  }
}

export class FakeNestbox implements Nestbox {
  readonly ready: Promise<void>;
  becomeReady!: () => void;
  fail!: (reason: Error) => void;
  opened: FakeTerminal[] = [];
  containersNow: Container[] = [];
  imagesNow: Image[] = [];
  onWrite: (terminal: FakeTerminal, text: string) => void = () => undefined;
  openError: Error | undefined;
  readonly #handlers = new Map<SandboxEvent, Set<(detail: never) => void>>();

  constructor(private readonly typed: (text: string) => void = () => undefined) {
    this.ready = new Promise((resolve, reject) => {
      this.becomeReady = resolve;
      this.fail = reject;
    });
  }

  exec(): ReturnType<Nestbox["exec"]> {
    const stdout = "MemTotal:         250980 kB\nMemFree: 1 kB\nMemAvailable:     201024 kB\n";
    return Promise.resolve({ exitCode: 0, stdout, stderr: "" });
  }

  type(text: string): Promise<void> {
    this.typed(text);
    return Promise.resolve();
  }

  readonly terminals: Nestbox["terminals"] = {
    open: (options = {}) => {
      if (this.openError) return Promise.reject(this.openError);
      const terminal = new FakeTerminal(this.opened.length + 1, options, (from, text) =>
        this.onWrite(from, text),
      );
      this.opened.push(terminal);
      return Promise.resolve(terminal);
    },
  };
  readonly containers: Nestbox["containers"] = { list: () => Promise.resolve(this.containersNow) };
  readonly images: Nestbox["images"] = {
    list: () => Promise.resolve(this.imagesNow),
    pull: (ref) => Promise.reject(new Error(`no such image in the fake: ${ref}`)),
    remove: () => Promise.resolve({ untagged: [], deleted: [] }),
  };
  readonly files: Nestbox["files"] = {
    read: () => Promise.resolve(new Uint8Array()),
    write: () => Promise.resolve(),
    list: () => Promise.resolve([]),
  };

  /** What `fetch` was asked for, and what it answers with. */
  fetched: string[] = [];
  answer: (url: string) => Response = () => new Response("hello", { status: 200 });
  /** Snapshots are numbered; `restoredTo` holds the text of each that was restored. */
  snapshots = 0;
  restoredTo: string[] = [];

  fetch(url: string | URL): Promise<Response> {
    this.fetched.push(String(url));
    return Promise.resolve(this.answer(String(url)));
  }

  snapshot(): Promise<Blob> {
    return Promise.resolve(new Blob([`snapshot ${++this.snapshots}`]));
  }

  async restore(snapshot: Blob): Promise<void> {
    this.restoredTo.push(await snapshot.text());
    for (const terminal of this.opened) terminal.exit({ exitCode: 129, error: "The machine was set back." });
    this.emit("restored", { elapsedMs: 1 });
  }

  on<E extends SandboxEvent>(event: E, handler: (detail: SandboxEvents[E]) => void): () => void {
    const set = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, set.add(handler));
    return () => set.delete(handler);
  }

  emit<E extends SandboxEvent>(event: E, detail: SandboxEvents[E]): void {
    for (const handler of this.#handlers.get(event) ?? [])
      (handler as (detail: SandboxEvents[E]) => void)(detail);
  }
}

/** A container as the guest reports one; `path` runs from the outermost id to its own. */
export function fakeContainer(path: string[], overrides: Partial<Container> = {}): Container {
  const id = path.at(-1) ?? "";
  return {
    id,
    name: id,
    image: "busybox",
    command: "sh",
    state: "running",
    created: 1_700_000_000_000,
    pids: 1,
    memory: 400_000,
    hostname: id,
    nest: false,
    ports: [],
    networks: [],
    path,
    children: [],
    ...overrides,
  };
}
