/** Protocol 1 with the preview's own origin (preview/sw.js, preview/__nestbox__/frame.js), and the checks on what it says. */

export const PROTOCOL = 1;

/** What a page in the preview asks for. */
export interface PageRequest {
  /** 0: the one that is shown. */
  port: number;
  /** With the query. */
  path: string;
  method: string;
  headers: Record<string, string>;
  /** It is the page itself and no part of it. */
  navigate: boolean;
  body?: Uint8Array;
}

/** Sent back on the port that came with a request. */
export type PageAnswer =
  | {
      ok: {
        status: number;
        statusText: string;
        headers: [string, string][];
        /** Where in the guest a Location leads. */
        redirect?: { port: number; path: string };
        body: ArrayBuffer;
      };
    }
  | { error: { code: string; message: string } };

const MAX_PATH = 8192;
const MAX_HEADERS = 64;
const MAX_VALUE = 8192;
const MAX_BODY = 16 << 20;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** About the connection, or about the page's place in this browser: not the server's business. */
const DROPPED_ASKING = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "cookie",
  "expect",
  "host",
  "keep-alive",
  "origin",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "upgrade-insecure-requests",
]);
/** They would keep the page from its frame, or are about a connection or an origin that is not the preview's. */
const DROPPED_ANSWERING = new Set([
  "clear-site-data",
  "connection",
  "content-encoding",
  "content-length",
  "cross-origin-embedder-policy",
  "cross-origin-opener-policy",
  "cross-origin-resource-policy",
  "keep-alive",
  "nel",
  "origin-agent-cluster",
  "referrer-policy",
  "report-to",
  "reporting-endpoints",
  "service-worker-allowed",
  "set-cookie",
  "strict-transport-security",
  "trailer",
  "transfer-encoding",
  "x-frame-options",
]);
/** Directives that would keep the page from its frame or its service worker. */
const DROPPED_POLICY = /^\s*(frame-ancestors|sandbox|upgrade-insecure-requests|report-uri|report-to)\b/i;

type Unknown = Record<string, unknown>;

const isObject = (value: unknown): value is Unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The message's type when it is of our protocol; a reason when it is of another version; undefined for anything else. */
export function messageType(data: unknown): { type: string; data: Unknown } | { wrong: string } | undefined {
  if (!isObject(data) || data.nestboxPreview === undefined || typeof data.type !== "string") return undefined;
  if (data.nestboxPreview !== PROTOCOL)
    return {
      wrong: `the preview's files speak protocol ${JSON.stringify(data.nestboxPreview).slice(0, 8)}, this page ${PROTOCOL}`,
    };
  return { type: data.type.slice(0, 32), data };
}

/** Untrusted text for a sentence. */
export function textOf(value: unknown, limit = 300): string {
  return typeof value === "string" ? value.slice(0, limit) : "";
}

/** A request as the preview may make it, or the reason why not. */
export function parseRequest(data: Unknown): PageRequest | string {
  const { request, body } = data;
  if (!isObject(request)) return "a request without a description";
  const { port, path, method, headers } = request;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65535) return "no such port";
  if (typeof path !== "string" || path.length > MAX_PATH || !/^\/[\x21-\x7e]*$/.test(path))
    return `a path that is too long or no path`;
  if (typeof method !== "string" || !METHODS.has(method)) return "a method that is not known";
  if (!Array.isArray(headers) || headers.length > MAX_HEADERS) return `more than ${MAX_HEADERS} headers`;
  const kept: Record<string, string> = {};
  for (const field of headers as unknown[]) {
    const [name, value] = Array.isArray(field) ? (field as unknown[]) : [];
    if (typeof name !== "string" || typeof value !== "string" || !TOKEN.test(name))
      return "a header that is none";
    if (value.length > MAX_VALUE || !VALUE.test(value))
      return `a header ${name} that is too long or not text`;
    const lower = name.toLowerCase();
    if (!DROPPED_ASKING.has(lower) && !lower.startsWith("sec-") && lower !== "__proto__") kept[lower] = value;
  }
  if (body !== undefined && !(body instanceof ArrayBuffer && body.byteLength <= MAX_BODY))
    return "a body of more than 16 MiB";
  const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
  return {
    port,
    path,
    method,
    headers: kept,
    navigate: request.navigate === true,
    ...(hasBody ? { body: new Uint8Array(body) } : {}),
  };
}

/** The headers of a server's answer that its page may have in the preview. `from` is the URL that answered. */
export function filterHeaders(
  headers: Headers,
  from: string,
): { headers: [string, string][]; redirect?: { port: number; path: string } } {
  const kept: [string, string][] = [];
  let redirect: { port: number; path: string } | undefined;
  headers.forEach((value, name) => {
    const lower = name.toLowerCase();
    if (DROPPED_ANSWERING.has(lower)) return;
    if (lower.startsWith("content-security-policy")) {
      const policy = value.split(";").filter((directive) => !DROPPED_POLICY.test(directive));
      if (lower === "content-security-policy" && policy.length > 0) kept.push([lower, policy.join(";")]);
      return;
    }
    if (lower === "location") redirect = guestAddress(value, from);
    kept.push([lower, value]);
  });
  return redirect ? { headers: kept, redirect } : { headers: kept };
}

/** Port and path of a URL that names a server in the guest; undefined for any other. */
export function guestAddress(address: string, base?: string): { port: number; path: string } | undefined {
  let url: URL;
  try {
    url = new URL(address, base);
  } catch {
    return undefined;
  }
  if (url.protocol !== "http:" || (url.hostname !== "localhost" && url.hostname !== "127.0.0.1"))
    return undefined;
  return { port: Number(url.port || 80), path: url.pathname + url.search + url.hash };
}

/** What somebody typed as a path: a whole address of the guest is taken too. */
export function normalized(text: string): string {
  const trimmed = text.trim();
  const address = /^https?:/i.test(trimmed) ? guestAddress(trimmed)?.path : undefined;
  const path = address ?? trimmed;
  const { pathname, search, hash } = new URL(`/${path.replace(/^[/\\]+/, "")}`, "http://localhost");
  return pathname + search + hash;
}
