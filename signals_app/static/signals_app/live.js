// The live list. Signals are kept by id, so a signal that is sent twice is shown
// once; the cursor of the last event seen is where a broken connection resumes.

import { callsFor } from "./calls.js";
import { follow } from "./feed.js";
import { fits, isNarrowed, onFilter, query } from "./filters.js";
import "./keys.js";
import { rowOf, setBecame, setNotice } from "./rows.js";

const SHOWN = 100;
// Outcomes come with candles, the shortest of which last a minute.
const OUTCOMES_EVERY = 30000;
// Without Redis nothing arrives by itself, but the database knows everything.
const ASK_EVERY = 5000;
const words = JSON.parse(document.getElementById("words").textContent);
const start = JSON.parse(document.getElementById("start").textContent);
const body = document.querySelector("#signals tbody");
const table = document.getElementById("signals");
const empty = document.getElementById("empty");
const emptyFiltered = document.getElementById("empty-filtered");
const connection = document.getElementById("connection");
const rows = new Map();
const title = document.title;
const call = callsFor(words);
// What has arrived while the list is fetched for another filter: the answer may lack it.
let arrived = null;
let unseen = 0;
let asking = 0;

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
  empty.hidden = rows.size > 0 || isNarrowed();
  emptyFiltered.hidden = rows.size > 0 || !isNarrowed();
}

function begin(state) {
  // Who goes through the rows by keys stays where they are.
  const held = document.activeElement?.closest("#signals tr")?.dataset.id;
  rows.clear();
  body.replaceChildren();
  // Oldest first: each is then inserted at the top.
  for (const signal of [...state.signals].reverse()) place(signal, false);
  showWhetherEmpty();
  rows.get(held)?.querySelector(".when a").focus({ preventScroll: true });
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
  refreshOutcomes();
});

function take(signal) {
  if (!fits(signal) || rows.has(signal.id)) return;
  place(signal, true);
  showWhetherEmpty();
  countUnseen();
  call(signal);
}

function showConnection(state) {
  connection.dataset.state = state;
  connection.textContent = words.connection[state];
  clearInterval(asking);
  asking = 0;
}

async function ask() {
  const state = await newest();
  for (const signal of [...state.signals].reverse()) take(signal);
}

const handlers = {
  signal(event) {
    arrived?.push(event.signal);
    take(event.signal);
  },
  stalled() {
    showConnection("stalled");
    // Without the database there is nothing to show; the next time there may be.
    asking = setInterval(() => ask().catch(() => {}), ASK_EVERY);
  },
  delivered(event) {
    const row = rows.get(event.id);
    if (row) setNotice(row, { state: "sent", channels: [event.channel] }, words, true);
  },
};

async function showOutcomes() {
  if (document.hidden || rows.size === 0) return;
  const answer = await fetch("/outcomes/newest/", { headers: { Accept: "application/json" } });
  if (answer.redirected || !answer.ok) return;
  const { signals } = await answer.json();
  for (const [id, brief] of Object.entries(signals)) {
    const row = rows.get(id);
    if (row) setBecame(row, brief);
  }
}

// Without the server there are none; the connection's own sign tells of that.
const refreshOutcomes = () => showOutcomes().catch(() => {});

async function newest(signal) {
  const headers = { Accept: "application/json" };
  const answer = await fetch(`/signals/newest/${query()}`, { headers, signal });
  if (answer.redirected || !answer.ok) throw new Error(`reload answered ${answer.status}`);
  return answer.json();
}

onFilter(async (signal) => {
  arrived = [];
  const state = await newest(signal);
  if (signal.aborted) return;
  begin(state);
  for (const each of arrived) if (fits(each)) place(each, false);
  arrived = null;
  showWhetherEmpty();
  refreshOutcomes();
});

begin(start);
refreshOutcomes();
setInterval(refreshOutcomes, OUTCOMES_EVERY);
follow({
  path: "/ws/signals/",
  cursor: start.cursor,
  onEvent: (event) => handlers[event.type]?.(event),
  onState: showConnection,
  async reload() {
    const state = await newest();
    begin(state);
    refreshOutcomes();
    return state.cursor;
  },
});
