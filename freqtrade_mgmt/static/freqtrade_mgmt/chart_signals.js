// The signals of every strategy on this pair: which are loaded, whose they are, which
// of them are drawn.

const TONES = 10;
const HIDDEN_KEY = "btcw-chart-hidden";
const REPEATS_KEY = "btcw-chart-repeats";
const SHAPES = { BUY: ["arrowUp", "belowBar"], SELL: ["arrowDown", "aboveBar"], HOLD: ["square", "aboveBar"] };

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise; // storage is forbidden in this browser, or holds something else
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Then the choice lasts as long as the page.
  }
}

export class Signals {
  constructor(start) {
    this.start = start;
    this.byId = new Map();
    this.sorted = null;
    this.people = new Map();
    this.hidden = new Set(read(HIDDEN_KEY, []));
    this.repeats = read(REPEATS_KEY, false);
    this.from = Infinity;
    this.cut = false;
    for (const { id, name } of start.strategies) this.person(`s${id}`, id, name);
  }

  // Whose signal: a strategy by its number, what others post by its name.
  whose(signal) {
    const key = signal.strategy_id ? `s${signal.strategy_id}` : `n${signal.strategy_name}`;
    return this.person(key, signal.strategy_id, signal.strategy_name);
  }

  person(key, id, name) {
    let found = this.people.get(key);
    if (!found) {
      const order = this.people.size;
      // The same colour on every chart, unless another strategy has it here.
      const taken = new Set([...this.people.values()].map((one) => one.tone));
      let tone = (id ?? order) % TONES;
      for (let step = 0; step < TONES && taken.has(tone); step += 1) tone = (tone + 1) % TONES;
      const letter = String.fromCharCode(65 + (order % 26)) + (order >= 26 ? Math.floor(order / 26) : "");
      found = { key, name, tone, letter };
      this.people.set(key, found);
    }
    return found;
  }

  async ask(since, until) {
    const { exchange, pair } = this.start;
    const query = new URLSearchParams({ exchange, pair, since: Math.floor(since * 1000), until: Math.ceil(until * 1000) });
    return this.fetch(`/charts/markers/?${query}`);
  }

  async fetch(address) {
    const answer = await fetch(address);
    if (answer.redirected || !answer.ok) throw new Error(`markers answered ${answer.status}`);
    return answer.json();
  }

  // Loads what the browser fetched ahead: those of the first candles.
  async begin() {
    const { markers } = this.start.first;
    const since = Number(new URL(markers, location.href).searchParams.get("since")) / 1000;
    return this.take(await this.fetch(markers), since);
  }

  // Loads those since a moment (seconds), up to now or to those that are loaded.
  async load(since, anew = false) {
    const until = anew || this.from === Infinity ? Date.now() / 1000 + 120 : this.from;
    if (until <= since) return null;
    const answer = await this.ask(since, until);
    if (anew) this.byId.clear();
    return this.take(answer, since);
  }

  take(answer, since) {
    for (const signal of answer.markers) this.add(signal);
    this.cut = answer.cut;
    const first = answer.markers[0];
    this.from = answer.cut && first ? Date.parse(first.timestamp) / 1000 : since;
    return answer;
  }

  add(signal) {
    if (this.byId.has(signal.id)) return false;
    signal.seconds = Date.parse(signal.timestamp) / 1000;
    signal.whose = this.whose(signal);
    this.byId.set(signal.id, signal);
    this.sorted = null;
    return true;
  }

  all() {
    this.sorted ??= [...this.byId.values()].sort((a, b) => a.seconds - b.seconds || (a.id < b.id ? -1 : 1));
    return this.sorted;
  }

  shown() {
    return this.all().filter((one) => !this.hidden.has(one.whose.key) && (this.repeats || (one.metadata.streak ?? 1) === 1));
  }

  hide(key, hidden) {
    if (hidden) this.hidden.add(key);
    else this.hidden.delete(key);
    write(HIDDEN_KEY, [...this.hidden]);
  }

  setRepeats(repeats) {
    this.repeats = repeats;
    write(REPEATS_KEY, repeats);
  }

  // The chosen one stands out; later marks of a streak stand back, as all do from afar.
  sizeOf(signal, chosen, first, near) {
    if (signal.id === chosen) return 2.6;
    if (!first) return 0.6;
    return near ? 1.4 : 1;
  }

  // The marks to draw. A signal belongs to the candle that holds its close; those of one
  // strategy that say the same on one long candle are one mark.
  marks(placeOf, colours, letters, chosen) {
    const groups = new Map();
    for (const signal of this.shown()) {
      const time = placeOf(signal.seconds);
      if (time === null) continue;
      const key = `${time} ${signal.whose.key} ${signal.signal_type}`;
      const group = groups.get(key);
      if (group) group.signals.push(signal);
      else groups.set(key, { time, signals: [signal] });
    }
    return [...groups.values()].map(({ time, signals }) => this.mark(time, signals, colours, letters, chosen));
  }

  mark(time, signals, colours, letters, chosen) {
    const signal = signals.find((one) => one.id === chosen) ?? signals.at(-1);
    const [shape, position] = SHAPES[signal.signal_type];
    const first = signals.some((one) => (one.metadata.streak ?? 1) === 1);
    return {
      id: signal.id, time, shape, position,
      color: colours[signal.whose.tone],
      size: this.sizeOf(signal, chosen, first, letters),
      text: (letters && first) || signal.id === chosen ? signal.whose.letter : undefined,
    };
  }
}
