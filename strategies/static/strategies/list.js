// The list: ticking many rows, and filters that work while one types.

const area = document.getElementById("strategies-live");
const filters = document.getElementById("filters");
const PAUSE = 250;
let lastTicked = null;
let typing = 0;

const boxes = () => [...area.querySelectorAll("input[name=ids]")];

function count() {
  const bulk = document.getElementById("bulk");
  if (!bulk) return;
  const all = document.getElementById("all");
  const every = boxes();
  const ticked = every.filter((box) => box.checked).length;
  all.hidden = false;
  all.checked = ticked > 0 && ticked === every.length;
  all.indeterminate = ticked > 0 && ticked < every.length;
  all.nextElementSibling.textContent = ticked ? bulk.dataset.some.replace("{count}", ticked) : bulk.dataset.none;
  bulk.classList.toggle("chosen", ticked > 0);
  for (const button of bulk.querySelectorAll("button")) {
    button.disabled = ticked === 0;
    const question = bulk.dataset[`ask${button.value[0].toUpperCase()}${button.value.slice(1)}`];
    if (question && ticked > 1) button.dataset.confirm = question.replace("{count}", ticked);
    else delete button.dataset.confirm;
  }
  for (const box of every) box.closest("tr").classList.toggle("ticked", box.checked);
}

area.addEventListener("click", (event) => {
  const box = event.target.closest("input[name=ids]");
  if (!box) return;
  const every = boxes();
  // With the shift key everything between the last one and this one follows.
  if (event.shiftKey && lastTicked?.isConnected) {
    const [from, to] = [every.indexOf(lastTicked), every.indexOf(box)].sort((a, b) => a - b);
    for (const between of every.slice(from, to + 1)) between.checked = box.checked;
  }
  lastTicked = box;
});

area.addEventListener("change", (event) => {
  if (event.target.id === "all") {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  count();
});

function filter() {
  const chosen = new URLSearchParams(new FormData(filters));
  for (const [name, value] of [...chosen]) {
    if (!value || (name === "sort" && value === "name")) chosen.delete(name);
  }
  const query = chosen.size ? `?${chosen}` : "";
  if (query === location.search) return;
  history.replaceState(null, "", location.pathname + query);
  area.dataset.refresh = area.dataset.refresh.replace(/\?.*|$/, query);
  for (const back of document.querySelectorAll("input[name=next]")) {
    if (back.form?.id === "one") back.value = location.pathname + query;
  }
  area.dispatchEvent(new Event("refresh-now"));
}

if (filters) {
  filters.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(filter, PAUSE);
  });
  filters.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    filter();
  });
  filters.querySelector("button").hidden = true;
}

document.addEventListener("refreshed", count);
count();
