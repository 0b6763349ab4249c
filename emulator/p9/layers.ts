/** `layers/`: converted image layers as read-only files, read lazily from the image store. */
import type { Images, LayerReader } from "../../images/types";
import { E, P9Error } from "./message";
import type { Attributes, DirectoryEntry, DirectoryNode, FileNode, Qid, Usage } from "./tree";

/** The part of `Images` that is needed here. */
export type LayerSource = Pick<Images, "layer" | "layers">;

const NAME = /^([0-9a-f]{64})\.erofs$/;
const USAGE: Usage = { total: 0, free: 0, files: 0, freeFiles: 0 };
/** Set in every layer's qid id, so that ids of other trees, which count up from small numbers, never meet it. */
const LAYER_ID_BIT = 1n << 63n;

function refuse(): never {
  throw new P9Error(E.ROFS);
}

/** One layer. It may be made for a layer that is no longer stored: then reading gives EIO and tells `onLost`. */
class LayerFile implements FileNode {
  private reader: LayerReader | undefined;

  constructor(
    private readonly hex: string,
    private readonly source: LayerSource,
    private readonly onLost: (diffId: string) => void,
  ) {}

  qid(): Qid {
    return { kind: "file", version: 0, id: BigInt(`0x${this.hex.slice(0, 16)}`) | LAYER_ID_BIT };
  }

  async attributes(): Promise<Attributes> {
    const { size } = await this.need();
    return { mode: 0o444, links: 1, size, modified: 0, accessed: 0 };
  }

  usage(): Usage {
    return USAGE;
  }

  change(): void {
    refuse();
  }

  async open(write: boolean): Promise<void> {
    if (write) refuse();
    await this.need();
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    // The common case without an extra turn: this is the path of every page fault in a container.
    return this.reader
      ? this.readFrom(this.reader, offset, length)
      : this.need().then((r) => this.readFrom(r, offset, length));
  }

  write(): void {
    refuse();
  }

  private async readFrom(reader: LayerReader, offset: number, length: number): Promise<Uint8Array> {
    if (offset >= reader.size) return new Uint8Array(0);
    try {
      return await reader.read(offset, Math.min(length, reader.size - offset));
    } catch {
      this.reader = undefined;
      this.onLost(`sha256:${this.hex}`);
      throw new P9Error(E.IO);
    }
  }

  private async need(): Promise<LayerReader> {
    if (this.reader) return this.reader;
    const reader = await this.source.layer(this.hex).catch(() => undefined);
    if (!reader) {
      this.onLost(`sha256:${this.hex}`);
      throw new P9Error(E.IO);
    }
    return (this.reader = reader);
  }
}

export class LayersDirectory implements DirectoryNode {
  /** `onLost` gets the diffId of a layer that the guest reads and the store no longer has. */
  constructor(
    private readonly source: LayerSource,
    private readonly id: bigint,
    private readonly onLost: (diffId: string) => void,
  ) {}

  qid(): Qid {
    return { kind: "directory", version: 0, id: this.id };
  }

  attributes(): Attributes {
    return { mode: 0o555, links: 2, size: 0, modified: 0, accessed: 0 };
  }

  usage(): Usage {
    return USAGE;
  }

  async lookup(name: string): Promise<FileNode | undefined> {
    const hex = NAME.exec(name)?.[1];
    if (!hex || !(await this.source.layer(hex))) return undefined;
    return this.recall(name);
  }

  /** The file a restored guest already holds, stored or not. */
  recall(name: string): FileNode | undefined {
    const hex = NAME.exec(name)?.[1];
    return hex ? new LayerFile(hex, this.source, this.onLost) : undefined;
  }

  async list(): Promise<DirectoryEntry[]> {
    const entries: DirectoryEntry[] = [];
    for (const { diffId } of await this.source.layers()) {
      const name = `${diffId.replace(/^sha256:/, "")}.erofs`;
      const file = this.recall(name);
      if (file) entries.push({ name, qid: file.qid() });
    }
    return entries;
  }

  change(): void {
    refuse();
  }

  createFile(): never {
    refuse();
  }

  createDirectory(): never {
    refuse();
  }

  remove(): void {
    refuse();
  }

  rename(): void {
    refuse();
  }
}
