// Keys of the live page: / searches a pair, j and k go down and up, m is sound on or off.
// Enter opens, because what is gone to is a link.

import { onKeys } from "../js/keys.js";

const links = () => [...document.querySelectorAll("#signals .when a")];

function go(step) {
  const all = links();
  const row = document.activeElement?.closest("#signals tr");
  const here = row ? all.findIndex((link) => row.contains(link)) : -1;
  const next = all[here < 0 ? 0 : Math.min(all.length - 1, Math.max(0, here + step))];
  next?.focus({ preventScroll: true });
  next?.closest("tr").scrollIntoView({ block: "nearest" });
}

onKeys({
  j: () => go(1),
  k: () => go(-1),
  m: () => document.getElementById("c-sound").click(),
  "/": () => document.getElementById("f-pair").select(),
});

// Out of the field, so that j and k are keys again.
document.getElementById("f-pair").addEventListener("keydown", (event) => {
  if (event.key === "Escape") event.target.blur();
});
