import { beforeEach, describe, expect, it } from "vitest";
import { seeded } from "../agent/fake";
import { Forest } from "./forest";

let forest: Forest;
const event = (action: string, path: string[], container: object) => ({
  type: "container",
  action,
  path,
  container,
});
const create = (...path: string[]) =>
  forest.apply(event("create", path, { id: path.at(-1), name: `n-${path.at(-1)}`, state: "running" }));

beforeEach(() => (forest = new Forest()));

describe("events", () => {
  it("make, change and end containers at their depth", () => {
    create("a");
    create("a", "b");
    expect(forest.apply(event("stats", ["a", "b"], { id: "b", pids: 3, memory: 4096 }))).toBe(true);
    expect(forest.list()).toMatchObject([
      {
        id: "a",
        path: ["a"],
        children: [{ id: "b", path: ["a", "b"], pids: 3, memory: 4096, state: "running" }],
      },
    ]);
    expect(forest.apply(event("die", ["a", "b"], { id: "b", state: "exited", exitCode: 3 }))).toBe(true);
    expect(forest.list()[0]!.children[0]).toMatchObject({ state: "exited", exitCode: 3 });
    forest.apply(event("destroy", ["a"], { id: "a" }));
    expect(forest.list()).toEqual([]);
  });

  it("end what ran inside a container that exits", () => {
    create("a");
    create("a", "b");
    forest.apply(event("die", ["a"], { id: "a", state: "exited", exitCode: 0 }));
    expect(forest.list()[0]!.children).toEqual([]);
  });

  it("say whether anything changed", () => {
    create("a");
    expect(create("a")).toBe(false);
    expect(forest.apply(event("destroy", ["ghost"], {}))).toBe(false);
  });

  it("of a sync replace one level and keep what is known below it", () => {
    create("a");
    create("a", "b");
    create("old");
    forest.apply({ type: "sync", path: [], containers: [{ id: "a", name: "new-name" }, { id: "c" }] });
    expect(forest.list().map(({ id }) => id)).toEqual(["a", "c"]);
    expect(forest.list()[0]).toMatchObject({ name: "new-name", children: [{ id: "b" }] });
    forest.apply({ type: "sync", path: ["a"], containers: [] });
    expect(forest.list()[0]!.children).toEqual([]);
  });
});

describe("bounds", () => {
  it("cut strings, refuse numbers out of range and states that are none", () => {
    const facts = {
      id: "a",
      name: "x".repeat(1000),
      image: 5,
      pids: -1,
      memory: 1e300,
      state: "flying",
      nest: "yes",
    };
    forest.apply(event("create", ["a"], facts));
    expect(forest.list()[0]).toMatchObject({ image: "", pids: 0, memory: 0, state: "created", nest: false });
    expect(forest.list()[0]!.name.length).toBe(256);
  });

  it.each([["-flag"], [""], ["a b"], ["../x"], ["x".repeat(129)], ["a\n"]])("ignore the id %j", (id) => {
    expect(create(id)).toBe(false);
    forest.apply({ type: "sync", path: [], containers: [{ id }] });
    expect(forest.list()).toEqual([]);
  });

  it("hold 1024 containers and 32 levels, and give room back", () => {
    for (let i = 0; i < 2000; i++) create(`c${i}`);
    expect(forest.list().length).toBe(1024);
    expect(create("more")).toBe(false);
    forest.apply(event("destroy", ["c0"], {}));
    expect(create("more")).toBe(true);
    forest.recall([]);
    const path: string[] = [];
    for (let made = 0; made < 40; made++) {
      path.push("d");
      create(...path);
    }
    let depth = 0;
    for (let level = forest.list(); level.length > 0; level = level[0]!.children) depth++;
    expect(depth).toBe(32);
  });

  it("ignore nonsense of every shape (seeded)", () => {
    const random = seeded(4);
    const junk = [
      undefined,
      null,
      0,
      -1,
      NaN,
      "",
      "a",
      [],
      ["a"],
      [["a"]],
      {},
      { id: "a" },
      [{ id: "a" }],
      "__proto__",
    ];
    const any = () => junk[random(junk.length)];
    for (let i = 0; i < 5000; i++) {
      forest.apply({
        type: random(2) ? "container" : "sync",
        action: any(),
        path: any(),
        container: any(),
        containers: any(),
      });
    }
    for (const container of forest.list())
      expect(container.path.every((id) => typeof id === "string")).toBe(true);
  });
});

describe("ports and networks", () => {
  const facts = (ports: unknown, networks: unknown) => {
    forest.recall([]);
    forest.apply(event("create", ["a"], { id: "a", ports, networks }));
    return forest.list()[0]!;
  };

  it("are read, and none when absent, but kept by stats", () => {
    const { ports, networks } = facts(
      ["127.0.0.1:8080:80/tcp", "[::1]:53:53/udp", "1:2/tcp"],
      ["bridge", "mine"],
    );
    expect(ports).toEqual([
      { hostIp: "127.0.0.1", hostPort: 8080, containerPort: 80, protocol: "tcp" },
      { hostIp: "::1", hostPort: 53, containerPort: 53, protocol: "udp" },
      { hostIp: "0.0.0.0", hostPort: 1, containerPort: 2, protocol: "tcp" },
    ]);
    expect(networks).toEqual(["bridge", "mine"]);
    forest.apply(event("stats", ["a"], { id: "a", pids: 2 }));
    expect(forest.list()[0]).toMatchObject({ ports: { length: 3 }, networks: ["bridge", "mine"] });
    forest.apply(event("die", ["a"], { id: "a", state: "exited" }));
    expect(forest.list()[0]).toMatchObject({ ports: [], networks: [] });
  });

  it("are bounded, and what is none is left out", () => {
    const bad = [
      "",
      "80",
      "0:80/tcp",
      "1:65536/tcp",
      "1:1/sctp",
      "300.1.1.1:1:1/tcp",
      "a:1:1/tcp",
      5,
      null,
      {},
    ];
    expect(facts(bad, [5, "", null, {}]).ports).toEqual([]);
    expect(forest.list()[0]!.networks).toEqual([]);
    expect(facts("80", "bridge")).toMatchObject({ ports: [], networks: [] });
    const many = facts(Array(99).fill("1:1/tcp"), Array(99).fill("n".repeat(999)));
    expect([many.ports.length, many.networks.length, many.networks[0]!.length]).toEqual([32, 16, 256]);
  });
});

describe("a recalled forest", () => {
  it("is what was listed, and nothing when it is nonsense", () => {
    forest.apply(
      event("create", ["a"], { id: "a", ports: ["[::1]:1:2/udp", "0.0.0.0:3:4/tcp"], networks: ["n"] }),
    );
    create("a", "b");
    create("c");
    const list = forest.list();
    forest = new Forest();
    forest.recall(JSON.parse(JSON.stringify(list)));
    expect(forest.list()).toEqual(list);
    for (const junk of [
      null,
      5,
      "a",
      {},
      [5, null, { id: "-x", children: [{ id: "y" }] }, { children: 4 }],
    ]) {
      forest.recall(junk);
      expect(forest.list()).toEqual([]);
    }
  });
});

describe("names", () => {
  beforeEach(() => {
    create("aaa111");
    create("aaa111", "bbb222");
    create("ccc333");
    create("ccc333", "bbb999");
  });

  it("resolve by name, id and prefix, outermost first", () => {
    expect(forest.resolve("n-aaa111")).toEqual(["aaa111"]);
    expect(forest.resolve("bbb222")).toEqual(["aaa111", "bbb222"]);
    expect(forest.resolve("ccc")).toEqual(["ccc333"]);
    expect(forest.resolve(["n-ccc333", "bbb"])).toEqual(["ccc333", "bbb999"]);
  });

  it.each([["nothing"], ["bbb"], [""], [[]], [["aaa111", "bbb999"]]])(
    "%j is not found, in words",
    (reference) => {
      expect(() => forest.resolve(reference)).toThrow(expect.objectContaining({ code: "not-found" }));
    },
  );
});
