import { describe, expect, it } from "vitest";
import { seeded } from "../agent/fake";
import { readSnapshot, writeSnapshot } from "./snapshot";

const place = { build: "v86-1/kernel-a/initrd-b", memory: 256 };
const machine = { state: Uint8Array.from({ length: 1003 }, (_, i) => i), companion: { pending: [[1, 2]] } };
const saved = { machine, containers: [{ id: "aé" }] };
const write = () => writeSnapshot(saved, place);
const refusal = (message: RegExp) => ({
  code: "unsupported",
  message: expect.stringMatching(message) as string,
});

describe("a snapshot's file", () => {
  it("gives back what went in, also from a view into a larger buffer", async () => {
    expect(await readSnapshot(write(), place)).toEqual(saved);
    const view = { ...machine, state: new Uint8Array(machine.state.buffer, 1, 998) };
    const { machine: back } = await readSnapshot(writeSnapshot({ ...saved, machine: view }, place), place);
    expect(back.state).toEqual(view.state);
  });

  it("of another build or memory size says so", async () => {
    await expect(readSnapshot(write(), { ...place, build: "other" })).rejects.toMatchObject(
      refusal(/of another build.*runs on/),
    );
    await expect(readSnapshot(write(), { ...place, memory: 512 })).rejects.toMatchObject(
      refusal(/256 MiB, this one has 512 MiB/),
    );
  });

  it("that is none says so", async () => {
    for (const junk of [new Blob([]), new Blob(["NESTBOX-SNAPSHOT/2\n    {}"]), new Blob(["x".repeat(99)])])
      await expect(readSnapshot(junk, place)).rejects.toMatchObject(refusal(/not a snapshot/));
    await expect(readSnapshot("blob" as unknown as Blob, place)).rejects.toMatchObject(refusal(/not a Blob/));
    const huge = new Blob(["NESTBOX-SNAPSHOT/1\n", Uint8Array.of(255, 255, 255, 255), "{}"]);
    await expect(readSnapshot(huge, place)).rejects.toMatchObject(refusal(/cut short/));
  });

  it("whose description lacks something says so", async () => {
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      "7",
      "{}",
      '{"build":"a","memory":1,"stateBytes":-1,"checksum":0}',
    ]) {
      const length = new Uint8Array(Uint32Array.of(text.length).buffer);
      const blob = new Blob(["NESTBOX-SNAPSHOT/1\n", length, text]);
      await expect(readSnapshot(blob, place)).rejects.toMatchObject(refusal(/damaged/));
    }
  });

  it("with any byte changed, or cut anywhere, is refused or the same (seeded)", async () => {
    const random = seeded(7);
    const good = new Uint8Array(await write().arrayBuffer());
    for (let i = 0; i < 300; i++) {
      const bad = good.slice(0, i % 2 ? good.length : random(good.length));
      if (i % 2) bad[random(bad.length)]! ^= 1 << random(8);
      const result: unknown = await readSnapshot(new Blob([bad]), place).catch((error: unknown) => error);
      // A change within the companion or the containers is for those who read them.
      if (result instanceof Error)
        expect(result).toMatchObject({ name: "SandboxError", code: "unsupported" });
      else expect((result as typeof saved).machine.state).toEqual(machine.state);
    }
  });
});
