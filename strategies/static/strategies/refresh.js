// Keeps a page up to date without disturbing who uses it.
//
// The element with data-refresh names an address. Its answer holds elements with ids,
// which replace those of the page piece by piece: what did not change is not touched, so
// ticked boxes, open details, focus, selected text and scroll positions stay. When no
// answer comes the page says so, because what it shows may be wrong by then.

const TIMEOUT = 8000;
const OUTDATED = 30000;
const SLOWEST = 30000;
// The person's own doing, or our scripts'.
const OWN = new Set(["open", "checked", "hidden", "disabled", "data-confirm"]);

const area = document.querySelector("[data-refresh]");
const sign = document.getElementById("freshness");
let timer = 0;
let running = null;
let failures = 0;
let last = Date.now();

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "");

function sameAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!OWN.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

function sameChildren(old, fresh) {
  const wanted = new Set([...fresh.childNodes].map(keyOf).filter(Boolean));
  const known = new Map();
  for (const child of [...old.children]) {
    const key = keyOf(child);
    if (key && !wanted.has(key)) child.remove();
    else if (key) known.set(key, child);
  }
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    const match = key ? known.get(key) : place && !keyOf(place) ? place : null;
    if (match && match.nodeType === child.nodeType && match.nodeName === child.nodeName) {
      if (match === place) place = place.nextSibling;
      else old.insertBefore(match, place);
      same(match, child);
    } else {
      old.insertBefore(child, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function same(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.data = fresh.data;
    return;
  }
  sameAttributes(old, fresh);
  if (!old.hasAttribute("data-keep")) sameChildren(old, fresh);
}

function put(text) {
  const answer = new DOMParser().parseFromString(text, "text/html");
  const focused = document.activeElement;
  for (const fresh of [...answer.body.children]) {
    const old = fresh.id && document.getElementById(fresh.id);
    if (old) same(old, fresh);
  }
  // A row that moved up takes its focus with it only if it is given back.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("refreshed"));
}

function say(state) {
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });
  const words = sign.dataset[state].replace("{time}", clock.format(last));
  sign.dataset.state = state;
  if (sign.textContent !== words) sign.textContent = words;
  sign.hidden = false;
  area.classList.toggle("outdated", state === "offline" && Date.now() - last > OUTDATED);
}

function pause() {
  const said = Number(document.querySelector("[data-seconds]")?.dataset.seconds) || 10;
  return Math.min(said * 1000 * 2 ** Math.min(failures, 4), Math.max(SLOWEST, said * 1000));
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(refresh, pause());
}

async function refresh() {
  clearTimeout(timer);
  // Nobody looks; coming back to the page refreshes it at once.
  if (document.hidden) return;
  running?.abort();
  const own = new AbortController();
  running = own;
  const limit = setTimeout(() => own.abort("timeout"), TIMEOUT);
  try {
    const answer = await fetch(area.dataset.refresh, { signal: own.signal, headers: { Accept: "text/html" } });
    if (answer.redirected) return location.reload();
    if (!answer.ok) throw new Error(`${area.dataset.refresh} answered ${answer.status}`);
    put(await answer.text());
    failures = 0;
    last = Date.now();
    say("online");
  } catch {
    if (running !== own) return; // another one took its place
    failures += 1;
    say("offline");
  } finally {
    clearTimeout(limit);
  }
  later();
}

if (area && sign) {
  say("online");
  later();
  area.addEventListener("refresh-now", refresh);
  addEventListener("online", refresh);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
}
