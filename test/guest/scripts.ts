/** Shell scripts on the guest host of a test file's sandbox, and how they must end. */
import { expect } from "vitest";
import type { Sandbox } from "../../emulator/control/sandbox";

type ExecOptions = Parameters<Sandbox["exec"]>[1];

/** `sandbox` is asked for at each call: tests boot it in their beforeAll. `defaults` are for every script. */
export function scripts(sandbox: () => Sandbox, defaults: ExecOptions = {}) {
  const sh = (script: string, options: ExecOptions = {}) =>
    sandbox().exec(["sh", "-c", script], { ...defaults, ...options });

  /** Runs a script that must succeed; its output, trimmed. */
  async function ok(script: string, options?: ExecOptions): Promise<string> {
    const { exitCode, stdout, stderr } = await sh(script, options);
    expect({ script, exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return stdout.trim();
  }

  /** Runs a script that must fail; its exit code and what it said, trimmed. */
  async function fails(script: string): Promise<{ exitCode: number; stderr: string }> {
    const { exitCode, stderr } = await sh(script);
    expect({ script, exitCode }).not.toMatchObject({ exitCode: 0 });
    return { exitCode, stderr: stderr.trim() };
  }

  /** Runs a script that must end with this exit code; what it said, trimmed. */
  async function refused(script: string, code = 1): Promise<string> {
    const { exitCode, stderr } = await fails(script);
    expect({ script, exitCode, stderr }).toMatchObject({ exitCode: code });
    return stderr;
  }

  return { sh, ok, fails, refused };
}
