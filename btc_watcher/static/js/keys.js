// Keys of one character, and the dialog that lists those of a page. Whoever switched them
// off in the settings has none; the dialog then opens by its button.

const off = document.documentElement.dataset.shortcuts === "off";
const dialog = document.getElementById("keys-help");

function isWriting(target) {
  return target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]") !== null;
}

// `keys` has a function for each key.
export function onKeys(keys) {
  if (off) return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (!Object.hasOwn(keys, event.key) || document.querySelector("dialog[open]")) return;
    keys[event.key]();
    event.preventDefault();
  });
}

if (dialog) {
  const open = () => dialog.showModal();
  document.getElementById("keys-button").addEventListener("click", open);
  onKeys({ "?": open });
  // The dialog itself is pressed only where its body is not: beside it.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
