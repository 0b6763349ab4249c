/** Depth, the one idea of the interface: 0 browser tab, 1 worker, 2 emulated computer, 3 kernel and host shell, 4… containers. */

export const HOST_LEVEL = 3;
/** Colours repeat after this many levels (styles/tokens.css). */
const COLOURS = 10;

/** Level of a container whose path from the outermost is `path`; an empty path is the guest host. */
export function levelOf(path: readonly string[]): number {
  return HOST_LEVEL + path.length;
}

/** Value of the `data-level` attribute, which sets `--depth`, `--depth-surface` and `--depth-ink`. */
export function colourOf(level: number): number {
  return level % COLOURS;
}
