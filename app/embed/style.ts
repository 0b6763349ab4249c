/** Looks of `<nest-box>` in a page that is not ours: plain, and changeable with ::part(…) and --nest-box-accent. */
export const STYLE = `
:host { display: block; margin: 16px 0; color-scheme: inherit; font: 400 14px/1.5 system-ui, sans-serif; }
:host([hidden]), [hidden] { display: none; }
:host([data-theme="light"]) { color-scheme: light; }
:host([data-theme="dark"]) { color-scheme: dark; }
.bar, .trouble:not(:empty), .note:not(:empty) {
  display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; padding: 8px 12px;
  border: 1px solid #8886; border-radius: 6px;
}
.bar { background: #8881; }
button {
  min-height: 32px; padding: 2px 16px; border: 1px solid #8888; border-radius: 6px;
  background: none; color: inherit; font: inherit; cursor: pointer;
}
.run { border-color: transparent; background: var(--nest-box-accent, #2456c7); color: #fff; font-weight: 600; }
button:focus-visible, a:focus-visible { outline: 2px solid var(--nest-box-accent, #2456c7); outline-offset: 2px; }
iframe { display: block; box-sizing: border-box; width: 100%; border: 1px solid #8886; border-radius: 6px; }
.trouble:not(:empty), .note:not(:empty) { margin-top: 8px; border-left: 4px solid #b26a00; }
.note { flex-direction: column; align-items: flex-start; }
p { margin: 0; overflow-wrap: anywhere; }
.address { font-family: ui-monospace, monospace; font-size: 13px; user-select: all; }
a { color: inherit; }
@media (pointer: coarse) { button { min-height: 44px; } }
`;
