/** The worker of one machine: a Sandbox behind Comlink, its terminals and events on message ports. */
import * as Comlink from "comlink";
import * as assets from "virtual:nestbox-assets";
import { openImages } from "../images";
import { SandboxError } from "./control/api";
import { downloadingStarter } from "./control/download";
import { Sandbox } from "./control/sandbox";
import { serveTerminal } from "./control/terminal-port";
import { carryErrors, type EventMessage, type Remote, type Ticket } from "./control/wire";

const EVENTS = ["progress", "containers", "images", "pull", "console", "problem"] as const;

let sandbox: Sandbox | undefined;
let events: MessagePort | undefined;
const cancellable = new Map<Ticket, AbortController>();

function need(): Sandbox {
  if (!sandbox) throw new SandboxError("not-ready", "The sandbox was not started.");
  return sandbox;
}

function post(message: EventMessage): void {
  events?.postMessage(message);
}

/** Runs `action` with a signal that `cancel(ticket)` aborts. */
async function withTicket<T>(ticket: Ticket, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  cancellable.set(ticket, abort);
  try {
    return await action(abort.signal);
  } finally {
    cancellable.delete(ticket);
  }
}

const remote: Remote = {
  start({ cold, memory }, port) {
    if (sandbox) throw new SandboxError("failed", "The sandbox was started already.");
    events = port;
    sandbox = new Sandbox({
      machine: downloadingStarter(assets, cold, memory),
      images: Promise.resolve(openImages({ registry: assets.registry })),
      ...(memory === undefined ? {} : { memory }),
    });
    for (const event of EVENTS) sandbox.on(event, (detail) => post({ event, detail } as EventMessage));
    return sandbox.ready;
  },
  ping: () => performance.now(),
  cancel: (ticket) => cancellable.get(ticket)?.abort(),
  exec: (argv, options, ticket) => withTicket(ticket, (signal) => need().exec(argv, { ...options, signal })),
  async openTerminal(options) {
    const terminal = await need().terminals.open(options);
    const { port1, port2 } = new MessageChannel();
    serveTerminal(terminal, port1);
    return Comlink.transfer({ id: terminal.id, port: port2 }, [port2]);
  },
  listContainers: async () => need().containers.list(),
  listImages: async () => need().images.list(),
  pull: (ref, ticket) =>
    withTicket(ticket, (signal) =>
      need().images.pull(ref, { signal, onProgress: (progress) => post({ ticket, progress }) }),
    ),
  removeImage: async (ref) => need().images.remove(ref),
  async readFile(path, options) {
    const bytes = await need().files.read(path, options);
    return Comlink.transfer(bytes, [bytes.buffer]);
  },
  writeFile: async (path, data, options) => need().files.write(path, data, options),
  listFiles: async (path, options) => need().files.list(path, options),
  setClock: async () => need().setClock(),
  stop: async () => sandbox?.stop(),
};

carryErrors();
Comlink.expose(remote);
