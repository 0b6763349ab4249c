import { expect, test } from "vitest";
import { FakeNestbox } from "../fakeNestbox.test-helper";
import { Boot } from "./boot.svelte";

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

test("says what it waits for after three seconds without a change", () => {
  const boot = new Boot(false, 0);
  boot.advance({ phase: "download", elapsedMs: 0, bytes: 1, total: 4 }, 1000);
  expect(boot.fraction).toBe(0.25);
  boot.tick(3900);
  expect(boot.waiting).toBeUndefined();
  boot.tick(4000);
  expect(boot.waiting).toContain("server");
  boot.advance({ phase: "connect", elapsedMs: 0 }, 4100);
  expect(boot.waiting).toBeUndefined();
  expect(boot.fraction).toBeUndefined();
  expect(boot.elapsedMs).toBe(4100);
});

test("a cold boot has other phases than a restore", () => {
  expect(new Boot(false, 0).phases).toEqual(["download", "restore", "connect"]);
  expect(new Boot(true, 0).phases).toEqual(["download", "boot", "connect"]);
});

test("the first failure is the one that is told", async () => {
  const nestbox = new FakeNestbox();
  const boot = new Boot(false);
  boot.follow(nestbox);
  nestbox.emit("progress", { phase: "restore", elapsedMs: 5 });
  nestbox.emit("problem", { code: "failed", message: "wrong magic", fatal: true });
  nestbox.fail(new Error("stopped"));
  await settled();
  expect(boot.failure).toEqual({
    title: "The machine did not start",
    reason: "wrong magic",
    advice: "Try again. If it stays, boot from cold: slower, but it needs no saved memory.",
  });
});

test("the console is kept to its tail", () => {
  const nestbox = new FakeNestbox();
  const boot = new Boot(false);
  boot.follow(nestbox);
  for (let index = 0; index < 100; index++) nestbox.emit("console", "x".repeat(1000));
  nestbox.emit("console", "panic");
  expect(boot.console).toHaveLength(16_000);
  expect(boot.console.endsWith("panic")).toBe(true);
});
