export { FileServer, type FileServerOptions } from "./server";
export { listPath, readPath, writePath } from "./page";
export type { MemoryTree } from "./memory";
