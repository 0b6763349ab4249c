/** Files in and out of containers in the real machine: cp, diff, export. One boot for the file. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeSandbox } from "../../emulator/control/node";
import type { Sandbox } from "../../emulator/control/sandbox";
import { scripts } from "./scripts";

let sandbox: Sandbox;
const { sh, refused, ...host } = scripts(() => sandbox);
/** Every line of it must succeed. */
const ok = (script: string) => host.ok(`set -e\n${script}`);

const frozen = "cat /sys/fs/cgroup/nest/$(docker inspect -f '{{.Id}}' box)/cgroup.freeze";

beforeAll(async () => {
  sandbox = startNodeSandbox();
  await sandbox.ready;
  await ok(`docker pull -q busybox; docker run -d --name box busybox sleep 100000
    mkdir -p /tmp/d/sub; cd /tmp; echo one >d/one; ln d/one d/hard; ln -s one d/link; echo two >d/sub/two; echo file >file`);
}, 120_000);

afterAll(() => sandbox.stop());

describe("docker cp into a container", () => {
  it("follows docker's table of sources and destinations", async () => {
    expect(
      await ok(`cd /tmp; docker exec box mkdir /t /t/old; docker exec box touch /t/there
        docker cp file box:/t/; docker cp file box:/t/new; docker cp file box:/t/there
        docker cp d box:/t; docker cp d box:/t/made; docker cp d/. box:/t/old; docker cp d/. box:/t/made2
        docker exec box sh -c 'cd /t; cat there; readlink d/link; stat -c %h made/hard; find . -type f | sort'`),
    ).toBe(
      ["file", "one", "2"]
        .concat(
          ["d/hard", "d/one", "d/sub/two", "file", "made/hard", "made/one", "made/sub/two"].map(
            (n) => `./${n}`,
          ),
        )
        .concat(
          [
            "made2/hard",
            "made2/one",
            "made2/sub/two",
            "new",
            "old/hard",
            "old/one",
            "old/sub/two",
            "there",
          ].map((n) => `./${n}`),
        )
        .join("\n"),
    );
    expect(await ok(frozen)).toBe("0");
  });

  it("refuses what has no place, and leaves nothing", async () => {
    const daemon = "Error response from daemon: ";
    expect(await refused("docker cp /tmp/file box:/no/x")).toBe(
      `${daemon}Could not find the file /no in container box`,
    );
    expect(await refused("docker cp /tmp/file box:/no/")).toContain("no such directory");
    expect(await refused("docker cp /tmp/file box:/etc/passwd/")).toContain("not a directory");
    expect(await refused("docker cp /tmp/d box:/etc/passwd")).toContain("cannot copy directory");
    expect(await refused("docker cp /tmp/none box:/")).toBe("lstat /tmp/none: no such file or directory");
    expect(await refused("docker cp /tmp/file nobox:/")).toBe(`${daemon}No such container: nobox`);
    expect(await refused("docker cp box:/a box:/b")).toBe("copying between containers is not supported");
    expect(await refused("docker cp /tmp/a /tmp/b")).toBe("must specify at least one container source");
    expect(await refused("docker cp - box:/etc/passwd </dev/null")).toContain("must be a directory");
    expect(await refused("echo nothing | docker cp - box:/tmp")).toContain("archive");
    expect(await ok("docker exec box sh -c 'ls -d /no /none; true'")).toBe("");
  });

  it("gives files to root, with -a to whom they belong, and follows links with -L", async () => {
    expect(
      await ok(`cd /tmp; cp file mine; chown 1000:1001 mine; chmod 4750 mine; ln -sf mine to-mine
        docker cp mine box:/home/plain; docker cp -a mine box:/home/own; docker cp to-mine box:/home/as-link; docker cp -L to-mine box:/home/as-file
        docker exec box sh -c 'cd /home; stat -c "%n %u:%g %a" plain own as-file; readlink as-link'`),
    ).toBe("plain 0:0 4750\nown 1000:1001 4750\nas-file 0:0 4750\nmine");
  });

  it("takes a tar archive, even from the container that it stops", async () => {
    expect(
      await ok(`tar c -C /tmp d | docker cp - box:/srv 2>/dev/null || docker exec box mkdir /srv && tar c -C /tmp d | docker cp - box:/srv
        docker exec box find /srv -type f | sort`),
    ).toBe("/srv/d/hard\n/srv/d/one\n/srv/d/sub/two");
    expect(
      await ok(
        "docker exec box mkdir /again; docker exec box tar c -C /srv d | docker cp - box:/again; docker exec box cat /again/d/one",
      ),
    ).toBe("one");
    expect(await ok(frozen)).toBe("0");
  });

  it("leads links on the way to places in the container only", async () => {
    await ok(`mkdir -p /tmp/canary; docker exec box sh -c 'ln -s /tmp/canary /out; ln -s ../../../../tmp/canary/x /outx; mkdir -p /tmp/canary'
      docker cp /tmp/file box:/out; docker cp /tmp/file box:/outx; docker cp /tmp/d box:/out/`);
    expect(await ok("ls /tmp/canary; docker exec box ls /tmp/canary")).toBe("d\nfile\nx");
  });
});

describe("docker cp out of a container", () => {
  it("follows the same table", async () => {
    expect(
      await ok(`rm -rf /tmp/o; mkdir -p /tmp/o/old; cd /tmp/o; touch there
        docker cp box:/t/file .; docker cp box:/t/file new; docker cp box:t/file there; docker cp box:/t/d .; docker cp box:/t/d made
        docker cp box:/t/d/. old; docker cp box:/t/d/link .; docker cp -L box:/t/d/link followed
        cat there; readlink link; stat -c %h made/hard; find . -type f | sort`),
    ).toBe(
      ["file", "one", "2"]
        .concat(["d/hard", "d/one", "d/sub/two", "file", "followed"].map((n) => `./${n}`))
        .concat(
          ["made/hard", "made/one", "made/sub/two", "new", "old/hard", "old/one", "old/sub/two", "there"].map(
            (n) => `./${n}`,
          ),
        )
        .join("\n"),
    );
    expect(await refused("cd /tmp/o; docker cp box:/t/none .")).toBe(
      "Error response from daemon: Could not find the file /t/none in container box",
    );
    expect(await refused("cd /tmp/o; docker cp box:/t/file no/x")).toBe(
      'invalid output path: directory "/tmp/o/no" does not exist',
    );
    expect(await refused("cd /tmp/o; docker cp box:/t/file no/")).toBe("no such directory");
    expect(await refused("cd /tmp/o; docker cp box:/t/d file")).toBe("cannot copy directory");
    expect(await refused("docker cp box:/dev/null /tmp/o/null")).toContain(
      "only files, directories and symlinks",
    );
    expect(await ok("docker cp box:/t/d - | tar t | sort")).toBe(
      "d/\nd/hard\nd/link\nd/one\nd/sub/\nd/sub/two",
    );
  });

  it("brings no owners, no set-uid bits and no devices along, and owners with -a", async () => {
    expect(
      await ok(`docker exec box sh -c 'mkdir /su; cp /bin/busybox /su/b; chown 1000:1000 /su/b; chmod 6755 /su/b; mkfifo /su/p'
        cd /tmp/o; docker cp box:/su .; docker cp -a box:/su su2; docker cp box:/dev devices
        stat -c '%n %u:%g %a' su/b su2/b; find devices -type b -o -type c | wc -l`),
    ).toBe("su/b 0:0 755\nsu2/b 1000:1000 755\n0");
  });

  it("does not write through a link that an earlier copy brought", async () => {
    await ok(`docker exec box sh -c 'mkdir /evil; ln -s /tmp/canary /evil/l'; cd /tmp/o; docker cp box:/evil .
      docker exec box sh -c 'rm /evil/l; mkdir /evil/l; echo bad >/evil/l/planted'`);
    expect(await refused("cd /tmp/o; docker cp box:/evil .")).toContain(
      'cannot overwrite non-directory "evil/l/" with directory',
    );
    expect(await ok("ls /tmp/canary")).toBe("");
    await ok(`docker exec box sh -c 'rm -r /evil/l; ln -s /tmp/canary/file /evil/l'; cd /tmp/o; rm -r evil; docker cp box:/evil .
      docker exec box sh -c 'rm /evil/l; echo bad >/evil/l'; docker cp box:/evil .`);
    expect(await ok("ls /tmp/canary; cat /tmp/o/evil/l")).toBe("bad");
  });

  it("stops the container meanwhile, but not for somebody who waits", async () => {
    // Nobody reads for a while: it is seen stopped, and then going on although the copy is not done.
    const until = (wish: string) =>
      `for i in $(seq 400); do read now <$f; test $now = ${wish} && break; sleep 0.05; done; echo $now`;
    expect(
      await ok(`docker exec box truncate -s 4M /big; f=/sys/fs/cgroup/nest/$(docker inspect -f '{{.Id}}' box)/cgroup.freeze
        docker cp box:/big - | { ${until("1")}; ${until("0")}; cat >/tmp/big; stat -c %s /tmp/big; }`),
    ).toBe(`1\n0\n${String(4 * 1024 * 1024 + 512 + 1024)}`);
    expect(await ok("docker exec box rm /big; docker exec box echo alive")).toBe("alive");
  }, 150_000);
});

describe("cp and a hostile container", () => {
  it("reaches nothing outside while another container flips links on a shared volume", async () => {
    await ok(`echo safe >/tmp/canary/file; docker run -d --name flipper -v shared:/s busybox sh -c '
        mkdir -p /s/a; echo inside >/s/a/file; ln -s ../../../../../../tmp/canary /s/b
        while :; do mv /s/a /s/t; mv /s/b /s/a; mv /s/t /s/b; mv /s/a /s/t; mv /s/b /s/a; mv /s/t /s/b; done'
      docker run -d --name victim -v shared:/s busybox sleep 100000; echo bad >/tmp/bad`);
    for (let i = 0; i < 10; i++) {
      await sh("docker cp /tmp/bad victim:/s/a/file; docker cp /tmp/d victim:/s/a/");
      const { stdout } = await sh("rm -rf /tmp/got; docker cp victim:/s/a/file /tmp/got; cat /tmp/got");
      expect(["", "inside\n", "bad\n"]).toContain(stdout);
    }
    await ok("docker rm -f flipper victim; docker volume rm shared");
    expect(await ok("ls /tmp/canary; cat /tmp/canary/file")).toBe("file\nsafe");
  }, 60_000);
});

describe("a stopped container", () => {
  it("is copied from and to, with its volumes, and has it when it starts", async () => {
    expect(
      await ok(`docker create --name still -v /v busybox sh -c 'cat /in /v/in' >/dev/null
        docker cp /tmp/file still:/in; docker cp /tmp/d/sub/two still:/v/in
        docker cp still:/v/in - | tar xO; docker cp still:/etc/passwd - | tar xO | head -1; docker start -a still`),
    ).toBe("two\nroot:x:0:0:root:/root:/bin/sh\nfile\ntwo");
    expect(await ok("docker diff still")).toBe("A /in\nA /v");
    expect(await ok("docker rm -v still >/dev/null; grep -c overlay /proc/self/mountinfo || true")).toBe("0");
  });
});

describe("docker diff", () => {
  it("tells what was added, changed and deleted, in directories made anew too", async () => {
    expect(
      await ok(`docker run --name changed busybox sh -c '
          rm /bin/vi; echo x >>/etc/passwd; mkdir -p /new/dir; touch /new/dir/f; mv /var/spool /var/queue; rm -r /home; mkdir /home; touch /home/h'
        docker diff changed`),
    ).toBe(
      [
        "C /bin",
        "D /bin/vi",
        "C /etc",
        "C /etc/passwd",
        "C /home",
        "A /home/h",
        "A /new",
        "A /new/dir",
        "A /new/dir/f",
      ]
        .concat(["C /var", "A /var/queue", "A /var/queue/mail", "D /var/spool"])
        .join("\n"),
    );
    expect(await ok("docker run --name same busybox true; docker diff same")).toBe("");
    expect(await refused("docker diff nobox")).toContain("No such container: nobox");
    await ok("docker rm changed same");
  });
});

describe("docker export", () => {
  it("writes the container's own files, without what is mounted in it", async () => {
    expect(
      await ok(`docker run -d --name whole -v full:/data busybox sh -c 'echo v >/data/f; echo own >/own; chown 7:7 /own; sleep 10000' >/dev/null
        sleep 1; docker export whole >/tmp/whole.tar; tar tf /tmp/whole.tar | grep -E '^(data|dev|proc|own|bin/vi)' | sort; tar xOf /tmp/whole.tar own
        docker stop -t 0 whole; docker export -o /tmp/still.tar whole; tar tf /tmp/still.tar | sort >/tmp/a; tar tf /tmp/whole.tar | sort | cmp - /tmp/a && tar tvf /tmp/still.tar own | cut -c 1-15`),
    ).toBe("bin/vi\ndata/\ndev/\nown\nproc/\nown\nwhole\n-rw-r--r-- 7/7");
    expect(await refused("docker export -o /tmp/none.tar nobox; e=$?; ls /tmp/none.tar; exit $e")).toContain(
      "No such container",
    );
    await ok("docker rm whole; docker volume rm full");
  });
});

describe("a container that is started while its files are copied", () => {
  const slow = (seconds: number, name: string) =>
    `mkdir -p /tmp/slow; echo ${name} >/tmp/slow/${name}; (tar -C /tmp/slow -c ${name}; sleep ${seconds}) | docker cp - late:/ & sleep 1`;

  it("waits for the copy, ten seconds at most, and says what to do then", async () => {
    await ok("docker create --name late busybox sleep 1000");
    expect(await ok(`${slow(4, "one")}; docker start late && docker exec late cat /one; wait`)).toBe(
      "late\none",
    );
    await ok("docker stop -t 0 late");
    const { exitCode, stderr } = await sh(`${slow(25, "two")}; docker start late; code=$?; wait; exit $code`);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /container [0-9a-f]{12}: its files are being copied, or it is starting; try again later/,
    );
    expect(await ok("docker start late && docker exec late cat /two; docker rm -f late")).toBe(
      "late\ntwo\nlate",
    );
  });
});
