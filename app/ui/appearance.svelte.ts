import type { Preferences } from "./preferences.svelte";

/** The theme in force: the chosen one, or the system's. Made in a component, whose life the listener shares. */
export class Appearance {
  #systemDark = $state(false);

  constructor(private readonly preferences: () => Preferences) {
    const query = matchMedia("(prefers-color-scheme: dark)");
    this.#systemDark = query.matches;
    $effect(() => {
      const changed = (event: MediaQueryListEvent): void => {
        this.#systemDark = event.matches;
      };
      query.addEventListener("change", changed);
      return () => query.removeEventListener("change", changed);
    });
    $effect(() => {
      const theme = this.preferences().get("theme");
      if (theme === "system") document.documentElement.removeAttribute("data-theme");
      else document.documentElement.dataset.theme = theme;
    });
  }

  get scheme(): "light" | "dark" {
    const theme = this.preferences().get("theme");
    if (theme !== "system") return theme;
    return this.#systemDark ? "dark" : "light";
  }
}
