/** One character for each byte; the inverse is `binaryBytes`. */
export function binaryString(bytes: Uint8Array): string {
  let text = "";
  // `apply` has a limit of arguments.
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

export function binaryBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A byte-string name for a message: UTF-8 read, control characters made visible, cut to a readable length. */
export function showName(name: string): string {
  const text = new TextDecoder().decode(binaryBytes(name.slice(0, 512)));
  const safe = text.replace(/\p{C}/gu, "\u{fffd}");
  return `"${safe.length > 120 ? `${safe.slice(0, 120)}…` : safe}"`;
}
