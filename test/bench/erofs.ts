import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { convertLayer } from "../../images/erofs/convert";

const ROUNDS = 3;
const registry = new URL("../../images/registry/debian/", import.meta.url);

interface Digest {
  digest: string;
}

/** Tar to erofs of the shipped debian's layer, in MB (10⁶ bytes) of tar a second, with mkfs.erofs beside it where it is installed. */
export async function bench(): Promise<Record<string, number>> {
  const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, registry), "utf8"));
  const blob = (digest: string) => `blobs/${digest.replace(":", "/")}`;
  const index = json("index.json") as { manifests: [Digest] };
  const manifest = json(blob(index.manifests[0].digest)) as { layers: [Digest] };
  const tar = new Uint8Array(gunzipSync(readFileSync(new URL(blob(manifest.layers[0].digest), registry))));
  const rate = (ms: number) => Math.round(tar.length / 1000 / ms);

  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    await convertLayer(pieces(tar), () => {}, { chunkSize: 256 * 1024, uuid: new Uint8Array(16) });
    times.push(performance.now() - started);
  }
  const figures: Record<string, number> = { "tar to erofs, MB/s": rate(Math.min(...times)) };

  const folder = mkdtempSync(join(tmpdir(), "nestbox-bench-"));
  try {
    writeFileSync(join(folder, "layer.tar"), tar);
    const script =
      "mkdir tree && tar -C tree -xf layer.tar --no-same-owner && mkfs.erofs --quiet layer.erofs tree";
    const started = performance.now();
    const { status } = spawnSync("sh", ["-c", script], { cwd: folder, stdio: "ignore" });
    if (status === 0) figures["tar and mkfs.erofs, MB/s"] = rate(performance.now() - started);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return figures;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
}
