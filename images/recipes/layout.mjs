// Writes one image of one layer as an OCI image layout (image-spec image-layout.md).
// node layout.mjs DIRECTORY ROOT.tar '{"tags": […], "createdBy": "…", "config": {…}}'; ROOT.tar.gz lies beside ROOT.tar.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const [directory, tar, settingsText] = process.argv.slice(2);
const epoch = Number(process.env.SOURCE_DATE_EPOCH);
if (!directory || !tar || !settingsText || !Number.isInteger(epoch)) {
  throw new Error("usage: SOURCE_DATE_EPOCH=… node layout.mjs DIRECTORY ROOT.tar SETTINGS");
}
const settings = JSON.parse(settingsText);
const created = new Date(epoch * 1000).toISOString().replace(".000Z", "Z");

const digestOf = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function writeBlob(mediaType, bytes) {
  const digest = digestOf(bytes);
  writeFileSync(`${directory}/blobs/${digest.replace(":", "/")}`, bytes);
  return { mediaType, digest, size: bytes.length };
}

const json = (value) => Buffer.from(JSON.stringify(value));

mkdirSync(`${directory}/blobs/sha256`, { recursive: true });
const layer = writeBlob("application/vnd.oci.image.layer.v1.tar+gzip", readFileSync(`${tar}.gz`));
const config = writeBlob(
  "application/vnd.oci.image.config.v1+json",
  json({
    created,
    architecture: "386",
    os: "linux",
    config: settings.config,
    rootfs: { type: "layers", diff_ids: [digestOf(readFileSync(tar))] },
    history: [{ created, created_by: settings.createdBy }],
  }),
);
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const manifest = writeBlob(
  manifestType,
  json({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }),
);

writeFileSync(`${directory}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
writeFileSync(
  `${directory}/index.json`,
  JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: settings.tags.map((tag) => ({
      ...manifest,
      platform: { architecture: "386", os: "linux" },
      annotations: { "org.opencontainers.image.ref.name": tag },
    })),
  }),
);
