// Keys for marking signals: t taken, s skipped, in a list j and k go on and back. They
// press the buttons that everybody sees, so nothing is done here that a click would not.

import { onKeys } from "../js/keys.js";

const rows = () => [...document.querySelectorAll("[data-choice-row]")];

function go(step) {
  const all = rows();
  const here = all.indexOf(document.activeElement?.closest("[data-choice-row]"));
  const next = all[here < 0 ? 0 : Math.min(all.length - 1, Math.max(0, here + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function press(key) {
  const row = document.activeElement?.closest("[data-choice-row]");
  const place = row ?? (rows().length ? null : document);
  place?.querySelector(`[data-choice] [data-key="${key}"]`)?.click();
}

onKeys({
  j: () => go(1),
  k: () => go(-1),
  t: () => press("t"),
  s: () => press("s"),
});

// Enter in the note saves it with the decision that stands; without one there is none.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[data-choice] input[name=note]")) return;
  event.preventDefault();
  event.target.form.querySelector("[data-save]")?.click();
});
