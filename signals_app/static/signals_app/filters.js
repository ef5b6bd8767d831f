// The filters of the live page. They stand in the address, so a filtered page can be kept
// and shared, and they decide about what arrives as the server decides about the list.

const TYPING = 250;
const AGAIN = 2000;
const FIELDS = ["strategy", "pair", "type", "level", "priority", "timeframe", "strength"];
const form = document.getElementById("filters");
const reset = document.getElementById("reset");
const listeners = [];
let timer = 0;
let loading = null;

function read() {
  const data = new FormData(form);
  const chosen = Object.fromEntries(FIELDS.map((name) => [name, String(data.get(name) ?? "").trim()]));
  const strength = Math.min(100, Math.max(0, Math.floor(Number(chosen.strength) || 0)));
  return { ...chosen, strength };
}

let choice = read();

export function query() {
  const given = Object.entries(choice).filter(([, value]) => value);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export const isNarrowed = () => query() !== "";

// With a slash it is a whole pair, as in the history; without one a part of it.
function isPair(pair) {
  const large = choice.pair.toUpperCase();
  if (!large.includes("/")) return pair.toUpperCase().includes(large);
  return pair === choice.pair || pair === large;
}

export function fits(signal) {
  return (
    (!choice.strategy || signal.strategy_name === choice.strategy) &&
    (!choice.pair || isPair(signal.pair)) &&
    (!choice.type || signal.signal_type === choice.type) &&
    (!choice.level || signal.strength_level === choice.level) &&
    (!choice.priority || signal.priority === choice.priority) &&
    (!choice.timeframe || signal.timeframe === choice.timeframe) &&
    signal.strength_raw >= choice.strength
  );
}

// Calls back with an AbortSignal when another list is wanted; the last wish counts.
export function onFilter(listener) {
  listeners.push(listener);
}

async function apply() {
  clearTimeout(timer);
  const before = query();
  choice = read();
  if (query() === before) return;
  reset.hidden = !isNarrowed();
  history.replaceState(null, "", location.pathname + query());
  loading?.abort();
  const own = new AbortController();
  loading = own;
  form.setAttribute("aria-busy", "true");
  // While the server is away the old list stays, dimmed; another wish ends this one.
  while (loading === own && !(await loaded(own.signal))) await pause(AGAIN);
  if (loading === own) form.removeAttribute("aria-busy");
}

const pause = (time) => new Promise((done) => { setTimeout(done, time); });

async function loaded(signal) {
  try {
    await Promise.all(listeners.map((listener) => listener(signal)));
    return true;
  } catch {
    return false;
  }
}

form.addEventListener("input", (event) => {
  if (!FIELDS.includes(event.target.name)) return;
  clearTimeout(timer);
  timer = setTimeout(apply, event.target.matches("select") ? 0 : TYPING);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  apply();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-reset]")) return;
  event.preventDefault();
  for (const name of FIELDS) form.elements[name].value = "";
  apply();
  form.elements.pair.focus();
});
// Browsers put back what was in the fields when a page is loaded again.
addEventListener("pageshow", apply);
