// The live list. Signals are kept by id, so a signal that is sent twice is shown
// once; the cursor of the last event seen is where a broken connection resumes.

import { follow } from "./feed.js";
import { rowOf, setNotice } from "./rows.js";

const SHOWN = 100;
const words = JSON.parse(document.getElementById("words").textContent);
const start = JSON.parse(document.getElementById("start").textContent);
const body = document.querySelector("#signals tbody");
const table = document.getElementById("signals");
const empty = document.getElementById("empty");
const connection = document.getElementById("connection");
const rows = new Map();
const title = document.title;
let unseen = 0;

document.getElementById("zone").textContent = words.zone;

function place(signal, fresh) {
  if (rows.has(signal.id)) return;
  const row = rowOf(signal, words);
  rows.set(signal.id, row);
  // Newest candle first; a back-filled signal takes its place further down.
  let next = body.firstElementChild;
  while (next && next.dataset.time > signal.timestamp) next = next.nextElementSibling;
  body.insertBefore(row, next);
  if (fresh) row.classList.add("fresh");
  while (rows.size > SHOWN) {
    const last = body.lastElementChild;
    rows.delete(last.dataset.id);
    last.remove();
  }
}

function showWhetherEmpty() {
  table.hidden = rows.size === 0;
  empty.hidden = rows.size > 0;
}

function begin(state) {
  rows.clear();
  body.replaceChildren();
  // Oldest first: each is then inserted at the top.
  for (const signal of [...state.signals].reverse()) place(signal, false);
  showWhetherEmpty();
}

function countUnseen() {
  if (!document.hidden) return;
  unseen += 1;
  document.title = `(${unseen > 99 ? "99+" : unseen}) ${title}`;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  document.title = title;
});

const handlers = {
  signal(event) {
    place(event.signal, true);
    showWhetherEmpty();
    countUnseen();
  },
  delivered(event) {
    const row = rows.get(event.id);
    if (row) setNotice(row, { state: "sent", channels: [event.channel] }, words, true);
  },
};

begin(start);
follow({
  path: "/ws/signals/",
  cursor: start.cursor,
  onEvent: (event) => handlers[event.type]?.(event),
  onState(state) {
    connection.dataset.state = state;
    connection.textContent = words.connection[state];
  },
  async reload() {
    const answer = await fetch("/signals/newest/", { headers: { Accept: "application/json" } });
    if (answer.redirected || !answer.ok) throw new Error(`reload answered ${answer.status}`);
    const state = await answer.json();
    begin(state);
    return state.cursor;
  },
});
