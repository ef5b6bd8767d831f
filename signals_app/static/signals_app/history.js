// The history: fields are sent as they change (htmx), the address follows. Without this
// script the form and every link work as they are.

const filters = document.getElementById("filters");
const away = document.getElementById("away");
const chosen = document.getElementById("f-strategies");

// What is wrong with a filter is told in the part that is put in.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status !== 400) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

const isOurs = (event) => event.detail.target?.id === "found";
const say = (event) => {
  if (isOurs(event)) away.hidden = false;
};
document.addEventListener("htmx:sendError", say);
document.addEventListener("htmx:timeout", say);
document.addEventListener("htmx:responseError", say);
document.addEventListener("htmx:beforeRequest", (event) => {
  if (isOurs(event)) document.getElementById("found").setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!isOurs(event)) return;
  document.getElementById("found").removeAttribute("aria-busy");
  if (event.detail.successful || event.detail.xhr.status === 400) away.hidden = true;
});

filters.addEventListener("change", (event) => {
  if (!["strategy", "strategy_id"].includes(event.target.name)) return;
  const boxes = filters.querySelectorAll("[name=strategy_id]:checked, [name=strategy]:checked");
  const names = [...boxes].map((box) => box.parentElement.textContent.trim());
  chosen.textContent = names.length ? names[0] + (names.length > 1 ? ` +${names.length - 1}` : "") : chosen.dataset.all;
});

// What opens over the page closes by a click beside it and by Escape.
const close = (beside) => {
  for (const open of document.querySelectorAll("details.pick[open]")) if (!open.contains(beside)) open.open = false;
};
document.addEventListener("click", (event) => close(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const inside = document.activeElement?.closest("details.pick[open]");
  close(null);
  inside?.querySelector("summary").focus();
});
