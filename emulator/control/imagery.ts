/** Images as the sandbox offers them: to the page, to the guest's requests, and as events. */
import type { RequestHandler } from "../agent/requests";
import type { Image, Images, PullProgress } from "../../images/types";
import { boundedText, type JsonObject } from "../agent/messages";
import type { Emitter } from "./emitter";

export interface PullOptions {
  signal?: AbortSignal;
  onProgress?: (progress: PullProgress) => void;
}

const MAX_REF = 512;
/** Byte counts of one layer go to the page no more often than this; a new status always does. */
const PROGRESS_GAP_MS = 50;

export class Imagery {
  /** `open` is the image room; its failure fails each use of it, with its own message. */
  constructor(
    private readonly open: Promise<Images>,
    private readonly events: Emitter,
  ) {}

  async list(): Promise<Image[]> {
    return (await this.open).list();
  }

  async pull(ref: string, { signal, onProgress }: PullOptions = {}): Promise<Image> {
    const images = await this.open;
    const last = new Map<string, { status: string; at: number }>();
    const image = await images.pull(ref, {
      ...(signal ? { signal } : {}),
      onProgress: (progress) => {
        const before = last.get(progress.id ?? "");
        const now = performance.now();
        if (before?.status === progress.status && now - before.at < PROGRESS_GAP_MS) return;
        last.set(progress.id ?? "", { status: progress.status, at: now });
        this.events.emit("pull", { ref, ...progress });
        onProgress?.(progress);
      },
    });
    await this.changed();
    return image;
  }

  /** Pulls what is not there. Never rejects: who then uses the image meets the reason. */
  async fetchAhead(ref: string, signal: AbortSignal): Promise<void> {
    const there = this.open.then((images) => images.get(ref));
    await there.catch(() => this.pull(ref, { signal })).catch(() => undefined);
  }

  async remove(ref: string): Promise<{ untagged: string[]; deleted: string[] }> {
    const result = await (await this.open).remove(ref);
    await this.changed();
    return result;
  }

  async tag(ref: string, name: string): Promise<Image> {
    const image = await (await this.open).tag(ref, name);
    await this.changed();
    return image;
  }

  /** What the guest may ask (PROTOCOL.md "REQUEST"). */
  requests(): Record<string, RequestHandler> {
    return {
      "image.pull": (params, { signal, progress }) =>
        this.pull(reference(params), { signal, onProgress: (line) => progress(line) }),
      "image.get": async (params) => (await this.open).get(reference(params)),
      "image.history": async (params) => (await this.open).history(reference(params)),
      "image.list": async () => ({ images: await this.list() }),
      "image.remove": (params) => this.remove(reference(params)),
      "image.tag": (params) => this.tag(reference(params), boundedText(params.name, MAX_REF)),
    };
  }

  private async changed(): Promise<void> {
    this.events.emit("images", await this.list());
  }
}

function reference(params: JsonObject): string {
  return boundedText(params.ref, MAX_REF);
}
