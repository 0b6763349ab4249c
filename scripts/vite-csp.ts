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
      handler: (html) => [
        {
          tag: "meta",
          attrs: { "http-equiv": "Content-Security-Policy", content: policyFor(html) },
          injectTo: "head-prepend",
        },
      ],
    },
  };
}

/** The policy as text, allowing exactly the inline scripts that `html` has. */
export function policyFor(html: string): string {
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(
    ([, text]) =>
      `'sha256-${createHash("sha256")
        .update(text ?? "")
        .digest("base64")}'`,
  );
  return Object.entries(POLICY)
    .map(([name, sources]) => [name, ...sources, ...(name === "script-src" ? inline : [])].join(" "))
    .join("; ");
}
