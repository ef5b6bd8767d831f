// The form of a channel shows the fields that belong to what is chosen.

const area = document.querySelector("[data-conditional]");

function chosen(name) {
  return area.querySelector(`[name="${CSS.escape(name)}"]`)?.value ?? "";
}

function settle() {
  for (const cell of area.querySelectorAll("[data-only]")) {
    cell.hidden = !cell.dataset.values.split(" ").includes(chosen(cell.dataset.only));
  }
}

if (area) {
  area.addEventListener("change", settle);
  settle();
}

// What a failed request leaves behind would look as if nothing had happened.
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    const place = event.detail.target;
    if (!place) return;
    const note = document.createElement("p");
    note.className = "message message-error";
    note.setAttribute("role", "alert");
    note.textContent = document.getElementById("channel").dataset.failed;
    place.replaceChildren(note);
  });
}
