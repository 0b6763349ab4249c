import { ImageError } from "../types";

/** Checks of foreign JSON: each gives the value with its type, or refuses the document by name and place. */

export function object(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(where, "an object");
  return value as Record<string, unknown>;
}

export function array(value: unknown, where: string, most: number): unknown[] {
  if (!Array.isArray(value)) throw wrong(where, "a list");
  if (value.length > most)
    throw new ImageError("bad-image", `${where} has ${value.length} items, more than ${most}`);
  return value as unknown[];
}

export function string(value: unknown, where: string): string {
  if (typeof value !== "string" || value.includes("\0")) throw wrong(where, "a text without NUL");
  return value;
}

export function size(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw wrong(where, "a size in bytes");
  return value;
}

/** JSON's null counts as absent: Go programs write it so. */
export function optional<T>(value: unknown, check: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : check(value);
}

function wrong(where: string, expected: string): ImageError {
  return new ImageError("bad-image", `${where} is not ${expected}`);
}
