/** Address of the machine's worker, for who cannot start it by `new Worker` with that address (app/embed/opaque.ts). */
import url from "../worker?worker&url";

export const workerUrl: string = url;
