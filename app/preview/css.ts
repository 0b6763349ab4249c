/** Addresses in style sheets, for pages that are shown with everything inside them. */

/** A style sheet longer than this is not searched. */
export const MAX_CSS = 1 << 20;
// Every repetition is bounded, or a long style sheet of beginnings would take minutes.
const ADDRESS =
  /@import\s{1,16}(?:url\(\s{0,16})?(?:"([^"\\\n]{0,2048})"|'([^'\\\n]{0,2048})'|([^\s"'();]{1,2048}))\s{0,16}\)?([^;{}]{0,200});|url\(\s{0,16}(?:"([^"\\\n]{0,2048})"|'([^'\\\n]{0,2048})'|([^\s"'()]{1,2048}))\s{0,16}\)/gi;

export interface CssAddress {
  address: string;
  /** `@import`, with the media it is for. */
  sheet: boolean;
  media: string;
  start: number;
  end: number;
}

/** Every `url()` and `@import` of `css` in order; those in comments too, which does no harm. */
export function addressesOf(css: string): CssAddress[] {
  if (css.length > MAX_CSS) return [];
  return [...css.matchAll(ADDRESS)].flatMap((match) => {
    const [whole, i1, i2, i3, media, u1, u2, u3] = match;
    const imported = i1 ?? i2 ?? i3;
    const address = imported ?? u1 ?? u2 ?? u3 ?? "";
    // What is inside already, or a fragment of the page itself, stays.
    if (address === "" || address.startsWith("#") || /^(data|blob):/i.test(address)) return [];
    return [
      {
        address,
        sheet: imported !== undefined,
        media: (media ?? "").trim(),
        start: match.index,
        end: match.index + whole.length,
      },
    ];
  });
}

/** `css` with each address replaced by what `replace` gives for it. */
export async function replaceAddresses(
  css: string,
  replace: (found: CssAddress) => Promise<string>,
): Promise<string> {
  let text = "";
  let at = 0;
  for (const found of addressesOf(css)) {
    text += css.slice(at, found.start) + (await replace(found));
    at = found.end;
  }
  return text + css.slice(at);
}
