import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pulls } from "./pulls.svelte";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("layers keep their order and show their latest line", () => {
  const pulls = new Pulls();
  pulls.note({ ref: "debian:13", status: "Pulling from debian" });
  pulls.note({ ref: "debian:13", id: "aaa", status: "Downloading", current: 1, total: 4 });
  pulls.note({ ref: "debian:13", id: "bbb", status: "Pulling fs layer" });
  pulls.note({ ref: "debian:13", id: "aaa", status: "Downloading", current: 3, total: 4 });
  expect(pulls.list).toHaveLength(1);
  expect(pulls.list[0]?.status).toBe("Pulling from debian");
  expect(pulls.list[0]?.layers.map(({ id, current }) => [id, current])).toEqual([
    ["aaa", 3],
    ["bbb", undefined],
  ]);
});

test("a finished pull leaves soon, a silent one later", () => {
  const pulls = new Pulls();
  pulls.note({ ref: "done", id: "a", status: "Pull complete" });
  pulls.note({ ref: "stuck", id: "a", status: "Downloading" });
  vi.advanceTimersByTime(2000);
  expect(pulls.list.map(({ ref }) => ref)).toEqual(["stuck"]);
  vi.advanceTimersByTime(30_000);
  expect(pulls.list).toEqual([]);
});

test("a hostile number of layers is bounded", () => {
  const pulls = new Pulls();
  for (let index = 0; index < 1000; index++) pulls.note({ ref: "x", id: `l${index}`, status: "Waiting" });
  expect(pulls.list[0]?.layers).toHaveLength(128);
});
