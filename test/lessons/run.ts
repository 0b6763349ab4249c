/**
 * `npm run lessons:test [-- ID…]`: tries every lesson in the real machine. Ids are `course`, `course/01-lesson` or any part
 * of them. One boot; each lesson begins from its snapshot.
 */
import { fileURLToPath } from "node:url";
import { startNodeSandbox } from "../../emulator/control/node";
import { compileFolder, TutorialsError } from "../../scripts/tutorials/files";
import type { Lesson } from "../../tutorials/types";
import { walk } from "./walk";

const LESSON_MS = 10 * 60_000;

process.exitCode = await main(process.argv.slice(2));

async function main(wanted: readonly string[]): Promise<number> {
  let lessons: Lesson[];
  try {
    const { lessons: all } = compileFolder(fileURLToPath(new URL("../../tutorials", import.meta.url)));
    lessons = [...all.values()];
  } catch (error) {
    if (!(error instanceof TutorialsError)) throw error;
    console.error(error.message);
    return 1;
  }
  const unknown = wanted.filter((part) => !lessons.some(({ id }) => id.includes(part)));
  if (unknown.length > 0) {
    console.error(
      `No lesson is called ${unknown.join(", ")}; there are:\n${lessons.map(({ id }) => id).join("\n")}`,
    );
    return 1;
  }
  const chosen = lessons.filter(({ id }) => wanted.length === 0 || wanted.some((part) => id.includes(part)));

  const first = startNodeSandbox();
  await first.ready;
  const snapshot = await first.save();
  await first.stop();

  let passed = 0;
  let failed = 0;
  for (const lesson of chosen) {
    const sandbox = startNodeSandbox({ snapshot });
    // A stopped machine rejects whatever the walk waits for.
    const limit = setTimeout(() => {
      console.error(`${lesson.id} takes longer than ${LESSON_MS / 60_000} minutes.`);
      void sandbox.stop();
    }, LESSON_MS);
    try {
      await sandbox.ready;
      for await (const { name, ms, failure } of walk(sandbox, lesson)) {
        console.log(`${failure === undefined ? "ok    " : "FAILED"} ${name} (${(ms / 1000).toFixed(1)} s)`);
        if (failure === undefined) passed++;
        else {
          failed++;
          console.log(failure.replace(/^/gm, "       "));
        }
      }
    } catch (error) {
      failed++;
      console.log(`FAILED ${lesson.id}\n       ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearTimeout(limit);
      await sandbox.stop();
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
