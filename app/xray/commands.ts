/** Shell lines that print what the nesting map shows: the answer to "how do I see this without you?". */
import type { Container } from "../../emulator/control/api";
import type { MapNode } from "./tree";

export interface Command {
  readonly shows: string;
  /** For the host shell; one line, safe to type. */
  readonly line: string;
}

const SAFE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** Ids and names come from the guest and are typed into a shell: only plain words pass. */
function word(text: string): string | undefined {
  return SAFE.test(text) ? text : undefined;
}

/** `path`: nodes from the root to the selected one (`pathTo`). */
export function commandsFor(path: readonly MapNode[]): Command[] {
  const containers = path.flatMap((node) => (node.container ? [node.container] : []));
  const ids = containers.map((container) => word(container.id)?.slice(0, 12));
  if (containers.length === 0 || ids.includes(undefined)) return hostCommands();
  const own = containers.at(-1) as Container;
  // Reaching a nested container means asking each engine on the way down.
  const reach = ids
    .slice(0, -1)
    .map((id) => `docker exec ${id} `)
    .join("");
  const id = ids.at(-1) as string;
  const cgroup = `/sys/fs/cgroup/${containers.map((container) => `nest/${container.id}`).join("/")}`;
  const commands: Command[] = [
    { shows: "this container among its siblings", line: `${reach}docker ps -a` },
    { shows: "its whole configuration", line: `${reach}docker inspect ${id}` },
  ];
  if (own.state !== "running") {
    return [...commands, { shows: "what it printed", line: `${reach}docker logs ${id}` }];
  }
  return [
    ...commands,
    { shows: "its processes, as it sees them", line: `${reach}docker exec ${id} ps` },
    { shows: "its namespaces", line: `${reach}docker exec ${id} ls -l /proc/self/ns` },
    {
      shows: "its user ids: inside, outside, how many",
      line: `${reach}docker exec ${id} cat /proc/self/uid_map`,
    },
    { shows: "its processes, counted by its cgroup", line: `cat ${cgroup}/pids.current` },
    { shows: "its memory in bytes", line: `cat ${cgroup}/memory.current` },
    ...(own.nest
      ? [{ shows: "the containers inside it", line: `${reach}docker exec ${id} docker ps -a` }]
      : []),
  ];
}

function hostCommands(): Command[] {
  return [
    { shows: "the containers of this level", line: "docker ps -a" },
    { shows: "the images", line: "docker images" },
    { shows: "the kernel", line: "uname -a" },
    { shows: "the emulated processor", line: "cat /proc/cpuinfo" },
    { shows: "the machine's memory", line: "cat /proc/meminfo" },
    { shows: "every process, those in containers included", line: "ps" },
    { shows: "the host shell's own namespaces", line: "ls -l /proc/self/ns" },
    { shows: "one cgroup for each container", line: "ls /sys/fs/cgroup/nest" },
  ];
}
