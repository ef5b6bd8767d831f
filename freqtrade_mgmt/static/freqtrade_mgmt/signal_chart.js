// The candles around one signal, on its page: drawn once, with its mark, its price, and
// the candles by which its outcome is judged.

import { Zone } from "./chart_time.js";
import { View, css } from "./chart_view.js";

const HORIZONS = [1, 4, 24];
// What is in view: so many candles before the signal and after it.
const BEFORE = 36;
const AFTER = 28;
const MARKS = { BUY: ["arrowUp", "belowBar", "--rise"], SELL: ["arrowDown", "aboveBar", "--fall"], HOLD: ["square", "aboveBar", "--muted"] };

const card = document.getElementById("signal-chart");
const data = card.dataset;
const box = card.querySelector("[data-box]");
const status = card.querySelector("[data-status]");
const readout = card.querySelector("[data-readout]");
const language = document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en-GB";
const open = Number(data.close) - Number(data.length);

function say(text, kind = "note") {
  status.textContent = text;
  status.hidden = !text;
  status.dataset.kind = kind;
}

function showBar(bar) {
  const text = bar ? ["open", "high", "low", "close"].map((name) => bar[name]).join(" · ") : "";
  readout.textContent = bar ? `${view.zone.brief(bar.time)} · ${text}` : "";
}

const view = new View(box, new Zone(language, data.zone), { onHover: showBar, onClick() {}, onMove() {} });
// One line is enough: the price of the signal.
view.candles.applyOptions({ priceLineVisible: false, lastValueVisible: false });
let price = null;
let marks = () => [];

function dress() {
  view.dress();
  view.setMarks(marks());
  price?.applyOptions({ color: css("--accent") });
}

function draw(bars) {
  view.setBars(bars);
  // Candles of a month differ in length: it is the last one that opened before.
  const at = bars.findLastIndex((bar) => bar.time <= open + 0.5);
  if (at < 0 || bars[at].time + Number(data.length) * 1.5 < open) {
    say(at < 0 ? data.before : data.after);
    view.begin();
    return;
  }
  const [shape, position, colour] = MARKS[data.type];
  const judged = data.type === "HOLD" ? [] : HORIZONS.filter((step) => at + step < bars.length);
  marks = () => [
    { time: bars[at].time, shape, position, color: css(colour), size: 2 },
    ...judged.map((step) => ({ time: bars[at + step].time, shape: "circle", position: position === "belowBar" ? "aboveBar" : "belowBar", color: css("--accent"), size: 0.6, text: String(step) })),
  ];
  price = view.candles.createPriceLine({ price: Number(data.price), color: css("--accent"), lineWidth: 1, lineStyle: 2, axisLabelVisible: true, title: "" });
  dress();
  view.chart.timeScale().setVisibleLogicalRange({ from: at - BEFORE, to: at + AFTER });
}

async function load() {
  const answer = await fetch(data.candles, { headers: { Accept: "application/json" } });
  if (answer.redirected) location.reload();
  if (!answer.ok && answer.status !== 404) throw new Error(`candles answered ${answer.status}`);
  const { candles, message } = await answer.json();
  const bars = candles.map(([time, first, high, low, close, volume]) => ({ time: time / 1000, open: first, high, low, close, volume }));
  say(message ?? "", bars.length ? "note" : "none");
  if (bars.length) draw(bars);
  else if (!message) say(data.before, "none");
}

box.setAttribute("aria-label", data.label);
box.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !view.keys(event)) return;
  event.preventDefault();
});
document.addEventListener("themechange", dress);
matchMedia("(prefers-color-scheme: light)").addEventListener("change", dress);
load().catch(() => say(data.silent, "none"));
