/**
 * A container's page as one document with its images and styles inside, for where only one origin exists: it is shown in a
 * frame of an opaque origin, in which nothing can be fetched and no script runs.
 */
import type { Nestbox } from "../../emulator/control";
import { MAX_CSS, replaceAddresses } from "./css";
import { guestAddress } from "./messages";

export interface Still {
  /** For `srcdoc`. */
  html: string;
  status: number;
  /** After redirects. */
  path: string;
  /** Parts that were left out: too many, too big, failed, or from elsewhere. */
  left: number;
}

const MAX_PAGE = 4 << 20;
const MAX_PART = 4 << 20;
const MAX_TOTAL = 12 << 20;
const MAX_PARTS = 64;
const MAX_ELEMENTS = 20_000;
const MAX_DEPTH = 3;
const MAX_REDIRECTS = 5;
/** They run, lead elsewhere, or bring pages of their own; nothing of that works in the frame. */
const REMOVED =
  "script, iframe, frame, object, embed, portal, meta[http-equiv], link:not([rel~=stylesheet i])";

/** Fetches a page of the guest and everything it needs to be looked at. Rejects as `nestbox.fetch` does. */
export async function stillPage(
  nestbox: Pick<Nestbox, "fetch">,
  port: number,
  path: string,
  signal: AbortSignal,
): Promise<Still> {
  let url = `http://localhost:${port}${path}`;
  for (let hops = 0; ; hops++) {
    const response = await nestbox.fetch(url, { signal });
    const location =
      response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
    const to = location === null ? undefined : guestAddress(location, url);
    if (!to || to.port !== port || hops === MAX_REDIRECTS) {
      const parts = new Parts(nestbox, signal);
      const html = await render(response, url, parts);
      const { pathname, search } = new URL(url);
      return { html, status: response.status, path: pathname + search, left: parts.left };
    }
    url = `http://localhost:${port}${to.path}`;
  }
}

async function render(response: Response, url: string, parts: Parts): Promise<string> {
  const type = (response.headers.get("content-type") ?? "").toLowerCase();
  const blob = await response.blob();
  if (blob.size > MAX_PAGE) return note(`It is ${blob.size} bytes long, more than a static preview shows.`);
  if (/^image\/[a-z0-9.+-]+/.test(type)) {
    const page = document.implementation.createHTMLDocument("");
    const image = page.createElement("img");
    image.src = await dataUrl(new Uint8Array(await blob.arrayBuffer()), type);
    page.body.append(image);
    return page.documentElement.outerHTML;
  }
  const text = new TextDecoder().decode(await blob.arrayBuffer());
  if (!/^(text\/html|application\/xhtml)/.test(type) && (type !== "" || !/^\s*</.test(text))) {
    return /^(text\/|application\/(json|xml|javascript)|$)/.test(type)
      ? note(text)
      : note(
          `It is ${type.slice(0, 80)}, ${blob.size} bytes; a static preview shows pages, images and text.`,
        );
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  await inline(page, url, parts);
  return `<!doctype html>${page.documentElement.outerHTML}`;
}

/** Text as text. */
function note(text: string): string {
  const page = document.implementation.createHTMLDocument("");
  const block = page.createElement("pre");
  block.style.whiteSpace = "pre-wrap";
  block.textContent = text;
  page.body.append(block);
  return page.documentElement.outerHTML;
}

async function inline(page: Document, url: string, parts: Parts): Promise<void> {
  if (page.getElementsByTagName("*").length > MAX_ELEMENTS)
    throw new Error(`The page has more than ${MAX_ELEMENTS} elements, more than a static preview shows.`);
  const base = resolved(page.querySelector("base[href]")?.getAttribute("href") ?? "", url) ?? url;
  for (const element of page.querySelectorAll(`${REMOVED}, base`)) element.remove();
  for (const link of page.querySelectorAll<HTMLLinkElement>("link")) {
    const css = await parts.sheet(link.getAttribute("href") ?? "", base, 0);
    const style = page.createElement("style");
    if (link.media) style.media = link.media;
    style.textContent = css;
    link.replaceWith(style);
  }
  for (const style of page.querySelectorAll("style")) {
    if (style.textContent.includes("url(") || style.textContent.includes("@import"))
      style.textContent = await parts.css(style.textContent, base, 0);
  }
  for (const element of page.querySelectorAll("[style*='url(' i]"))
    element.setAttribute("style", await parts.css(element.getAttribute("style") ?? "", base, 0));
  for (const element of page.querySelectorAll("[srcset], picture > source")) {
    if (element.localName === "source") element.remove();
    else element.removeAttribute("srcset");
  }
  for (const element of page.querySelectorAll("img[src], input[type=image][src], video[poster]")) {
    const attribute = element.localName === "video" ? "poster" : "src";
    const address = element.getAttribute(attribute) ?? "";
    if (/^data:/i.test(address)) continue;
    const data = await parts.data(address, base);
    if (data) element.setAttribute(attribute, data);
    else element.removeAttribute(attribute);
  }
  // Followed in this frame, a link would lead to the app's own site.
  for (const element of page.querySelectorAll("a[href], area[href]")) {
    const address = element.getAttribute("href") ?? "";
    if (address.startsWith("#")) continue;
    element.removeAttribute("href");
    element.setAttribute("title", address.slice(0, 500));
  }
  for (const element of page.querySelectorAll("[action], [formaction], [background]"))
    for (const name of ["action", "formaction", "background"]) element.removeAttribute(name);
}

/** The parts of one page, bounded together. */
class Parts {
  left = 0;
  private count = 0;
  private bytes = 0;
  private readonly known = new Map<
    string,
    Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string } | undefined>
  >();

  constructor(
    private readonly nestbox: Pick<Nestbox, "fetch">,
    private readonly signal: AbortSignal,
  ) {}

  async data(address: string, base: string): Promise<string | undefined> {
    const part = await this.part(address, base);
    return part && dataUrl(part.bytes, part.type);
  }

  /** The style sheet at an address, with what it names inside. */
  async sheet(address: string, base: string, depth: number): Promise<string> {
    const part = await this.part(address, base);
    if (!part) return "";
    const text = new TextDecoder().decode(part.bytes);
    return this.css(text, resolved(address, base) ?? base, depth);
  }

  async css(css: string, base: string, depth: number): Promise<string> {
    if (css.length > MAX_CSS || depth > MAX_DEPTH) {
      this.left++;
      return "";
    }
    const inlined = await replaceAddresses(css, async ({ address, sheet, media }) => {
      if (!sheet) return `url("${(await this.data(address, base)) ?? "data:,"}")`;
      const text = await this.sheet(address, base, depth + 1);
      return media ? `@media ${media} {${text}}` : text;
    });
    // It stands in a <style>, which the first "</style" ends.
    return inlined.replaceAll("</", "<\\/");
  }

  private part(
    address: string,
    base: string,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string } | undefined> {
    const url = resolved(address, base);
    if (url === undefined) {
      this.left++;
      return Promise.resolve(undefined);
    }
    let part = this.known.get(url);
    if (!part) this.known.set(url, (part = this.load(url)));
    return part;
  }

  private async load(url: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string } | undefined> {
    if (++this.count <= MAX_PARTS && !this.signal.aborted) {
      try {
        const response = await this.nestbox.fetch(url, { signal: this.signal });
        const bytes = new Uint8Array(await response.arrayBuffer());
        this.bytes += bytes.length;
        if (response.ok && bytes.length <= MAX_PART && this.bytes <= MAX_TOTAL)
          return { bytes, type: response.headers.get("content-type") ?? "" };
      } catch {
        // Counted as left out, as in any browser an image that does not come is missing.
      }
    }
    this.left++;
    return undefined;
  }
}

/** An address of a server in the guest, absolute. */
function resolved(address: string, base: string): string | undefined {
  const place = guestAddress(address, base);
  return place && `http://localhost:${place.port}${place.path.split("#")[0]}`;
}

async function dataUrl(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<string> {
  const mime = /^[a-z]+\/[a-z0-9.+-]+/i.exec(type)?.[0] ?? "application/octet-stream";
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(new Error("An image could not be read."));
    reader.readAsDataURL(new Blob([bytes], { type: mime }));
  });
}
