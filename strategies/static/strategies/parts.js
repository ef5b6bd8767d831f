// Parts of other apps that htmx fetches: says so when one does not come.

function failed(event) {
  const part = event.target.closest?.(".part");
  if (!part) return;
  const note = document.createElement("p");
  note.className = "message message-error";
  note.setAttribute("role", "alert");
  note.textContent = part.dataset.failed;
  part.replaceChildren(note);
}

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, failed);
}
