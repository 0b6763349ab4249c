/** Container networks in the real machine: addresses, names, published ports, isolation. One boot for the file. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { buildProgram } from "./program";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, ok, fails } = scripts(() => sandbox);

/** Waits until something in the container listens on port 80. */
const listening = (name: string) =>
  ok(
    `for i in $(seq 100); do docker exec ${name} netstat -tln | grep -q ':80 ' && exit; sleep 0.1; done; exit 1`,
  );

/** `docker run` with these flags of a container that serves `text` on port 80; its id. */
async function web(flags: string, text: string): Promise<string> {
  const id = await ok(
    `docker run -d ${flags} busybox sh -c 'echo ${text} >/tmp/index.html; exec httpd -f -p 80 -h /tmp'`,
  );
  await listening(id);
  return id;
}

const address = (name: string, network = "bridge") =>
  ok(`docker inspect -f '{{.NetworkSettings.Networks.${network}.IPAddress}}' ${name}`);

/** The page at `url` as a program sees it, started with `prefix` in front; "" when there is none in five seconds. */
const get = async (url: string, prefix = "") =>
  (await sh(`${prefix} sh -c 'timeout 5 wget -qO- ${url}; true' 2>/dev/null; true`)).stdout.trim();

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok("docker pull -q busybox");
}, 120_000);

afterAll(() => sandbox.stop());

describe("the default network", () => {
  it("gives each container an address, a route and a line in its hosts file", async () => {
    const seen = await ok(
      "docker run --rm --hostname box busybox sh -c 'ip -o -4 addr show eth0; ip route; grep box /etc/hosts'",
    );
    const own = /inet (172\.17\.\d+\.\d+)\/16/.exec(seen)?.[1];
    expect(own).toBeDefined();
    expect(seen).toContain("default via 172.17.0.1 dev eth0");
    expect(seen).toContain(`${String(own)}\tbox`);
    expect(await ok("ls /run/nest/networks/bridge")).toBe("network.json\nnext");
  });

  it("lets containers reach each other by address, not by name", async () => {
    await web("--name one", "first");
    const one = await address("one");
    expect(await ok(`docker run --rm busybox ping -c 1 -w 3 ${one}`)).toContain("1 packets received");
    expect(await get(`http://${one}/`, "docker run --rm busybox")).toBe("first");
    expect(await get("http://one/", "docker run --rm busybox")).toBe("");
    await ok("docker rm -f one");
  });

  it("is not there with --network none", async () => {
    expect(await ok("docker run --rm --network none busybox sh -c 'ip -o link | wc -l; ip route'")).toBe("1");
  });

  it("comes again when a stopped container is started", async () => {
    await web("--name again -p 8090:80", "again");
    await ok("docker stop -t 0 again");
    expect(await get("http://127.0.0.1:8090/")).toBe("");
    expect(await address("again")).toBe("");
    await ok("docker start again");
    await listening("again");
    expect(await get("http://127.0.0.1:8090/")).toBe("again");
    const own = await address("again");
    expect(await ok("docker exec again cat /etc/hosts")).toContain(own);
    await ok("docker rm -f again");
  });
});

describe("user-defined networks", () => {
  it("know containers by name, alias and id until they are gone, and nobody else", async () => {
    expect(await ok("docker network create web")).toMatch(/^[0-9a-f]{64}$/);
    await ok("docker network create other");
    const id = await web("--name site --network web --network-alias www", "site");
    const inWeb = "docker run --rm --network web busybox";
    expect(await get("http://site/", inWeb)).toBe("site");
    expect(await get("http://www/", inWeb)).toBe("site");
    expect(await get(`http://${id.slice(0, 12)}/`, inWeb)).toBe("site");
    expect(await get("http://site/", "docker run --rm --network other busybox")).toBe("");
    const { stdout } = await sh(`${inWeb} nslookup nobody; true`);
    expect(stdout).toContain("NXDOMAIN");
    await ok("docker run -d --name gone --network web busybox sleep 60 && docker rm -f gone");
    expect((await sh(`${inWeb} nslookup gone; true`)).stdout).toContain("NXDOMAIN");
  });

  it("are apart from each other and from the default one", async () => {
    const site = await address("site", "web");
    expect(await get(`http://${site}/`, "docker run --rm --network web busybox")).toBe("site");
    expect(await get(`http://${site}/`, "docker run --rm --network other busybox")).toBe("");
    expect(await get(`http://${site}/`, "docker run --rm busybox")).toBe("");
  });

  it("lead nowhere when internal", async () => {
    await ok("docker network create --internal inner");
    await web("--name outside", "outside");
    await web("--name inside --network inner", "inside");
    expect(await ok("docker exec inside ip route | grep -c default; true")).toBe("0");
    expect(await get(`http://${await address("inside", "inner")}/`, "docker exec outside")).toBe("");
    expect(await get("http://inside/", "docker run --rm --network inner busybox")).toBe("inside");
    await ok("docker rm -f outside inside; docker network rm inner");
  });

  it("are joined and left by running containers", async () => {
    await ok("docker run -d --name guest busybox sleep 600");
    expect(await get("http://site/", "docker exec guest")).toBe("");
    await ok("docker network connect --alias visitor web guest");
    expect(await get("http://site/", "docker exec guest")).toBe("site");
    expect(await ok("docker exec site ping -c 1 -w 3 visitor")).toContain("1 packets received");
    expect((await fails("docker network connect web guest")).stderr).toContain(
      "endpoint with name guest already exists in network web",
    );
    await ok("docker network disconnect web guest");
    expect(await ok("docker exec guest ip -o link | wc -l")).toBe("2");
    expect(await get("http://site/", "docker exec guest")).toBe("");
    expect((await fails("docker network disconnect web guest")).stderr).toContain(
      "is not connected to network web",
    );
    await ok("docker rm -f guest");
  });

  it("are listed, inspected and removed as with docker", async () => {
    const rows = (await ok("docker network ls")).split("\n").map((line) => line.split(/\s{2,}/));
    expect(rows[0]).toEqual(["NETWORK ID", "NAME", "DRIVER", "SCOPE"]);
    expect(rows.slice(1).map((row) => row.slice(1, 3))).toEqual([
      ["bridge", "bridge"],
      ["none", "null"],
      ["other", "bridge"],
      ["web", "bridge"],
    ]);
    const [network] = JSON.parse(await ok("docker network inspect web")) as [
      {
        Name: string;
        IPAM: { Config: unknown };
        Containers: Record<string, { Name: string; IPv4Address: string }>;
      },
    ];
    expect(network.IPAM.Config).toEqual([{ Subnet: "172.18.0.0/16", Gateway: "172.18.0.1" }]);
    expect(Object.values(network.Containers)).toMatchObject([
      { Name: "site", IPv4Address: `${await address("site", "web")}/16` },
    ]);
    expect((await fails("docker network rm web")).stderr).toContain("network web has active endpoints");
    expect((await fails("docker network rm nosuch")).stderr).toContain("network nosuch not found");
    expect((await fails("docker network rm bridge")).stderr).toContain("pre-defined");
    expect((await fails("docker network create web")).stderr).toContain(
      "network with name web already exists",
    );
    expect((await fails("docker network create --subnet 172.18.3.0/24 x")).stderr).toContain("Pool overlaps");
    expect((await fails("docker network create -d macvlan x")).stderr).toContain('"macvlan" not found');
    await ok("docker rm -f site && docker network rm web");
    expect(await ok("docker network prune -f")).toBe("Deleted Networks:\nother");
    expect(await ok("ip -o link | grep -c br-; true")).toBe("0");
  });

  it("take the subnet, the address and the flags asked for", async () => {
    await ok("docker network create --subnet 10.9.0.0/24 --gateway 10.9.0.254 --label a=b mine");
    await ok("docker network create --internal inside");
    const fixed = "docker run --rm --network mine --ip 10.9.0.7 busybox";
    expect(await ok(`${fixed} sh -c 'ip -o -4 addr show eth0; ip route'`)).toMatch(
      /10\.9\.0\.7\/24[^]*default via 10\.9\.0\.254/,
    );
    expect((await fails("docker run --rm --network mine --ip 10.8.0.7 busybox")).stderr).toContain(
      "no configured subnet contains IP address 10.8.0.7",
    );
    expect(await ok("docker run --rm --network inside busybox ip route")).not.toContain("default");
    await ok("docker network rm mine inside");
  });
});

describe("published ports", () => {
  it("reach the container from the host, its addresses and other containers", async () => {
    await web("--name shop -p 8080:80", "shop");
    expect(await get("http://127.0.0.1:8080/")).toBe("shop");
    expect(await get("http://172.17.0.1:8080/")).toBe("shop");
    expect(await get("http://172.17.0.1:8080/", "docker run --rm busybox")).toBe("shop");
    expect(await get("http://172.17.0.1:8080/", "docker exec shop")).toBe("shop");
    expect(await ok("docker port shop")).toBe("80/tcp -> 0.0.0.0:8080");
    expect(await ok("docker ps")).toContain("0.0.0.0:8080->80/tcp");
    const ports = JSON.parse(await ok("docker inspect -f '{{json .NetworkSettings.Ports}}' shop")) as unknown;
    expect(ports).toEqual({ "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] });
  });

  it("are refused when in use, by a container or a program", async () => {
    const taken = await fails("docker run --name late -p 8080:80 busybox true");
    expect(taken.exitCode).toBe(125);
    expect(taken.stderr).toContain(
      "driver failed programming external connectivity on endpoint late: Bind for 0.0.0.0:8080 failed: port is already allocated",
    );
    expect((await fails("docker run --rm -p 127.0.0.1:8080:80 busybox true")).stderr).toContain(
      "port is already allocated",
    );
    await ok("httpd -p 8081 -h /tmp");
    expect((await fails("docker run --rm -p 8081:80 busybox true")).stderr).toContain(
      "port is already allocated",
    );
    await ok("docker rm -f late shop");
    expect(await get("http://127.0.0.1:8080/")).toBe("");
    await web("--rm --name next -p 8080:80", "next");
    expect(await get("http://127.0.0.1:8080/")).toBe("next");
    await ok("docker rm -f next");
  });

  it("may be one address's only, or any free one", async () => {
    await web("--name local -p 127.0.0.1:8082:80 -p 80", "local");
    expect(await get("http://127.0.0.1:8082/")).toBe("local");
    expect(await get("http://172.17.0.1:8082/")).toBe("");
    const free = /80\/tcp -> 0\.0\.0\.0:(3\d{4})/.exec(await ok("docker port local"))?.[1];
    expect(await get(`http://172.17.0.1:${String(free)}/`)).toBe("local");
    // They move to the next network when the one they lead to is left.
    await ok("docker network create next && docker network connect next local");
    await ok("docker network disconnect bridge local");
    expect(await get("http://127.0.0.1:8082/")).toBe("local");
    await ok("docker rm -f local && docker network rm next");
    expect((await fails("docker run --rm -p 99999:80 busybox true")).stderr).toContain(
      "invalid hostPort: 99999",
    );
    expect((await fails("docker run --rm -p 80-90:80-90 busybox true")).stderr).toContain("one by one");
  });

  it("outlive the engine, and go with a monitor that is killed", async () => {
    await web("--name hardy -p 8083:80", "hardy");
    await ok("kill -9 $(pidof nest-engine) && sleep 1");
    expect(await get("http://127.0.0.1:8083/")).toBe("hardy");
    expect(await ok("docker port hardy")).toBe("80/tcp -> 0.0.0.0:8083");
    await ok("kill -9 $(pidof nest-monitor) && sleep 1");
    expect(await get("http://127.0.0.1:8083/")).toBe("");
    expect(await ok("ls /run/nest/networks/bridge")).toBe("network.json\nnext");
    await ok("docker start hardy");
    await listening("hardy");
    expect(await get("http://127.0.0.1:8083/")).toBe("hardy");
    await ok("docker rm -f hardy");
  });
});

describe("what cannot be", () => {
  it("is said", async () => {
    const unknown = await fails("docker run --rm --network nosuch busybox true");
    expect(unknown).toMatchObject({ exitCode: 125 });
    expect(unknown.stderr).toContain("network nosuch not found");
    await ok("docker network create here");
    for (const change of ["connect here nosuch", "connect nosuch c", "disconnect here nosuch", "rm nosuch"])
      expect(await fails(`docker network ${change}`)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/No such container: (nosuch|c)\b|network nosuch not found/) as string,
      });
    await ok("docker network rm here");
    expect((await fails("docker run --rm --ip 172.17.0.99 busybox true")).stderr).toContain(
      "user defined networks only",
    );
  });
});

describe("in a nested container", () => {
  it("networks work the same, other subnets, and what is outside is reached through it", async () => {
    await web("--name sibling", "sibling");
    const outer = await address("sibling");
    const seen = await ok(
      `docker run --rm --nest busybox sh -c 'docker run --rm busybox sh -c "ip -o -4 addr show eth0; wget -qO- http://${outer}/"'`,
    );
    expect(seen).toMatch(/inet 172\.33\.\d+\.\d+\/16/);
    expect(seen).toContain("sibling");
    const published = await ok(
      `docker run --rm --nest busybox sh -c 'docker network create n >/dev/null; docker run -d --name in --network n -p 80:80 busybox sh -c "echo deep >/tmp/index.html; exec httpd -f -p 80 -h /tmp" >/dev/null; sleep 3; wget -qO- http://127.0.0.1/; docker run --rm --network n busybox wget -qO- http://in/'`,
    );
    expect(published).toBe("deep\ndeep");
    await ok("docker rm -f sibling");
  });
});

describe("what a container pretends to be", () => {
  it("is not another: neither its address nor its hardware's, also not the gateway's", async () => {
    const frame = await buildProgram("test/guest/frame.c");
    await ok("mkdir -p /tmp/frame");
    await sandbox.files.write("/tmp/frame/frame", frame);
    await ok("chmod 755 /tmp/frame/frame; docker network create spoofed");
    const flags = "--network spoofed -v /tmp/frame:/p";
    await ok(
      `docker run -d --name target ${flags} busybox /p/frame listen 1000; docker run -d --name other ${flags} busybox sleep 1000; docker run -d --name liar ${flags} busybox sleep 1000`,
    );
    const [target, other, liar] = [
      await address("target", "spoofed"),
      await address("other", "spoofed"),
      await address("liar", "spoofed"),
    ];
    const network = target.replace(/\.\d+$/, "");
    /** As the runtime makes it of an address. */
    const mac = (ip: string) =>
      "02:42:" +
      ip
        .split(".")
        .map((part) => Number(part).toString(16).padStart(2, "0"))
        .join(":");
    const udp = (fromMac: string, from: string, text: string) =>
      `/p/frame udp ${fromMac} ${from} ${mac(target)} ${target} ${text};`;
    const lies = [
      udp("-", other, "address"),
      udp(mac(other), liar, "hardware"),
      udp(mac(other), other, "both"),
      udp("-", `${network}.1`, "gateway"),
      udp(mac(`${network}.1`), liar, "bridge"),
      `/p/frame arp - ${other};`,
      `/p/frame arp - ${network}.1;`,
    ].join("");
    const truths = [
      udp("-", liar, "own"),
      udp("-", `${network}.77`, "nobodys"),
      `/p/frame arp - ${liar};`,
    ].join("");
    await ok(`docker exec liar sh -c '${lies}${truths}'`);
    await ok(
      `for i in $(seq 50); do docker logs target | grep -q 'nobodys' && exit; sleep 0.1; done; exit 1`,
    );
    const heard = (await ok("sleep 0.5; docker logs target")).split("\n");
    expect(heard.filter((line) => !line.includes(" is at "))).toEqual([
      `${liar}: own`,
      `${network}.77: nobodys`,
    ]);
    expect([...new Set(heard.filter((line) => line.includes(" is at ")))]).toEqual([
      `${liar} is at ${mac(liar)}`,
    ]);
    // With more rights over its own network it can change its own address, and is not heard either.
    await ok(
      `docker run --rm --cap-add NET_ADMIN ${flags} busybox sh -c 'ip addr flush dev eth0; ip addr add ${other}/16 dev eth0; ping -c 1 -w 1 ${target}; ${udp("-", other, "changed")} true'`,
    );
    expect(await ok("docker logs target")).not.toContain("changed");
    // When it has gone its address is nobody's, and what claims another network's is stopped on its way there.
    await ok(`docker rm -f other; docker exec liar sh -c '${udp("-", other, "freed")}'`);
    await ok(`for i in $(seq 50); do docker logs target | grep -q freed && exit; sleep 0.1; done; exit 1`);
    await ok(
      "docker rm -f target liar; docker network rm spoofed; cat /proc/sys/net/ipv4/conf/nest0/rp_filter",
    ).then((filter) => {
      expect(filter.split("\n").pop()).toBe("1");
    });
  });
});
