import type { Container, PublishedPort } from "../../emulator/control";

/** A published port of a container, with the container's name. */
export type PreviewPort = PublishedPort & { container: string };

/** What `nestbox.fetch` reaches: TCP ports of running containers of the outermost level, by number. */
export function publishedPorts(containers: readonly Container[]): PreviewPort[] {
  return containers
    .filter(({ state }) => state === "running")
    .flatMap(({ name, ports }) => ports.map((port) => ({ ...port, container: name })))
    .filter(({ protocol }) => protocol === "tcp")
    .sort((a, b) => a.hostPort - b.hostPort);
}
