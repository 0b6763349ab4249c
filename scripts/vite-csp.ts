import { createHash } from "node:crypto";
import type { Plugin } from "vite";

/**
 * Everything comes from the app's own origin. 'wasm-unsafe-eval' is v86's compiler. Styles are the one concession:
 * xterm makes <style> elements for its viewport and theme.
 */
export const POLICY = {
  "default-src": ["'none'"],
  "script-src": ["'self'", "'wasm-unsafe-eval'"],
  "worker-src": ["'self'"],
  "connect-src": ["'self'"],
  "img-src": ["'self'", "data:"],
  "font-src": ["'self'"],
  "style-src": ["'self'", "'unsafe-inline'"],
  // Previews of containers' pages: npm start's second port, and the host a deployer names for the build.
  "frame-src": ["http://localhost:*", "http://127.0.0.1:*", ...previewOrigin()],
  "manifest-src": ["'self'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
} as const;

/** Injects the policy into built pages, with the hashes of their inline scripts. */
export function contentSecurityPolicy(): Plugin {
  return {
    name: "nestbox-csp",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: (html, { path }) => [
        {
          tag: "meta",
          attrs: {
            "http-equiv": "Content-Security-Policy",
            content: policyFor(html, path.endsWith("/embed/index.html")),
          },
          injectTo: "head-prepend",
        },
      ],
    },
  };
}

/**
 * The policy as text, allowing exactly the inline scripts that `html` has. `blobWorkers`: in a frame without an origin a
 * worker can start from a blob only; the blob has this policy too, so it can import our scripts and no others.
 */
export function policyFor(html: string, blobWorkers = false): string {
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(
    ([, text]) =>
      `'sha256-${createHash("sha256")
        .update(text ?? "")
        .digest("base64")}'`,
  );
  return Object.entries(POLICY)
    .map(([name, sources]) =>
      [
        name,
        ...sources,
        ...(name === "script-src" ? inline : []),
        ...(name === "worker-src" && blobWorkers ? ["blob:"] : []),
      ].join(" "),
    )
    .join("; ");
}

/** NESTBOX_PREVIEW_ORIGIN of the build, as config.json's "preview" has it; throws for what is no http(s) origin. */
export function previewOrigin(given = process.env["NESTBOX_PREVIEW_ORIGIN"]): string[] {
  if (!given) return [];
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search || url.hash)
    throw new Error(
      `NESTBOX_PREVIEW_ORIGIN is "${given}", not an origin such as https://preview.example.org.`,
    );
  return [url.origin];
}
