/** Base64 of byte arrays of any size, in pieces: one call for the whole would overflow the stack. */

/** A multiple of 3, so that the pieces' texts can be joined. */
const BYTES = 3 * 8192;
const CHARS = (BYTES / 3) * 4;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + BYTES)));
  }
  return text;
}

/** Throws on text that `toBase64` does not make. */
export function fromBase64(text: string): Uint8Array {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let filled = 0;
  for (let at = 0; at < text.length; at += CHARS) {
    const piece = atob(text.slice(at, at + CHARS));
    for (let i = 0; i < piece.length; i++) bytes[filled++] = piece.charCodeAt(i);
  }
  return bytes;
}
