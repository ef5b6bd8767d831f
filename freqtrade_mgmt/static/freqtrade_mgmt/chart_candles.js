// The candles that are loaded: newest at first, older ones as one goes back, then the
// next one as soon as it has closed. Nothing is asked for while the page is hidden.

// The bot needs a second or two after a close; pages come one after the other.
const AFTER_CLOSE = 2200;
const SPREAD = 1200;
const RETRIES = [2500, 5000, 10000, 20000];
const BOT_AWAY = 30000;

function bar([time, open, high, low, close, volume, closed]) {
  return { time: time / 1000, open, high, low, close, volume, closed: closed === 1 };
}

export class Candles {
  constructor(start, handlers) {
    this.start = start;
    this.handlers = handlers;
    this.timeframe = start.timeframe;
    this.bars = [];
    this.earlier = false;
    this.loading = null;
    this.timer = 0;
    this.tries = 0;
    this.round = 0;
    document.addEventListener("visibilitychange", () => document.hidden || this.poke());
  }

  get length() {
    return this.start.lengths[this.timeframe] / 1000;
  }

  async ask(extra) {
    const { strategy, pair, first } = this.start;
    const query = new URLSearchParams({ strategy, pair, timeframe: this.timeframe, ...extra });
    // The browser fetched this one ahead.
    const address = first.candles ?? `/charts/candles/?${query}`;
    first.candles = undefined;
    const answer = await fetch(address);
    if (answer.redirected) location.reload();
    if (!answer.ok && answer.status !== 404) throw new Error(`candles answered ${answer.status}`);
    return answer.json();
  }

  // Loads the newest candles anew, of another timeframe if wanted.
  async load(timeframe = this.timeframe) {
    this.round += 1;
    const round = this.round;
    this.timeframe = timeframe;
    clearTimeout(this.timer);
    try {
      const answer = await this.ask({ limit: this.start.limit });
      if (round !== this.round) return;
      this.bars = answer.candles.map(bar);
      this.earlier = answer.earlier;
      this.tries = 0;
      this.handlers.onLoad(answer);
      this.plan(answer, true);
    } catch {
      if (round === this.round) this.failed(() => this.load());
    }
  }

  // Loads what lies before the first candle; tells how many that were.
  older() {
    if (!this.earlier || !this.bars.length) return Promise.resolve(0);
    this.loading ??= this.fetchOlder().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  async fetchOlder() {
    const round = this.round;
    try {
      const first = this.bars[0].time * 1000;
      const answer = await this.ask({ until: first, limit: this.start.limit });
      if (round !== this.round) return 0;
      const added = answer.candles.map(bar);
      this.earlier = answer.earlier && added.length > 0;
      this.bars = [...added, ...this.bars];
      this.handlers.onOlder(added.length);
      return added.length;
    } catch {
      return 0; // the next movement tries again
    }
  }

  // Asks for what came since the last candle.
  async refresh() {
    const last = this.bars.at(-1);
    if (!last) {
      await this.load();
      return;
    }
    const round = this.round;
    const missing = Math.ceil((Date.now() / 1000 - last.time) / this.length) + 2;
    if (missing > this.start.limit) {
      await this.load();
      return;
    }
    try {
      const answer = await this.ask({ limit: Math.max(2, missing) });
      if (round !== this.round) return;
      const fresh = answer.candles.map(bar).filter((one) => one.time >= last.time);
      const gap = answer.candles.length > 0 && answer.candles[0][0] / 1000 > last.time + this.length;
      if (gap) {
        await this.load();
        return;
      }
      const grown = this.merge(fresh);
      this.handlers.onFresh(answer, fresh);
      this.plan(answer, grown);
    } catch {
      if (round === this.round) this.failed(() => this.refresh());
    }
  }

  merge(fresh) {
    let grown = false;
    for (const one of fresh) {
      const last = this.bars.at(-1);
      if (one.time > last.time) {
        this.bars.push(one);
        grown = true;
      } else if (one.time === last.time) {
        grown = grown || one.volume !== last.volume || one.closed !== last.closed;
        this.bars[this.bars.length - 1] = one;
      }
    }
    return grown;
  }

  // Sets the clock for the next question.
  plan(answer, grown) {
    if (answer.state === "kept" || answer.state === "none") {
      this.after(BOT_AWAY, () => this.refresh());
      return;
    }
    const untilClose = Math.max(0, answer.next_close - answer.now) + AFTER_CLOSE + Math.random() * SPREAD;
    if (grown && answer.state === "live") {
      this.tries = 0;
      this.after(untilClose, () => this.refresh());
    } else {
      const wait = RETRIES[this.tries] ?? untilClose;
      this.tries += 1;
      this.after(Math.min(wait, untilClose), () => this.refresh());
    }
  }

  failed(again) {
    const wait = RETRIES[Math.min(this.tries, RETRIES.length - 1)];
    this.tries += 1;
    this.handlers.onFailed(Math.round(wait / 1000));
    this.after(wait, again);
  }

  after(wait, act) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (document.hidden) this.waits = true;
      else act();
    }, wait);
  }

  // Something happened: a signal came, or somebody looks again.
  poke() {
    if (!this.waits && document.hidden) return;
    const last = this.bars.at(-1);
    const due = !last || Date.now() / 1000 > last.time + 2 * this.length;
    if (!this.waits && !due) return;
    this.waits = false;
    this.after(200, () => this.refresh());
  }
}
