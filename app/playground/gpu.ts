let answer: boolean | undefined;

/** Whether WebGL2 runs on a real GPU; software rendering is slower than xterm's DOM renderer and blocks the page. */
export function canDrawWithGpu(): boolean {
  answer ??= probe();
  return answer;
}

function probe(): boolean {
  const context = document
    .createElement("canvas")
    .getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!context) return false;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  // Give the context back at once: there are few.
  context.getExtension("WEBGL_lose_context")?.loseContext();
  // Not every browser honours failIfMajorPerformanceCaveat.
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}
