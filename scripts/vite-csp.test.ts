import { expect, test } from "vitest";
import { policyFor, previewOrigin } from "./vite-csp.ts";

test("only own scripts, wasm, and the inline scripts the page has", () => {
  const policy = policyFor(
    '<script src="./a.js"></script><script>alert(1)</script><script type="module" src="b.js"></script>',
  );
  // openssl dgst -sha256 -binary | base64 of "alert(1)"
  expect(policy).toContain(
    "script-src 'self' 'wasm-unsafe-eval' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='; worker-src 'self'",
  );
  expect(policy).toMatch(/^default-src 'none';/);
  expect(policyFor("<p>none</p>")).not.toMatch(/sha256|unsafe-eval'.*unsafe-eval|blob:/);
});

test("frames of previews come from this machine, or from the origin named for the build", () => {
  expect(policyFor("")).toContain("frame-src http://localhost:* http://127.0.0.1:*;");
  expect(previewOrigin("https://preview.example.org/")).toEqual(["https://preview.example.org"]);
  expect(previewOrigin("")).toEqual([]);
  for (const wrong of [
    "preview.example.org",
    "https://example.org/path",
    "data:,x",
    "https://a.example; script-src *",
  ])
    expect(() => previewOrigin(wrong)).toThrow(/NESTBOX_PREVIEW_ORIGIN/);
});
