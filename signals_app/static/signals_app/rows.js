// From a signal to a table row. Text goes in as text, never as HTML.

function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

function badge(kind, text, hint) {
  const node = element("span", `badge badge-${kind}`, text);
  if (hint) node.title = hint;
  return node;
}

const clocks = new Map();

function clock(words, options) {
  const key = JSON.stringify(options);
  if (!clocks.has(key)) {
    clocks.set(key, new Intl.DateTimeFormat(words.language, { timeZone: words.zone, hourCycle: "h23", ...options }));
  }
  return clocks.get(key);
}

function when(signal, words) {
  const moment = new Date(signal.timestamp);
  const time = clock(words, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = clock(words, { month: "2-digit", day: "2-digit" });
  const link = element("a", "num", time.format(moment));
  link.href = `/signals/${signal.id}/`;
  link.title = clock(words, { dateStyle: "full", timeStyle: "long" }).format(moment);
  const today = day.format(new Date()) === day.format(moment);
  return element("td", "when", link, today ? null : element("small", "num", day.format(moment)));
}

function strength(signal, words) {
  const meter = element("meter", "meter");
  Object.assign(meter, { min: 0, max: 100, value: signal.strength_raw });
  meter.setAttribute("aria-hidden", "true");
  const number = element("b", "num", String(Math.round(signal.strength_raw)));
  if (signal.metadata.strength_source === "default") {
    number.className = "num guess";
    number.title = words.guessed;
  }
  return element("td", "power", element("span", "strength",
    badge(signal.priority, signal.priority),
    badge(`${signal.strength_level} level`, words.levels[signal.strength_level]), meter, number));
}

function number(value) {
  if (typeof value !== "number") return String(value);
  return Math.abs(value) >= 1000 ? value.toFixed(1) : String(Number(value.toPrecision(5)));
}

function indicators(signal) {
  const cell = element("td", "values");
  const entries = Object.entries(signal.indicators).filter(([name]) => name !== "signal_strength");
  entries.slice(0, 4).forEach(([name, value], index) => {
    cell.append(index ? " · " : "", `${name} `, element("b", "", number(value)));
  });
  cell.title = entries.map(([name, value]) => `${name} ${value}`).join("\n");
  return cell;
}

export function setNotice(row, notice, words, add = false) {
  const cell = row.querySelector(".notice");
  const channels = new Set(add ? JSON.parse(cell.dataset.channels) : []);
  for (const channel of notice.channels) channels.add(channel);
  const names = [...channels].join(", ");
  cell.dataset.channels = JSON.stringify([...channels]);
  if (notice.state === "quiet") {
    const short = element("span", "muted small nowrap", words.quietShort[notice.reason] ?? notice.reason);
    short.title = words.quiet[notice.reason] ?? "";
    cell.replaceChildren(short);
  } else {
    cell.replaceChildren(badge(notice.state, words.notices[notice.state], names));
  }
}

// What became of it so far: the move after the most candles that are known, and whether
// the person took it. ``brief`` is one of those that /outcomes/newest/ gives.
export function setBecame(row, brief) {
  const cell = row.querySelector(".became");
  const parts = brief.choice ? [badge(brief.choice, brief.said, brief.note), " "] : [];
  if (brief.text) {
    const move = element("span", `num ${brief.tone}`, brief.text);
    move.title = brief.hint;
    parts.push(move, " ", element("small", "muted", String(brief.candles)));
  }
  cell.replaceChildren(...parts);
}

export function rowOf(signal, words) {
  const pair = element("td", "pair", `${signal.pair} `, element("small", "", signal.timeframe));
  pair.title = signal.exchange;
  const row = element("tr", "",
    when(signal, words),
    element("td", "type", badge(signal.signal_type.toLowerCase(), words.types[signal.signal_type], signal.metadata.mark)),
    pair,
    strength(signal, words),
    element("td", "num price", signal.price),
    element("td", "by", `${signal.strategy_name} `, element("small", "", signal.strategy_version ?? "")),
    indicators(signal),
    element("td", "num became"),
    element("td", "notice"));
  row.dataset.id = signal.id;
  row.dataset.time = signal.timestamp;
  setNotice(row, signal.notice, words);
  return row;
}
