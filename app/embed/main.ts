/** A box's frame: the machine first, or the question for one; the interface meanwhile, as in app/main.ts. */
import type { NestboxHandle } from "../../emulator/control";
import { Desk } from "./desk";
import { newContainerName, Seat } from "./seat";
import { readAddress } from "./settings";

const framed = window.parent !== window;

/** Browsers load a worker's script with this thread's help, so evaluating the interface meanwhile would hold it up. */
async function workerRuns(handle: NestboxHandle): Promise<unknown> {
  const begun = new Promise((resolve) => handle.on("progress", resolve));
  const slow = new Promise((resolve) => setTimeout(resolve, 1000));
  return Promise.race([begun, slow, handle.ready.catch(() => undefined)]);
}

/** A box that nobody clicked leaves the focus of the page where it is, until its reader comes to it. */
function leaveFocus(): void {
  const own = HTMLElement.prototype.focus; // eslint-disable-line @typescript-eslint/unbound-method -- put back as it was
  HTMLElement.prototype.focus = () => undefined;
  const allow = (): void => {
    HTMLElement.prototype.focus = own;
  };
  for (const type of ["pointerdown", "keydown", "focusin"])
    addEventListener(type, allow, { once: true, capture: true });
}

function start(): void {
  const settings = readAddress(location);
  const container = settings.settings.image === undefined ? "" : newContainerName();
  const seat: Seat = new Seat(() => typing, settings.settings.image);
  const desk = framed ? new Desk(window, seat) : undefined;
  desk?.announce(container);
  if (framed && settings.quiet) leaveFocus();

  const waiting = framed && settings.shared;
  if (waiting) {
    seat.wait();
    desk?.ask();
  } else {
    seat.machine(undefined);
  }
  void seat.handle.then((handle) => (window.nestbox = handle));

  const page = (waiting ? Promise.resolve() : seat.handle.then(workerRuns)).then(() => import("./page"));
  const typing = page.then(({ showBox }) => showBox(settings, seat, desk, container));
  typing.catch((error: unknown) => {
    // The inline script of the page shows it.
    reportError(
      new Error(`The interface did not load: ${error instanceof Error ? error.message : String(error)}`),
    );
  });
}

// preflight.js has said what is missing.
if (!document.documentElement.hasAttribute("data-unsupported")) start();
