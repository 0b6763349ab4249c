import { expect, test, vi } from "vitest";
import { Notices } from "./notices.svelte";
import { keepForOffline } from "./offline";

class Worker extends EventTarget {
  state: ServiceWorkerState = "installing";
}

class Registration extends EventTarget {
  installing: Worker | null = null;
  waiting: Worker | null = null;
}

const SCRIPT = new URL("http://localhost/sw.js");

function container(registration: Registration | Error, controlled: boolean) {
  return {
    controller: controlled ? ({} as ServiceWorker) : null,
    register: async () => {
      if (registration instanceof Error) throw registration;
      return registration as unknown as ServiceWorkerRegistration;
    },
  };
}

function installed(registration: Registration): void {
  const worker = new Worker();
  registration.installing = worker;
  registration.dispatchEvent(new Event("updatefound"));
  worker.state = "installed";
  worker.dispatchEvent(new Event("statechange"));
}

test("the first installation is silent, a newer version is told and not forced", async () => {
  for (const [controlled, expected] of [
    [false, []],
    [true, ["A newer version is ready"]],
  ] as const) {
    const notices = new Notices();
    const registration = new Registration();
    await keepForOffline(notices, SCRIPT, container(registration, controlled));
    installed(registration);
    expect(notices.list.map(({ title }) => title)).toEqual(expected);
  }
});

test("a version that waits since an earlier visit is told", async () => {
  const notices = new Notices();
  const registration = new Registration();
  registration.waiting = Object.assign(new Worker(), { state: "installed" as const });
  await keepForOffline(notices, SCRIPT, container(registration, true));
  expect(notices.list).toHaveLength(1);
});

test("without a service worker the page goes on; one that vanished is told with its reason", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const notices = new Notices();
  await keepForOffline(notices, SCRIPT, undefined);
  await keepForOffline(notices, SCRIPT, container(new Error("404 for sw.js"), false));
  expect(notices.list).toEqual([]);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining("404 for sw.js"));
  await keepForOffline(notices, SCRIPT, container(new Error("404 for sw.js"), true));
  expect(notices.list[0]).toMatchObject({ tone: "failure", detail: "404 for sw.js" });
});
