/** The entry of embed.js: defines `<nest-box>` and exports `embed`. It starts nothing and fetches nothing by itself. */
import { NestBox, TAG } from "./element";

// A page may load this from two places, and a docs site may import it where there is no DOM.
if (typeof customElements !== "undefined" && !customElements.get(TAG)) customElements.define(TAG, NestBox);

export { embed } from "./embed";
export { NestBox } from "./element";
export { EmbedError, type EmbedOptions, type Sandbox } from "./types";
