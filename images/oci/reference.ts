import { ImageError } from "../types";

/** An image's name, read as docker reads it (distribution/reference): `debian`, `debian:13`, `host/path@sha256:…`. */
export interface Reference {
  /** `docker.io` when the name gives none. */
  host: string;
  /** With `library/` for docker.io's own: `library/debian`. */
  path: string;
  /** Absent only when there is a digest. */
  tag?: string;
  digest?: string;
}

const DEFAULT_HOST = "docker.io";
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const LONGEST_NAME = 255;

export const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Reads a reference; `bad-image` with docker's "invalid reference format" when it is none. */
export function parseReference(text: string): Reference {
  const bad = (why: string) =>
    new ImageError(
      "bad-image",
      `invalid reference format: ${why} in "${text.slice(0, 300)}"; expected NAME[:TAG], as in debian:13`,
    );

  let rest = text;
  let digest: string | undefined;
  const at = rest.indexOf("@");
  if (at >= 0) {
    digest = rest.slice(at + 1);
    rest = rest.slice(0, at);
    if (!DIGEST.test(digest)) throw bad("the digest is not sha256: and 64 hexadecimal digits");
  }
  let tag: string | undefined;
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  if (colon >= 0) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!TAG.test(tag)) throw bad("the tag is not 1 to 128 letters, digits, _, . or -");
  }
  if (rest === "") throw bad("the name is empty");

  let host = DEFAULT_HOST;
  let path = rest;
  const slash = rest.indexOf("/");
  const first = rest.slice(0, slash < 0 ? 0 : slash);
  if (/[.:A-Z[]/.test(first) || first === "localhost") {
    host = first === "index.docker.io" ? DEFAULT_HOST : first;
    path = rest.slice(slash + 1);
    if (!HOST.test(host)) throw bad("the registry's host is malformed");
  }
  if (/[A-Z]/.test(path)) throw bad("the name must be lowercase");
  if (!path.split("/").every((component) => COMPONENT.test(component))) {
    throw bad("the name is not made of lowercase letters, digits and single separators (. _ -)");
  }
  if (rest.length > LONGEST_NAME) throw bad(`the name has more than ${LONGEST_NAME} characters`);
  if (/^[0-9a-f]{64}$/.test(rest)) throw bad("a name may not be 64 hexadecimal digits");
  if (host === DEFAULT_HOST && !path.includes("/")) path = `library/${path}`;

  if (tag === undefined && digest === undefined) tag = "latest";
  return { host, path, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** The name without tag and digest, as docker shows it: `debian`, `someone/app`, `registry.example.com/a/b`. */
export function familiarName(reference: Reference): string {
  if (reference.host !== DEFAULT_HOST) return `${reference.host}/${reference.path}`;
  return reference.path.replace(/^library\/(?=[^/]+$)/, "");
}

/** The short form docker shows and the store files images under. A digest outranks a tag. */
export function familiar(reference: Reference): string {
  const name = familiarName(reference);
  return reference.digest ? `${name}@${reference.digest}` : `${name}:${reference.tag}`;
}

export function isDefaultHost(reference: Reference): boolean {
  return reference.host === DEFAULT_HOST;
}
