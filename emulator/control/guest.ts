/** One machine with its file server and its agent. A restore replaces the whole of it. */
import { AgentClient, type AgentStatus } from "../agent/client";
import type { JsonObject } from "../agent/messages";
import type { RequestHandler } from "../agent/requests";
import type { Machine, MachineOptions, Snapshot } from "../machine";
import { readCompanion } from "../machine/snapshot";
import { FileServer, type FileServerOptions } from "../p9";
import { SandboxError } from "./api";
import { Files } from "./files";

export interface GuestOptions {
  hostname: string;
  layers: FileServerOptions["layers"];
  onLostLayer: (diffId: string) => void;
  requests: Readonly<Record<string, RequestHandler>>;
  onEvent: (event: JsonObject) => void;
  onStatus: (status: AgentStatus) => void;
  onConsole: (text: string) => void;
  onFailure: (error: Error) => void;
}

/** Bytes on their way into the guest may keep a save waiting for this long. */
const QUIET_MS = 250;

/** After `end` none of the options' functions is called any more. */
export class Guest {
  readonly server: FileServer;
  readonly files: Files;
  private started: { machine: Machine; agent: AgentClient } | undefined;
  private readonly abort = new AbortController();

  constructor(private readonly options: GuestOptions) {
    this.server = new FileServer({
      layers: options.layers,
      onLostLayer: (diffId) => this.alive(() => options.onLostLayer(diffId)),
    });
    this.files = new Files(this.server.share, this.server.outbox);
  }

  /** Aborted by `end`, with its reason. */
  get gone(): AbortSignal {
    return this.abort.signal;
  }

  get machine(): Machine | undefined {
    return this.started?.machine;
  }

  get agent(): AgentClient | undefined {
    return this.started?.agent;
  }

  /** Takes the machine that `make` gives and sets it running. Ended meanwhile: destroys it and throws the reason. */
  async start(make: (options: MachineOptions) => Promise<Machine>): Promise<AgentClient> {
    const { options } = this;
    const machine = await make({
      p9: this.server,
      onConsole: (text) => this.alive(() => options.onConsole(text)),
      onFailure: (error) => this.alive(() => options.onFailure(error)),
    });
    if (this.gone.aborted) {
      await machine.destroy();
      throw this.gone.reason as SandboxError;
    }
    const agent = new AgentClient({
      link: machine.agent,
      hostname: options.hostname,
      requests: options.requests,
      onEvent: options.onEvent,
      onStatus: options.onStatus,
    });
    this.started = { machine, agent };
    machine.run();
    return agent;
  }

  /** Rejects `unsupported` when a machine of `memory` MiB could not be started from `saved`. Before `start` only. */
  async tryState({ companion }: Snapshot, memory: number): Promise<void> {
    try {
      await this.server.restore(readCompanion(companion, memory).p9);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SandboxError(
        "unsupported",
        `This snapshot is damaged: its description does not read (${reason}). The machine runs on as it is; use another.`,
        { cause: error },
      );
    }
  }

  /**
   * Resolves when nothing is on its way into the guest, or after a moment: a frame cut in two by a save costs the
   * restored machine the three seconds in which its agent waits for the rest.
   */
  async quiet(): Promise<void> {
    const deadline = performance.now() + QUIET_MS;
    while (this.machine && this.machine.agent.queued > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 2));
  }

  /** Fails what waits with `reason` and frees the machine. */
  async end(reason: SandboxError): Promise<void> {
    if (this.gone.aborted) return;
    this.abort.abort(reason);
    this.agent?.close(reason);
    await this.machine
      ?.destroy()
      .catch((error: unknown) => console.error("Destroying the machine failed:", error));
  }

  private alive(action: () => void): void {
    if (!this.gone.aborted) action();
  }
}
