/** Types a listing into a terminal, a line at each prompt, as a person would who reads what comes back. */
import type { Terminal } from "../../emulator/control/api";

/** How sh, bash, and here-documents end what they print when they want a line. */
const PROMPT = /[#$%>] $/;
// eslint-disable-next-line no-control-regex -- colours, modes and questions for the cursor's place stand around prompts
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[=>]/g;
const TAIL = 200;
/** Output ends at a prompt when nothing follows for so long. */
const SETTLES_MS = 40;

export function endsWithPrompt(output: string): boolean {
  return PROMPT.test(output.replace(ESCAPES, ""));
}

/** `terminal` with `heading` shown before its first output, and `lines` typed into it. */
export function typedInto(terminal: Terminal, lines: readonly string[], heading: string): Terminal {
  const left = [...lines];
  const decoder = new TextDecoder();
  let tail = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const next = (): void => {
    if (!endsWithPrompt(tail)) return;
    const line = left.shift();
    tail = "";
    if (line !== undefined) terminal.write(`${line}\r`);
  };
  const stop = (): void => {
    left.length = 0;
    clearTimeout(timer);
  };
  terminal.exited.then(stop, stop);
  return {
    id: terminal.id,
    exited: terminal.exited,
    write: (data) => terminal.write(data),
    resize: (cols, rows) => terminal.resize(cols, rows),
    close: () => {
      stop();
      terminal.close();
    },
    onData(handler) {
      if (heading) handler(new TextEncoder().encode(heading), () => undefined);
      return terminal.onData((data, consumed) => {
        if (left.length > 0) {
          tail = (tail + decoder.decode(data, { stream: true })).slice(-TAIL);
          clearTimeout(timer);
          timer = setTimeout(next, SETTLES_MS);
        }
        handler(data, consumed);
      });
    },
  };
}
