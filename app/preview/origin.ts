/** Where pages of containers may run: an origin of their own, so that a hostile image never has the app's. */

/** The preview's origin, or why there is none. */
export type PreviewPlace = { origin: string } | { reason: string };

const CONFIG_MS = 5000;
const WAY_OUT = "see “Previews” in the README";

/** Reads `config.json` at the app's root: `{"preview": "http://localhost:8081"}`, null where there is no second origin. */
export async function previewPlace(
  get: (url: string, init: RequestInit) => Promise<Response> = fetch,
  app: string = location.origin,
): Promise<PreviewPlace> {
  let config: unknown;
  try {
    const response = await get("config.json", { cache: "no-store", signal: AbortSignal.timeout(CONFIG_MS) });
    if (!response.ok) return { reason: `config.json could not be read (status ${response.status})` };
    config = await response.json();
  } catch {
    return { reason: "config.json could not be read" };
  }
  const preview =
    typeof config === "object" && config !== null && "preview" in config ? config.preview : null;
  if (preview === null) return { reason: `this site has no second address for previews (${WAY_OUT})` };
  let url: URL;
  try {
    url = new URL(typeof preview === "string" ? preview : "");
  } catch {
    return { reason: `"preview" in config.json is no address (${WAY_OUT})` };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return { reason: `"preview" in config.json is no http or https address (${WAY_OUT})` };
  if (url.origin === app)
    return {
      reason: `"preview" in config.json is this page's own address, where a container's page would have its storage (${WAY_OUT})`,
    };
  return { origin: url.origin };
}
