import { ImageError } from "../types";
import { ByteReader } from "./bytes";
import { BLOCK_SIZE, LONGEST_INLINE } from "./format";
import { writeMetadata } from "./metadata";
import { ChunkedOutput, type ChunkSink } from "./output";
import { TarReader } from "./tar";
import { binaryBytes } from "./text";
import { LayerTree, S_IFLNK, S_IFMT, type Node } from "./tree";

export interface ConvertOptions {
  /** Bytes of each chunk but the last; a multiple of 4096. */
  chunkSize: number;
  /** 16 bytes naming the filesystem. */
  uuid: Uint8Array;
  /** Bytes of filesystem allowed. */
  limit?: number;
}

/** Files this small lie behind their inode instead of in a block of their own. */
const LARGEST_INLINE_FILE = 512;
const DEFAULT_LIMIT = 16 * 2 ** 30;

/**
 * Converts an uncompressed layer tar to an erofs filesystem: file data flows to `sink` as it comes, directories and
 * inodes are kept in memory and follow at the end. The same tar gives the same bytes. Gives the filesystem's size.
 */
export async function convertLayer(
  tar: AsyncIterable<Uint8Array>,
  sink: ChunkSink,
  options: ConvertOptions,
): Promise<number> {
  const limit = options.limit ?? DEFAULT_LIMIT;
  const output = new ChunkedOutput(options.chunkSize, sink);
  await output.zeros(BLOCK_SIZE);

  const bytes = new ByteReader(tar);
  const reader = new TarReader(bytes);
  const tree = new LayerTree();
  const room = (size: number) => {
    if (output.position + size > limit) {
      throw new ImageError(
        "unsupported",
        `the layer unpacks to more than ${limit / 2 ** 30} GiB, more than can be kept`,
      );
    }
  };
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    const node = tree.add(entry);
    if (!node) continue;
    room(node.size);
    if ((node.mode & S_IFMT) === S_IFLNK) await storeTarget(node, entry.link, output);
    else await storeData(node, reader, output);
  }
  // Padding after the archive still belongs to the layer's digest.
  while ((await bytes.some(BLOCK_SIZE * 16)).length > 0);

  return writeMetadata(tree.root, output, options.uuid);
}

async function storeData(file: Node, reader: TarReader, output: ChunkedOutput): Promise<void> {
  if (file.size <= LARGEST_INLINE_FILE) {
    if (file.size === 0) return;
    file.inline = new Uint8Array(file.size);
    for (let at = 0; at < file.size;) {
      const piece = await reader.data(file.size - at);
      file.inline.set(piece, at);
      at += piece.length;
    }
    return;
  }
  file.block = output.position / BLOCK_SIZE;
  for (let left = file.size; left > 0;) {
    const piece = await reader.data(left);
    await output.append(piece);
    left -= piece.length;
  }
  await output.padToBlock();
}

async function storeTarget(link: Node, target: string, output: ChunkedOutput): Promise<void> {
  const bytes = binaryBytes(target);
  if (bytes.length <= LONGEST_INLINE) {
    link.inline = bytes;
    return;
  }
  link.block = output.position / BLOCK_SIZE;
  await output.append(bytes);
  await output.padToBlock();
}
