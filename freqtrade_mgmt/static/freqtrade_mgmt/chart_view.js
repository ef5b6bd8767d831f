// The drawing itself: candles, volume, marks, and how to move about.

import { zonedScale } from "./chart_time.js";

const BAR_SPACING = 9;
// From here on there is room for the letter of a strategy beside its mark.
const LETTER_SPACING = 6;
const RIGHT_BARS = 6;

export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function precision(candles) {
  let digits = 2;
  for (const candle of candles.slice(-200)) {
    const [, decimals = ""] = String(candle.close).split(".");
    digits = Math.max(digits, Math.min(decimals.length, 8));
  }
  return digits;
}

export class View {
  constructor(box, zone, handlers) {
    this.box = box;
    this.zone = zone;
    const { CandlestickSeries, HistogramSeries, createChartEx, createSeriesMarkers } = LightweightCharts;
    this.chart = createChartEx(box, zonedScale(zone), {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 12 },
      localization: { timeFormatter: (seconds) => zone.text(seconds) },
      timeScale: {
        timeVisible: true,
        secondsVisible: false,
        rightOffset: RIGHT_BARS,
        barSpacing: BAR_SPACING,
        minBarSpacing: 0.6,
        tickMarkFormatter: (seconds, type) => zone.tick(seconds, type),
      },
      rightPriceScale: { scaleMargins: { top: 0.1, bottom: 0.08 } },
      kineticScroll: { touch: true, mouse: false },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false, priceLineStyle: 2 });
    this.volume = this.chart.addSeries(HistogramSeries, { priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false }, 1);
    this.chart.panes()[0].setStretchFactor(5);
    this.chart.panes()[1].setStretchFactor(1);
    this.marks = createSeriesMarkers(this.candles, [], { autoScale: true });
    this.bars = [];
    this.letters = true;
    this.dress();
    this.chart.subscribeCrosshairMove((move) => {
      box.classList.toggle("on-mark", move.hoveredObjectId !== undefined);
      handlers.onHover(move.logical === undefined ? null : this.barAt(move.logical));
    });
    this.chart.subscribeClick((click) => handlers.onClick(click.hoveredObjectId, click.time));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => range && handlers.onMove(range));
  }

  // Takes the colours of the theme.
  dress() {
    const [text, grid, line, cross, surface] = ["--muted", "--chart-grid", "--line", "--chart-cross", "--raised"].map(css);
    const [up, down] = [css("--candle-rise"), css("--candle-fall")];
    this.colours = { up: css("--volume-rise"), down: css("--volume-fall") };
    this.chart.applyOptions({
      layout: { background: { type: "solid", color: css("--surface") }, textColor: text, fontFamily: css("--font"), panes: { separatorColor: line, separatorHoverColor: grid } },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      crosshair: { mode: 0, vertLine: { color: cross, labelBackgroundColor: surface }, horzLine: { color: cross, labelBackgroundColor: surface } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.volume.setData(this.bars.map((bar) => this.volumeOf(bar)));
  }

  volumeOf(bar) {
    return { time: bar.time, value: bar.volume, color: bar.close >= bar.open ? this.colours.up : this.colours.down };
  }

  // Shows other candles; what is in view stays when ``added`` came in front.
  setBars(bars, added = 0) {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    const digits = precision(bars);
    this.bars = bars;
    this.candles.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    this.candles.setData(bars);
    this.volume.setData(bars.map((bar) => this.volumeOf(bar)));
    if (added && range) scale.setVisibleLogicalRange({ from: range.from + added, to: range.to + added });
  }

  update(bar) {
    this.candles.update(bar);
    this.volume.update(this.volumeOf(bar));
  }

  setMarks(marks) {
    this.marks.setMarkers(marks);
  }

  barAt(logical) {
    return this.bars[Math.round(logical)] ?? null;
  }

  // First and last candle in view, by time; null when there is none.
  inView() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range || !this.bars.length) return null;
    const last = this.bars.length - 1;
    const from = this.bars[Math.min(last, Math.max(0, Math.floor(range.from)))];
    const to = this.bars[Math.max(0, Math.min(last, Math.ceil(range.to)))];
    return { from: from.time, to: to.time };
  }

  hasRoomForLetters() {
    return this.chart.timeScale().options().barSpacing >= LETTER_SPACING;
  }

  centre(index) {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange() ?? { from: 0, to: 120 };
    const half = (range.to - range.from) / 2;
    scale.setVisibleLogicalRange({ from: index - half, to: index + half });
  }

  toNewest() {
    this.chart.timeScale().scrollToRealTime();
  }

  begin() {
    this.chart.timeScale().applyOptions({ barSpacing: BAR_SPACING });
    this.chart.timeScale().scrollToPosition(RIGHT_BARS, false);
  }

  keys(event) {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range) return false;
    const width = range.to - range.from;
    const step = width / (event.shiftKey ? 2 : 10);
    const moves = {
      ArrowLeft: [-step, -step], ArrowRight: [step, step], "+": [width / 8, 0], "=": [width / 8, 0], "-": [-width / 8, 0],
      Home: [-range.from, -range.from],
    };
    if (event.key === "End") {
      this.toNewest();
      return true;
    }
    const move = moves[event.key];
    if (!move) return false;
    scale.setVisibleLogicalRange({ from: range.from + move[0], to: range.to + move[1] });
    return true;
  }
}

