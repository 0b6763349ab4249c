import { expect, test } from "vitest";
import { FakeNestbox, fakeContainer } from "../fakeNestbox.test-helper";
import { Notices } from "../ui/notices.svelte";
import { parseMeminfo, Sandbox } from "./sandbox.svelte";

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

test("lists are filled when the machine is ready, and follow its events", async () => {
  const nestbox = new FakeNestbox();
  nestbox.containersNow = [fakeContainer(["web"])];
  const sandbox = new Sandbox(nestbox, new Notices(), false);
  expect(sandbox.status).toBe("starting");
  nestbox.becomeReady();
  await settled();
  expect(sandbox.status).toBe("running");
  expect(sandbox.containers.map(({ id }) => id)).toEqual(["web"]);
  nestbox.emit("containers", []);
  expect(sandbox.containers).toEqual([]);
});

test("a problem becomes a message, a fatal one the failure of the machine", async () => {
  const nestbox = new FakeNestbox();
  const notices = new Notices();
  const sandbox = new Sandbox(nestbox, notices, false);
  nestbox.becomeReady();
  await settled();
  nestbox.emit("problem", { code: "storage", message: "IndexedDB is blocked.", fatal: false });
  expect(notices.list).toMatchObject([
    { tone: "limit", title: "Image storage is limited", detail: "IndexedDB is blocked." },
  ]);
  nestbox.emit("problem", { code: "stopped", message: "The emulator crashed.", fatal: true });
  expect(sandbox.status).toBe("stopped");
  expect(sandbox.boot.failure).toMatchObject({
    title: "The machine stopped",
    reason: "The emulator crashed.",
  });
});

test("/proc/meminfo is read in bytes, and nonsense is not", () => {
  expect(parseMeminfo("MemTotal:   250 kB\nMemFree: 1 kB\nMemAvailable:   100 kB\n")).toEqual({
    total: 256_000,
    available: 102_400,
  });
  expect(parseMeminfo("MemTotal: lots\n")).toBeUndefined();
});
