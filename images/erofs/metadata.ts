import { breath } from "../breath";
import {
  BLOCK_SIZE,
  encodeDirectoryBlock,
  encodeInode,
  encodeXattrs,
  INODE_SIZE,
  LONGEST_INLINE,
  planDirectory,
  SLOT_SIZE,
  writeSuperblock,
  type Dirent,
} from "./format";
import type { ChunkedOutput } from "./output";
import type { Node } from "./tree";

/** Where a node's inode and data go. */
interface Place {
  node: Node;
  parent: Place | undefined;
  nid: number;
  links: number;
  size: number;
  block: number;
  xattrs: Uint8Array;
  /** Bytes behind the inode. */
  inline: number;
  /** Directories: sorted names with `.` and `..`, and how many go into each block. */
  names: string[];
  counts: number[];
}

// Node number 0 means "none" to many programs.
const ROOT_NID = 2;

/**
 * Ends a filesystem whose file data is in `output`: directory blocks, then the metadata area, then the superblock.
 * Inodes of one directory lie together, so that listing it with attributes reads few blocks. Gives the size in bytes.
 */
export async function writeMetadata(root: Node, output: ChunkedOutput, uuid: Uint8Array): Promise<number> {
  const places = await arrange(root);
  const order = [...places.values()];
  const firstBlock = output.position / BLOCK_SIZE;
  const metaBlock = assignDirectoryBlocks(order, firstBlock);
  assignNids(order);

  for (const place of order) {
    const whole = place.counts.length - (place.inline > 0 ? 1 : 0);
    for (let i = 0; i < whole; i++)
      await output.append(encodeDirectoryBlock(dirents(place, i, places), BLOCK_SIZE));
  }
  const start = output.position;
  for (let number = 0; number < order.length; number++) {
    const pause = breath();
    if (pause) await pause;
    const place = order[number]!;
    await output.zeros(start + place.nid * SLOT_SIZE - output.position);
    await output.append(encodeInode(place.node, { ...place, inline: place.inline > 0, number: number + 1 }));
    await output.append(place.xattrs);
    if (place.inline === 0) continue;
    await output.append(
      place.node.inline ??
        encodeDirectoryBlock(dirents(place, place.counts.length - 1, places), place.inline),
    );
  }
  await output.padToBlock();
  const blocks = output.position / BLOCK_SIZE;
  return output.finish((block) =>
    writeSuperblock(block, { rootNid: ROOT_NID, inodes: order.length, blocks, metaBlock, uuid }),
  );
}

/** Every node once, breadth first, in the order of their inodes. */
async function arrange(root: Node): Promise<Map<Node, Place>> {
  const places = new Map<Node, Place>([[root, newPlace(root, undefined)]]);
  // A Map's iteration takes in what is added on the way.
  for (const place of places.values()) {
    const children = place.node.children;
    if (!children) continue;
    const pause = breath();
    if (pause) await pause;
    place.names = [...children.keys(), ".", ".."].sort();
    const plan = planDirectory(place.names);
    place.counts = plan.counts;
    place.inline = plan.lastBytes <= LONGEST_INLINE ? plan.lastBytes : 0;
    place.size = (plan.counts.length - 1) * BLOCK_SIZE + plan.lastBytes;
    place.links = 2;
    for (const name of place.names) {
      const child = children.get(name);
      if (!child) continue;
      if (child.children) place.links++;
      if (!places.has(child)) places.set(child, newPlace(child, place));
    }
  }
  return places;
}

function newPlace(node: Node, parent: Place | undefined): Place {
  return {
    node,
    parent,
    nid: 0,
    links: node.links,
    size: node.size,
    block: node.block,
    xattrs: encodeXattrs(node.xattrs),
    inline: node.inline?.length ?? 0,
    names: [],
    counts: [],
  };
}

/** Gives the block after the last directory block. */
function assignDirectoryBlocks(order: Place[], firstBlock: number): number {
  let block = firstBlock;
  for (const place of order) {
    if (!place.node.children) continue;
    place.block = block;
    block += place.counts.length - (place.inline > 0 ? 1 : 0);
  }
  return block;
}

function assignNids(order: Place[]): void {
  let at = ROOT_NID * SLOT_SIZE;
  for (const place of order) {
    const head = INODE_SIZE + place.xattrs.length;
    const inOneBlock = (from: number, length: number) => (from % BLOCK_SIZE) + length <= BLOCK_SIZE;
    while (!inOneBlock(at, INODE_SIZE) || !inOneBlock(at + head, place.inline)) at += SLOT_SIZE;
    place.nid = at / SLOT_SIZE;
    at += Math.ceil((head + place.inline) / SLOT_SIZE) * SLOT_SIZE;
  }
}

function dirents(place: Place, block: number, places: Map<Node, Place>): Dirent[] {
  const from = place.counts.slice(0, block).reduce((sum, count) => sum + count, 0);
  return place.names.slice(from, from + place.counts[block]!).map((name) => {
    const target =
      name === "."
        ? place
        : name === ".."
          ? (place.parent ?? place)
          : places.get(place.node.children!.get(name)!)!;
    return { name, nid: target.nid, mode: target.node.mode };
  });
}
