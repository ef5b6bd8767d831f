// Sets the theme before the first paint, and lets the person choose another.
// "auto" follows the system, so it sets nothing: the style sheet asks the system itself.
(() => {
  "use strict";
  const KEY = "btcw-theme";
  const root = document.documentElement;

  const stored = () => {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch {
      return "auto"; // storage is forbidden in this browser
    }
  };

  const apply = (theme) => {
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  const remember = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Then the choice lasts as long as the page.
    }
  };

  apply(stored());

  document.addEventListener("DOMContentLoaded", () => {
    const group = document.querySelector(".theme-switch");
    if (!group) return;
    const buttons = [...group.querySelectorAll("[data-theme-choice]")];
    const mark = (theme) => {
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
      }
    };
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const theme = button.dataset.themeChoice;
        remember(theme);
        apply(theme);
        mark(theme);
        // Charts draw their own colours and listen for this.
        document.dispatchEvent(new CustomEvent("themechange", { detail: { theme } }));
      });
    }
    mark(stored());
    group.hidden = false;
  });
})();
