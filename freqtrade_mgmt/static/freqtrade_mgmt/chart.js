// The chart page: brings candles, signals and the drawing together.

import { follow } from "../signals_app/feed.js";
import { Candles } from "./chart_candles.js";
import { Side } from "./chart_side.js";
import { Signals } from "./chart_signals.js";
import { Zone } from "./chart_time.js";
import { View, css } from "./chart_view.js";

// Candles left of the view at which older ones are fetched.
const NEAR_EDGE = 60;
const find = (id) => document.getElementById(id);
const words = JSON.parse(find("words").textContent);
const start = JSON.parse(find("start").textContent);
const zone = new Zone(words.language, words.zone);
const box = find("chart");
const status = find("status");
const edge = find("edge");
const signals = new Signals(start);
let colours = [];
let index = new Map();
let painting = 0;

const say = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

function showStatus(text, kind = "") {
  status.textContent = text;
  status.hidden = !text;
  status.dataset.kind = kind;
}

function showEdge(text) {
  edge.textContent = text;
  edge.hidden = !text;
}

// -- Where a signal stands ---------------------------------------------------------

function reindex() {
  index = new Map(candles.bars.map((bar, place) => [bar.time, place]));
}

// The candle that holds the last moment before the close; null when it is not loaded.
function placeOf(seconds) {
  const { bars, length } = candles;
  if (!bars.length) return null;
  const moment = seconds - 0.001;
  // Longer candles than a day do not begin on multiples of their length.
  const guess = bars[0].time + Math.floor((moment - bars[0].time) / length) * length;
  if (index.has(guess)) return guess;
  const last = bars.at(-1).time;
  return guess === last + length ? last : null;
}

function paint() {
  painting = 0;
  view.setMarks(signals.marks(placeOf, colours, view.hasRoomForLetters(), side.chosen));
  showSide();
}

function paintSoon() {
  painting ||= requestAnimationFrame(paint);
}

function showSide() {
  const seen = view.inView();
  // A signal may be here before its candle.
  const atEnd = seen?.to === candles.bars.at(-1)?.time;
  side.show(seen && { from: seen.from, to: atEnd ? Infinity : seen.to + candles.length });
}

// -- Candles -----------------------------------------------------------------------

function readout(bar) {
  const node = find("readout");
  if (!bar) {
    node.replaceChildren();
    return;
  }
  const digits = Math.max(2, ...[bar.open, bar.close].map((price) => (String(price).split(".")[1] ?? "").length));
  const change = (bar.close / bar.open - 1) * 100;
  const tone = bar.close >= bar.open ? "rise" : "fall";
  const parts = ["open", "high", "low", "close"].map((name) => [words.prices[name], bar[name].toFixed(Math.min(8, digits))]);
  parts.push(["", `${change >= 0 ? "+" : ""}${change.toFixed(2)} %`]);
  parts.push([words.volume, new Intl.NumberFormat(words.language, { notation: "compact", maximumFractionDigits: 2 }).format(bar.volume)]);
  node.replaceChildren(...parts.map(([name, value], place) => {
    const part = document.createElement("span");
    const strong = document.createElement("b");
    strong.textContent = value;
    if (place < 5) strong.className = tone;
    part.append(name ? `${name} ` : "", strong);
    return part;
  }));
  if (!bar.closed) node.append(words.forming);
}

function showAnswer(answer) {
  const { source } = answer;
  const made = source && source.timeframe !== candles.timeframe;
  find("source").textContent = source && candles.bars.length
    ? say(made ? words.made : words.source, { timeframe: candles.timeframe, base: source.timeframe, name: source.name })
    : "";
  const read = answer.state === "kept" ? ` ${say(words.kept, { time: zone.brief(answer.read / 1000) })}` : "";
  showStatus(answer.message + read, candles.bars.length ? "note" : "");
}

const candles = new Candles(start, {
  onLoad(answer) {
    reindex();
    view.setBars(candles.bars);
    view.begin();
    showEdge("");
    readout(candles.bars.at(-1));
    showAnswer(answer);
    paint();
    performance.mark("candles drawn");
    loadOlderSignals();
  },
  onOlder(added) {
    reindex();
    view.setBars(candles.bars, added);
    loadOlderSignals();
    paintSoon();
  },
  onFresh(answer, fresh) {
    reindex();
    for (const bar of fresh) view.update(bar);
    view.bars = candles.bars;
    readout(candles.bars.at(-1));
    showAnswer(answer);
    paintSoon();
  },
  onFailed(seconds) {
    showStatus(say(words.noAnswer, { seconds }), candles.bars.length ? "note" : "");
  },
});

const view = new View(box, zone, {
  onHover: (bar) => readout(bar ?? candles.bars.at(-1)),
  onClick(id, time) {
    const signal = signals.byId.get(id) ?? (time === undefined ? null : signals.shown().findLast((one) => placeOf(one.seconds) === time));
    if (signal) choose(signal, false);
  },
  onMove(range) {
    if (range.from < NEAR_EDGE && candles.earlier) candles.older();
    const begins = candles.bars.length > 0 && !candles.earlier && range.from < 0;
    showEdge(begins ? say(words.windowEnds, { time: zone.brief(candles.bars[0].time) }) : "");
    loadOlderSignals();
    paintSoon();
  },
});

// -- Signals -----------------------------------------------------------------------

const side = new Side(words, zone, signals, {
  onChange: paint,
  onClose: paint,
  onChoose: (signal) => choose(signal, true),
});

function choose(signal, move) {
  const time = placeOf(signal.seconds);
  const seen = view.inView();
  const away = time !== null && (!seen || time <= seen.from || time >= seen.to + candles.length);
  if (move && away) view.centre(index.get(time));
  paintSoon();
  side.open(signal, signals.shown().filter((one) => one !== signal && placeOf(one.seconds) === time));
}

async function beginSignals() {
  try {
    const answer = await signals.begin();
    paint();
    performance.mark("signals drawn");
    listen(answer.cursor);
  } catch {
    setTimeout(beginSignals, 5000);
  }
}

async function reloadSignals() {
  const first = candles.bars[0]?.time ?? Date.now() / 1000 - start.limit * candles.length;
  const answer = await signals.load(first, true);
  paint();
  return answer.cursor;
}

let older = false;

async function loadOlderSignals() {
  const seen = view.inView();
  if (older || !seen || signals.from === Infinity || seen.from >= signals.from) return;
  older = true;
  try {
    // A screen more than is seen, and never beyond the candles.
    const since = Math.max(candles.bars[0].time, seen.from - (seen.to - seen.from));
    await signals.load(since);
    paintSoon();
  } catch {
    // The next movement tries again.
  } finally {
    older = false;
  }
}

function listen(cursor) {
  follow({
    path: "/ws/signals/",
    cursor,
    onEvent({ type, signal }) {
      if (type !== "signal" || signal.pair !== start.pair || signal.exchange !== start.exchange) return;
      if (signals.add(signal)) paintSoon();
      candles.poke();
    },
    onState(state) {
      find("connection").dataset.state = state;
      find("connection").textContent = words.connection[state];
    },
    reload: reloadSignals,
  });
}

// -- Moving about ------------------------------------------------------------------

function switchTo(timeframe) {
  for (const button of document.querySelectorAll("[data-timeframe]")) {
    button.setAttribute("aria-pressed", String(button.dataset.timeframe === timeframe));
  }
  find("shown-timeframe").textContent = timeframe;
  document.title = document.title.replace(` ${candles.timeframe} `, ` ${timeframe} `);
  showStatus(words.loading, candles.bars.length ? "note" : "");
  candles.load(timeframe);
}

async function goTo(seconds) {
  if (Number.isNaN(seconds)) {
    showEdge(words.noDate);
    return;
  }
  while (candles.earlier && candles.bars[0].time > seconds && (await candles.older())) {
    // Older candles come until the moment is there, or there are none.
  }
  const { bars } = candles;
  if (!bars.length) return;
  const place = bars.findIndex((bar) => bar.time + candles.length > seconds);
  view.centre(place < 0 ? bars.length - 1 : place);
  // The movement says what it has to say about the edge first.
  for (const _frame of [1, 2]) await new Promise(requestAnimationFrame);
  if (seconds < bars[0].time) showEdge(say(words.beforeWindow, { time: zone.brief(bars[0].time) }));
  else if (place < 0) showEdge(say(words.afterWindow, { time: zone.brief(bars.at(-1).time + candles.length) }));
}

function step(direction) {
  const all = signals.shown().filter((one) => placeOf(one.seconds) !== null);
  if (!all.length) return;
  const at = all.findIndex((one) => one.id === side.chosen);
  const next = at < 0 ? all.length - 1 : Math.min(all.length - 1, Math.max(0, at + direction));
  choose(all[next], true);
}

function dress() {
  colours = Array.from({ length: 10 }, (_none, tone) => css(`--strategy-${tone}`));
  view.dress();
  paintSoon();
}

find("chart-choice").addEventListener("submit", (event) => {
  const wanted = event.submitter?.dataset.timeframe;
  if (!wanted) return;
  event.preventDefault();
  if (wanted === candles.timeframe) return;
  const address = new URL(location.href);
  for (const [name, value] of Object.entries({ strategy: start.strategy, pair: start.pair, timeframe: wanted })) address.searchParams.set(name, value);
  history.pushState(null, "", address);
  switchTo(wanted);
});
addEventListener("popstate", () => {
  const wanted = new URLSearchParams(location.search).get("timeframe") ?? start.timeframe;
  if (wanted in start.lengths && wanted !== candles.timeframe) switchTo(wanted);
});
for (const select of document.querySelectorAll("[data-choice]")) {
  select.addEventListener("change", () => select.form.submit());
}
find("go").addEventListener("click", () => goTo(zone.parse(find("date").value)));
find("date").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  goTo(zone.parse(event.target.value));
});
find("newest").addEventListener("click", () => view.toNewest());
box.addEventListener("keydown", (event) => {
  const direction = { n: 1, p: -1 }[event.key.toLowerCase()];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (direction && document.documentElement.dataset.shortcuts !== "off") step(direction);
  else if (event.key === "Escape") side.close();
  else if (!view.keys(event)) return;
  event.preventDefault();
});
document.addEventListener("themechange", dress);
matchMedia("(prefers-color-scheme: light)").addEventListener("change", dress);
box.setAttribute("aria-label", say(words.chartLabel, { pair: start.pair }));
find("zone").textContent = words.zone;
find("date").value = zone.field(Date.now() / 1000);
dress();
candles.load();
beginSignals();
