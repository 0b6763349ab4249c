import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Notices } from "./notices.svelte";
import { Questions } from "./questions.svelte";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("information leaves by itself, failures stay until closed", () => {
  const notices = new Notices();
  notices.add({ tone: "info", title: "a", detail: "" });
  notices.failure("b", new Error("why"));
  vi.advanceTimersByTime(10_000);
  expect(notices.list).toMatchObject([{ title: "b", detail: "why" }]);
  notices.dismiss(notices.list[0]?.id ?? 0);
  expect(notices.list).toEqual([]);
});

test("repeats replace each other and a flood is bounded", () => {
  const notices = new Notices();
  for (let index = 0; index < 50; index++) notices.add({ tone: "failure", title: "same", detail: "" });
  expect(notices.list).toHaveLength(1);
  for (let index = 0; index < 50; index++) notices.add({ tone: "failure", title: `${index}`, detail: "" });
  expect(notices.list.map(({ title }) => title)).toEqual(["45", "46", "47", "48", "49"]);
});

test("one question at a time: what the guest asks meanwhile is refused", async () => {
  const questions = new Questions();
  const question = { title: "first", body: "", yes: "y", no: "n" };
  const first = questions.ask(question);
  expect(await questions.ask({ ...question, title: "second" })).toBe(false);
  expect(questions.current?.title).toBe("first");
  questions.answer(true);
  expect(await first).toBe(true);
  expect(questions.current).toBeUndefined();
});
