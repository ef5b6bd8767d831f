// The navigation: <details> open it without a script; this closes what was left open,
// and keeps what is open in sight.

const menu = document.getElementById("menu");
const groups = [...document.querySelectorAll(".nav-group")];
// As in app.css: below it the entries stand under one another behind one button.
const narrow = matchMedia("(max-width: 1023px)");

// In the menu of a narrow window the group of this page is open; elsewhere it would
// cover the page.
function arrange() {
  for (const group of groups) {
    group.open = narrow.matches && group.querySelector("a[aria-current]") !== null;
  }
  if (menu) menu.open = false;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = groups.find((group) => group.open && !narrow.matches) ?? (menu?.open ? menu : null);
  if (!open) return;
  event.stopPropagation();
  const focused = open.contains(document.activeElement) || document.activeElement.closest(".nav");
  open.open = false;
  if (focused) open.querySelector("summary").focus();
});

// Whoever presses, or goes on with the keyboard, elsewhere has done with it.
for (const kind of ["pointerdown", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const inMenu = event.target.closest?.(".nav, #menu");
    if (menu?.open && !inMenu) menu.open = false;
    if (narrow.matches) return;
    for (const group of groups) if (group.open && !group.contains(event.target)) group.open = false;
  });
}

for (const group of groups) {
  group.addEventListener("keydown", (event) => {
    const links = [...group.querySelectorAll("a")];
    const place = links.indexOf(document.activeElement);
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: links.length - 1 }[event.key];
    if (next === undefined || (place < 0 && event.key !== "ArrowDown")) return;
    event.preventDefault();
    group.open = true;
    if (next < 0) group.querySelector("summary").focus();
    else links[Math.min(next, links.length - 1)].focus();
  });
}

narrow.addEventListener("change", arrange);
arrange();

// Tabs of a page scroll on a narrow screen; the one that is open must be in sight.
for (const here of document.querySelectorAll(".section-tabs [aria-current]")) {
  // Not scrollIntoView(): newer browsers let Tab start at what it was called for.
  const strip = here.closest(".section-tabs");
  const [tab, frame] = [here.getBoundingClientRect(), strip.getBoundingClientRect()];
  strip.scrollLeft += (tab.left + tab.right - frame.left - frame.right) / 2;
}
