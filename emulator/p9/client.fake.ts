/** A 9P client for tests: builds requests, decodes the replies' fields, and counts what comes back. */
import { NO_FID, Reader, T, Writer } from "./message";
import type { FileServer } from "./server";

export interface Reply {
  type: number;
  tag: number;
  /** Set when the reply is Rlerror. */
  errno: number | undefined;
  fields: Reader;
}

export class P9Client {
  private nextTag = 1;
  /** Every reply in the order it came. */
  readonly replies: Reply[] = [];

  constructor(readonly server: FileServer) {}

  /** Sends without waiting; the tag is the caller's or a fresh one. */
  send(
    type: number,
    build: (w: Writer) => Writer = (w) => w,
    tag = this.nextTag++,
  ): { tag: number; reply: Promise<Reply> } {
    const request = build(new Writer(type, tag)).finish();
    const reply = new Promise<Reply>((resolve, reject) => {
      let answered = false;
      this.server.handle(request, (bytes) => {
        if (answered) return reject(new Error(`tag ${tag} was answered twice`));
        answered = true;
        const decoded = decode(bytes);
        this.replies.push(decoded);
        resolve(decoded);
      });
    });
    return { tag, reply };
  }

  /** Sends and gives the fields of the expected reply; throws what errno came instead. */
  async ask(type: number, build?: (w: Writer) => Writer): Promise<Reader> {
    const { errno, fields, type: got } = await this.send(type, build).reply;
    if (errno !== undefined) throw Object.assign(new Error(`errno ${errno}`), { errno });
    if (got !== type + 1) throw new Error(`reply of type ${got} to ${type}`);
    return fields;
  }

  async attach(fid = 0): Promise<void> {
    await this.ask(T.version, (w) => w.u32(131072).string("9P2000.L"));
    await this.ask(T.attach, (w) => w.u32(fid).u32(NO_FID).string("root").string("").u32(0));
  }

  /** Walks and returns how many names were found. */
  async walk(fid: number, target: number, ...names: string[]): Promise<number> {
    const r = await this.ask(T.walk, (w) => {
      w.u32(fid).u32(target).u16(names.length);
      for (const name of names) w.string(name);
      return w;
    });
    return r.u16();
  }

  async open(fid: number, flags = 0): Promise<void> {
    await this.ask(T.lopen, (w) => w.u32(fid).u32(flags));
  }

  async create(fid: number, name: string, flags = 2): Promise<void> {
    await this.ask(T.lcreate, (w) => w.u32(fid).string(name).u32(flags).u32(0o100644).u32(0));
  }

  async read(fid: number, offset: number, count: number): Promise<Uint8Array> {
    const r = await this.ask(T.read, (w) => w.u32(fid).u64(offset).u32(count));
    return r.data(r.u32()).slice();
  }

  async write(fid: number, offset: number, data: Uint8Array): Promise<number> {
    const r = await this.ask(T.write, (w) => w.u32(fid).u64(offset).u32(data.length).data(data));
    return r.u32();
  }

  async getattr(fid: number) {
    const r = await this.ask(T.getattr, (w) => w.u32(fid).u64(0x7ff));
    r.big();
    const qid = { type: r.u8(), version: r.u32(), path: r.big() };
    const [mode, uid, gid, links, , size] = [r.u32(), r.u32(), r.u32(), r.u64(), r.u64(), r.u64()];
    r.u64();
    r.u64();
    const accessed = Number(r.big()) * 1000 + Number(r.big()) / 1e6;
    const modified = Number(r.big()) * 1000 + Number(r.big()) / 1e6;
    return { qid, mode, uid, gid, links, size, accessed, modified };
  }

  /** All names of an open directory, asked for in pieces of `count` bytes. */
  async names(fid: number, count = 8192): Promise<string[]> {
    const names: string[] = [];
    for (let offset = 0; ;) {
      const r = await this.ask(T.readdir, (w) => w.u32(fid).u64(offset).u32(count));
      const length = r.u32();
      if (length === 0) return names;
      const entries = new Reader(r.data(length).slice(), 0);
      for (let left = length; left > 0;) {
        entries.data(13);
        offset = entries.u64();
        entries.u8();
        const name = entries.string();
        names.push(name);
        left -= 24 + new TextEncoder().encode(name).length;
      }
    }
  }
}

export function decode(bytes: Uint8Array): Reply {
  const header = new Reader(bytes, 0);
  const size = header.u32();
  if (size !== bytes.length) throw new Error(`reply of ${bytes.length} bytes says ${size}`);
  const type = header.u8();
  const tag = header.u16();
  const fields = new Reader(bytes);
  return { type, tag, errno: type === T.lerror + 1 ? fields.u32() : undefined, fields };
}
