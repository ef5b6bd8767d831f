// What a failed request leaves behind would look as if nothing had happened.

function tell(event) {
  const area = event.detail.elt?.closest?.("[data-failed]");
  if (!area) return;
  const known = area.querySelector(":scope > .lost-note");
  if (known) return;
  const note = document.createElement("p");
  note.className = "message message-error lost-note";
  note.setAttribute("role", "alert");
  note.textContent = area.dataset.failed;
  area.prepend(note);
}

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, tell);
}
document.addEventListener("htmx:afterSwap", (event) => {
  event.detail.target?.closest?.("[data-failed]")?.querySelector(":scope > .lost-note")?.remove();
});
