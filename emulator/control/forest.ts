/**
 * The containers of the guest at every depth, as their engines report them in EVENTs. Nothing of it is believed: ids
 * must look like ids, strings and numbers are bounded, and so are depth and count.
 */
import { boundedInteger, boundedText, isObject, type JsonObject } from "../agent/messages";
import { SandboxError, type Container, type ContainerState, type PublishedPort } from "./api";

const MAX_CONTAINERS = 1024;
const MAX_DEPTH = 32;
const MAX_TEXT = 256;
const MAX_PORTS = 32;
const MAX_NETWORKS = 16;
/** `127.0.0.1:8080:80/tcp`; the address may be missing, and IPv6 ones stand in brackets. */
const PORT = /^(?:(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]{2,45}\]):)?(\d{1,5}):(\d{1,5})\/(tcp|udp)$/;
/** Ids become arguments of `nest exec`: they must never look like a flag. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

export class Forest {
  private readonly roots = new Map<string, Entry>();
  private count = 0;

  /** Takes one EVENT; true when something changed. What makes no sense is ignored. */
  apply(event: JsonObject): boolean {
    const path = readPath(event.path);
    if (!path) return false;
    if (event.type === "sync") return this.sync(path, event.containers);
    if (event.type !== "container" || path.length === 0 || !isObject(event.container)) return false;
    const siblings = this.siblings(path.slice(0, -1));
    const id = path.at(-1)!;
    if (!siblings) return false;
    if (event.action === "destroy") return this.drop(siblings, id);
    return this.put(siblings, path, event.container, event.action === "stats");
  }

  /** A copy, children in order of creation. */
  list(): Container[] {
    return copy(this.roots);
  }

  /** Takes what `list` gave when the machine was saved, as little believed as any event; its engines then correct it. */
  recall(saved: unknown): void {
    this.roots.clear();
    this.count = 0;
    this.plant([], saved);
  }

  private plant(path: string[], saved: unknown): void {
    if (!Array.isArray(saved) || path.length >= MAX_DEPTH) return;
    const level = saved.slice(0, MAX_CONTAINERS).filter(isObject);
    const containers = level.map((container) => ({
      ...container,
      ports: Array.isArray(container.ports) ? container.ports.filter(isObject).map(portText) : [],
    }));
    this.sync(path, containers);
    for (const { id, children } of level)
      if (typeof id === "string" && ID.test(id)) this.plant([...path, id], children);
  }

  /**
   * The ids from the outermost container to the one meant: a path of names or ids, or one name, id or unambiguous id
   * prefix at any depth (the outermost level first). SandboxError `not-found` otherwise.
   */
  resolve(reference: string | readonly string[]): string[] {
    if (typeof reference !== "string") return this.follow(reference);
    const here = match([...this.roots.values()], reference);
    const found = here.length > 0 ? here : match([...this.walk(this.roots)], reference);
    return only(found, reference).path;
  }

  private follow(reference: readonly string[]): string[] {
    if (reference.length === 0) throw new SandboxError("not-found", "The container path is empty.");
    let level: ReadonlyMap<string, Entry> = this.roots;
    let path: string[] = [];
    for (const step of reference) {
      const entry = only(match([...level.values()], step), reference.join(" › "));
      level = entry.children;
      path = entry.path;
    }
    return path;
  }

  private sync(path: string[], containers: unknown): boolean {
    const siblings = this.siblings(path);
    if (!siblings || !Array.isArray(containers)) return false;
    const kept = new Set<string>();
    let changed = false;
    for (const container of containers.slice(0, MAX_CONTAINERS) as unknown[]) {
      if (!isObject(container) || typeof container.id !== "string" || !ID.test(container.id)) continue;
      kept.add(container.id);
      changed = this.put(siblings, [...path, container.id], container, false) || changed;
    }
    for (const id of [...siblings.keys()]) if (!kept.has(id)) changed = this.drop(siblings, id) || changed;
    return changed;
  }

  /** The containers beside which `path` + one more would stand; undefined when a parent is unknown. */
  private siblings(path: readonly string[]): Map<string, Entry> | undefined {
    let level = this.roots;
    for (const id of path) {
      const next = level.get(id)?.children;
      if (!next) return undefined;
      level = next;
    }
    return level;
  }

  private put(siblings: Map<string, Entry>, path: string[], from: JsonObject, partial: boolean): boolean {
    const id = path.at(-1)!;
    const old = siblings.get(id);
    if (!old) {
      if (partial || path.length > MAX_DEPTH || this.count >= MAX_CONTAINERS) return false;
      this.count++;
      siblings.set(id, new Entry(path, read(from, blank(id), false)));
      return true;
    }
    const next = read(from, old.facts, partial);
    const changed = JSON.stringify(next) !== JSON.stringify(old.facts);
    old.facts = next;
    // What ran inside ended with it, whether or not anyone was left to say so.
    if (next.state === "exited") for (const child of [...old.children.keys()]) this.drop(old.children, child);
    return changed;
  }

  private drop(siblings: Map<string, Entry>, id: string): boolean {
    const entry = siblings.get(id);
    if (!entry) return false;
    siblings.delete(id);
    this.count -= 1 + [...this.walk(entry.children)].length;
    return true;
  }

  private *walk(level: ReadonlyMap<string, Entry>): Generator<Entry> {
    for (const entry of level.values()) {
      yield entry;
      yield* this.walk(entry.children);
    }
  }
}

type Facts = Omit<Container, "path" | "children">;

class Entry {
  readonly children = new Map<string, Entry>();

  constructor(
    readonly path: string[],
    public facts: Facts,
  ) {}
}

function blank(id: string): Facts {
  return {
    id,
    name: id.slice(0, 12),
    image: "",
    command: "",
    state: "created",
    created: 0,
    pids: 0,
    memory: 0,
    hostname: "",
    nest: false,
    ports: [],
    networks: [],
  };
}

/** `old` with every field that `from` has and that is sound; ports and networks absent mean none, unless `partial`. */
function read(from: JsonObject, old: Facts, partial: boolean): Facts {
  const text = (value: unknown, fallback: string) =>
    typeof value === "string" ? boundedText(value, MAX_TEXT) : fallback;
  const count = (value: unknown, fallback: number) =>
    boundedInteger(value, 0, Number.MAX_SAFE_INTEGER, fallback);
  const state: ContainerState =
    from.state === "created" || from.state === "running" || from.state === "exited" ? from.state : old.state;
  const exitCode = boundedInteger(from.exitCode, 0, 255, -1);
  return {
    id: old.id,
    name: text(from.name, old.name),
    image: text(from.image, old.image),
    command: text(from.command, old.command),
    state,
    created: count(from.created, old.created),
    pids: count(from.pids, old.pids),
    memory: count(from.memory, old.memory),
    hostname: text(from.hostname, old.hostname),
    nest: typeof from.nest === "boolean" ? from.nest : old.nest,
    ports: Array.isArray(from.ports) ? readPorts(from.ports) : partial ? old.ports : [],
    networks: Array.isArray(from.networks) ? readNetworks(from.networks) : partial ? old.networks : [],
    ...(state === "exited" ? { exitCode: exitCode < 0 ? (old.exitCode ?? 0) : exitCode } : {}),
  };
}

/** What does not read as a port is left out. */
function readPorts(value: readonly unknown[]): PublishedPort[] {
  const ports: PublishedPort[] = [];
  for (const text of value.slice(0, MAX_PORTS)) {
    const [, hostIp = "0.0.0.0", host, inner, protocol] =
      typeof text === "string" ? (PORT.exec(text) ?? []) : [];
    const [hostPort, containerPort] = [Number(host), Number(inner)];
    const octets = hostIp.startsWith("[") ? [] : hostIp.split(".").map(Number);
    if (!isPort(hostPort) || !isPort(containerPort) || octets.some((octet) => octet > 255)) continue;
    ports.push({
      hostIp: hostIp.replace(/[[\]]/g, ""),
      hostPort,
      containerPort,
      protocol: protocol === "udp" ? "udp" : "tcp",
    });
  }
  return ports;
}

/** A port as an engine writes it. */
function portText({ hostIp, hostPort, containerPort, protocol }: JsonObject): string {
  const ip = String(hostIp);
  return `${ip.includes(":") ? `[${ip}]` : ip}:${String(hostPort)}:${String(containerPort)}/${String(protocol)}`;
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65535;
}

function readNetworks(value: readonly unknown[]): string[] {
  return value
    .slice(0, MAX_NETWORKS)
    .filter((name): name is string => typeof name === "string" && name !== "")
    .map((name) => boundedText(name, MAX_TEXT));
}

function readPath(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_DEPTH) return undefined;
  return value.every((id): id is string => typeof id === "string" && ID.test(id)) ? value : undefined;
}

function copy(level: ReadonlyMap<string, Entry>): Container[] {
  return [...level.values()]
    .map(({ facts, path, children }) => ({
      ...facts,
      ports: facts.ports.map((port) => ({ ...port })),
      networks: [...facts.networks],
      path: [...path],
      children: copy(children),
    }))
    .sort((a, b) => a.created - b.created);
}

function match(entries: Entry[], reference: string): Entry[] {
  if (reference === "") return [];
  const exact = entries.filter(({ facts }) => facts.id === reference || facts.name === reference);
  return exact.length > 0 ? exact : entries.filter(({ facts }) => facts.id.startsWith(reference));
}

function only(found: Entry[], reference: string): Entry {
  if (found.length === 1) return found[0]!;
  const message =
    found.length === 0
      ? `No such container: ${reference}. \`nest ps -a\` lists those there are.`
      : `"${reference}" fits ${found.length} containers; give the path from the outermost one, or a whole id.`;
  throw new SandboxError("not-found", message);
}
