// What stands beside the chart: the strategies with their boxes, the signals in view,
// and the one that was chosen.

const LISTED = 60;
const ARROWS = { BUY: "▲", SELL: "▼", HOLD: "■" };
const CLASSES = { BUY: "rise", SELL: "fall", HOLD: "muted" };

function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function letter(person) {
  const node = element("span", `letter tone-${person.tone}`, person.letter);
  node.setAttribute("aria-hidden", "true");
  return node;
}

export class Side {
  constructor(words, zone, signals, handlers) {
    Object.assign(this, { words, zone, signals, handlers });
    const find = (id) => document.getElementById(id);
    Object.assign(this, {
      legend: find("legend"), list: find("signal-list"), panel: find("panel"), none: find("no-signals"),
      total: find("in-view"), cut: find("cut"), rows: new Map(),
    });
    this.none.textContent = words.noMarkersInView;
    const repeats = find("repeats");
    repeats.checked = signals.repeats;
    repeats.addEventListener("change", () => {
      signals.setRepeats(repeats.checked);
      handlers.onChange();
    });
  }

  legendRow(person) {
    let row = this.rows.get(person.key);
    if (row) return row;
    const box = element("input", "");
    Object.assign(box, { type: "checkbox", checked: !this.signals.hidden.has(person.key) });
    box.addEventListener("change", () => {
      this.signals.hide(person.key, !box.checked);
      this.handlers.onChange();
    });
    const name = element("span", "name", person.name);
    name.title = person.name;
    row = element("label", "legend-row", box, letter(person), name, element("span", "num", "0"));
    row.dataset.key = person.key;
    this.rows.set(person.key, row);
    this.legend.append(row);
    return row;
  }

  // Counts and lists what lies between two moments (seconds).
  show(view) {
    const counts = new Map();
    const seen = [];
    const isShown = new Set(this.signals.shown());
    for (const signal of this.signals.all()) {
      if (!view || signal.seconds < view.from || signal.seconds > view.to) continue;
      if (!this.signals.repeats && (signal.metadata.streak ?? 1) > 1) continue;
      counts.set(signal.whose.key, (counts.get(signal.whose.key) ?? 0) + 1);
      if (isShown.has(signal)) seen.push(signal);
    }
    for (const person of this.signals.people.values()) {
      this.legendRow(person).lastElementChild.textContent = counts.get(person.key) ?? 0;
    }
    this.total.textContent = this.words.inView.replace("{count}", seen.length);
    this.cut.hidden = !this.signals.cut;
    this.cut.textContent = this.words.cut.replace("{count}", this.signals.byId.size);
    this.none.hidden = seen.length > 0;
    this.fillList(seen.slice(-LISTED).reverse());
  }

  fillList(signals) {
    const wanted = signals.map((signal) => signal.id).join();
    if (this.listed === wanted) return;
    this.listed = wanted;
    this.list.replaceChildren(...signals.map((signal) => element("li", "", this.listButton(signal))));
    this.markChosen();
  }

  listButton(signal) {
    const type = element("span", CLASSES[signal.signal_type], ARROWS[signal.signal_type]);
    type.title = this.words.types[signal.signal_type];
    type.setAttribute("aria-label", type.title);
    const button = element("button", "", letter(signal.whose), type,
      element("span", "num", this.zone.brief(signal.seconds)), element("span", "num price", signal.price));
    button.type = "button";
    button.dataset.id = signal.id;
    button.title = signal.whose.name;
    button.addEventListener("click", () => this.handlers.onChoose(signal));
    return button;
  }

  markChosen() {
    for (const button of this.list.querySelectorAll("button")) {
      if (button.dataset.id === this.chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  // Shows one signal, and which others share its candle.
  open(signal, others) {
    const { words } = this;
    this.chosen = signal.id;
    const close = element("button", "btn btn-quiet btn-small", "✕");
    close.type = "button";
    close.setAttribute("aria-label", words.close);
    close.addEventListener("click", () => this.close());
    const badge = element("span", `badge badge-${signal.signal_type.toLowerCase()}`, words.types[signal.signal_type]);
    const level = element("span", `badge badge-${signal.strength_level}`, words.levels[signal.strength_level]);
    const link = element("a", "btn btn-wide", words.open);
    link.href = `/signals/${signal.id}/`;
    this.panel.replaceChildren(
      element("div", "panel-head", letter(signal.whose), badge, level, close),
      this.facts(signal), link, ...this.othersOf(others));
    this.panel.hidden = false;
    this.panel.scrollIntoView({ block: "nearest" });
    this.markChosen();
  }

  facts(signal) {
    const { words } = this;
    const { mark, tag, streak, late } = signal.metadata;
    const rows = [
      [words.strategy, `${signal.strategy_name} ${signal.strategy_version ?? ""}`],
      [words.candleClose, this.zone.text(signal.seconds)],
      [words.price, signal.price],
      [words.strength, `${Math.round(signal.strength_raw)} · ${signal.priority}${late ? ` · ${words.late}` : ""}`],
      [words.timeframe, signal.timeframe],
      [words.mark, mark ?? ""],
      [words.tag, tag ?? ""],
      [words.streak, streak > 1 ? String(streak) : ""],
    ];
    const list = element("dl", "kv");
    for (const [name, value] of rows) {
      if (value.trim()) list.append(element("dt", "", name), element("dd", "", value));
    }
    return list;
  }

  othersOf(others) {
    if (!others.length) return [];
    const list = element("ol", "signal-list", ...others.map((one) => element("li", "", this.listButton(one))));
    return [element("p", "others", this.words.others), list];
  }

  close() {
    this.chosen = undefined;
    this.panel.hidden = true;
    this.markChosen();
    this.handlers.onClose();
    document.getElementById("chart").focus({ preventScroll: true });
  }
}
