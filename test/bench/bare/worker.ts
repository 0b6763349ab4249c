import { snapshot, wasm } from "virtual:nestbox-assets";
import { restoreMachine } from "../../../emulator/machine";
import { unpackSnapshot } from "../../../emulator/machine/unpack";

if (!snapshot) throw new Error("no snapshot was built");
const module = WebAssembly.compileStreaming(fetch(wasm.url));
const { body } = await fetch(snapshot.url);
if (!body) throw new Error("the snapshot's answer has no body");
const machine = await restoreMachine({ wasm: await module }, await unpackSnapshot(module, body, snapshot), {
  memory: snapshot.memory,
  // Nothing is asked of the file server in so short a life; a request would wait for ever.
  p9: { handle: () => undefined, save: () => undefined, restore: async () => undefined },
});
machine.run();
postMessage("restored");
