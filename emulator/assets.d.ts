/** Where the machine's files are served and how big they are; made by scripts/vite-assets.ts. URLs are absolute. */
declare module "virtual:nestbox-assets" {
  interface Asset {
    url: string;
    bytes: number;
  }

  export const wasm: Asset;
  export const kernel: Asset;
  export const initrd: Asset;
  /** null when none was built: then only a cold boot is possible. */
  export const snapshot: SnapshotAsset | null;
  /** Base URL of the shipped OCI layouts, ending in "/". */
  export const registry: string;

  interface SnapshotAsset extends Asset {
    rawBytes: number;
    /** Compressed and raw length of each zstd frame of the file, in order. */
    frames: [bytes: number, rawBytes: number][];
    /** `Snapshot.companion`. */
    companion: unknown;
    /** MiB of guest memory it needs. */
    memory: number;
  }
}
