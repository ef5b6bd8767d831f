// Sets the theme before the first paint, and lets the person choose another.
// "auto" follows the system, so it sets nothing: the style sheet asks the system itself.
// What an account keeps goes before what this browser keeps, which serves the login page.
(() => {
  "use strict";
  const KEY = "btcw-theme";
  // Chosen here, and not yet confirmed by the server: the next page may be faster.
  const UNSAVED = "btcw-theme-unsaved";
  const root = document.documentElement;

  const read = (name, key) => {
    try {
      return window[name].getItem(key);
    } catch {
      return null; // storage is forbidden in this browser
    }
  };

  const write = (name, key, value) => {
    try {
      if (value) window[name].setItem(key, value);
      else window[name].removeItem(key);
    } catch {
      // Then the choice lasts as long as the page.
    }
  };

  const apply = (theme) => {
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  const unsaved = read("sessionStorage", UNSAVED);
  let theme = unsaved || root.dataset.accountTheme || read("localStorage", KEY) || "auto";
  apply(theme);
  if (root.dataset.accountTheme) write("localStorage", KEY, theme);

  const save = async (form, chosen) => {
    write("sessionStorage", UNSAVED, chosen);
    const body = new FormData(form);
    body.set("theme", chosen);
    try {
      await fetch(form.action, { method: "POST", body, keepalive: true, headers: { Accept: "application/json" } });
    } catch {
      return; // the next page tries again
    }
    if (theme === chosen) write("sessionStorage", UNSAVED, null);
  };

  const mark = () => {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
    }
  };

  const show = (chosen) => {
    theme = chosen;
    apply(theme);
    mark();
    // Charts draw their own colours and listen for this.
    document.dispatchEvent(new CustomEvent("themechange", { detail: { theme } }));
  };

  // From the first moment on: a press before the page is whole must not leave it.
  document.addEventListener("submit", (event) => {
    const chosen = event.target.id === "theme" && event.submitter?.dataset.themeChoice;
    if (!chosen) return;
    event.preventDefault();
    write("localStorage", KEY, chosen);
    show(chosen);
    if ("kept" in event.target.dataset) save(event.target, chosen);
  });

  // Another window of this browser.
  addEventListener("storage", (event) => {
    if (event.key === KEY && event.newValue) show(event.newValue);
  });

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("theme");
    if (!form) return;
    mark();
    form.hidden = false;
    if (unsaved && "kept" in form.dataset) save(form, unsaved);
  });
})();
