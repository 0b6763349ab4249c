/** What `npm run snapshot` leaves for the build, beside the snapshot itself. Paths are relative to the checkout. */
export const STAGING = "build/machine";
export const MANIFEST = `${STAGING}/machine.json`;

export interface Manifest {
  /** Hash of everything the snapshot was made from; it is stale when this differs. */
  inputs: string;
  /** MiB. */
  memory: number;
  snapshot: {
    /** `snapshot-<hash of its content>.bin.zst`, zstd frames one after the other. */
    file: string;
    bytes: number;
    rawBytes: number;
    /** Compressed and raw length of each frame. */
    frames: [bytes: number, rawBytes: number][];
  };
  /** `Snapshot.companion`. */
  companion: unknown;
}
