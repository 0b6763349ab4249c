import { describe, expect, test } from "vitest";
import { fakeContainer } from "../fakeNestbox.test-helper";
import { commandsFor } from "./commands";
import { buildTree, KERNEL_KEY, pathTo } from "./tree";

const OUTER = "a".repeat(64);
const INNER = "b".repeat(64);
const inner = fakeContainer([OUTER, INNER], { name: "inner" });
const outer = fakeContainer([OUTER], { name: "outer", nest: true, children: [inner] });

function lines(container: typeof outer, key: string): string[] {
  return commandsFor(pathTo(buildTree([container]), key)).map(({ line }) => line);
}

describe("commandsFor", () => {
  test("the kernel: what is on the host", () => {
    expect(lines(outer, KERNEL_KEY)).toContain("docker ps -a");
  });

  test("a nested container is reached through each engine, its cgroup by its whole path", () => {
    const all = lines(outer, `${OUTER}/${INNER}`);
    expect(all).toContain("docker exec aaaaaaaaaaaa docker exec bbbbbbbbbbbb ps");
    expect(all).toContain(`cat /sys/fs/cgroup/nest/${OUTER}/nest/${INNER}/pids.current`);
  });

  test("an exited container has output but no processes", () => {
    const all = lines({ ...outer, state: "exited" }, OUTER);
    expect(all).toContain("docker logs aaaaaaaaaaaa");
    expect(all.join("\n")).not.toContain("exec");
  });

  test.each(["x; reboot", "x\rreboot", "$(reboot)", "-rf", "a/../b", ""])(
    "an id like %j is never typed into a shell",
    (id) => {
      const bad = fakeContainer([id], { name: id });
      for (const line of lines(bad, id)) expect(line.includes(id) && id !== "").toBe(false);
      const below = fakeContainer([OUTER, id]);
      const all = lines({ ...outer, children: [below] }, `${OUTER}/${id}`);
      expect(all).toContain("uname -a");
    },
  );

  test("every line is one line", () => {
    for (const line of [...lines(outer, OUTER), ...lines(outer, KERNEL_KEY)])
      expect(line).toMatch(/^[ -~]+$/);
  });
});
