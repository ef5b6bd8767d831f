// Draws the history of a proxy: latencies as lines, failures by class as stacked bars.

const place = document.getElementById("chart");
const source = document.getElementById("chart-data");
const HEIGHT = 260;
// Failures stay in the lower third, below the lines.
const HEADROOM = 3;

const colour = (name) => getComputedStyle(place).getPropertyValue(name).trim();

// A moment without a test is a gap, so every span is there.
function spans(data) {
  const first = Math.floor((data.from - data.at[0]) / data.width) * data.width + data.at[0];
  const index = new Map(data.at.map((at, position) => [at, position]));
  const at = [];
  for (let moment = first; moment <= data.to + data.width; moment += data.width) at.push(moment);
  const pick = (column) => at.map((moment) => (index.has(moment) ? column[index.get(moment)] : null));
  return { at, tests: pick(data.tests), p50: pick(data.p50), max: pick(data.max), failures: data.failures.map((each) => ({ ...each, counts: pick(each.counts) })) };
}

// Each layer stands on those before it; the tallest is drawn first.
function stacked(failures) {
  const sums = [];
  for (const { counts } of failures) {
    sums.push(counts.map((count, position) => (count ?? 0) + (sums.at(-1)?.[position] ?? 0)));
  }
  return sums.reverse().map((sum) => sum.map((value) => value || null));
}

function dates(data) {
  const zone = { timeZone: data.zone, hourCycle: "h23" };
  const clock = new Intl.DateTimeFormat(data.language, { ...zone, hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(data.language, { ...zone, month: "numeric", day: "numeric" });
  const full = new Intl.DateTimeFormat(data.language, { ...zone, month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const short = data.to - data.from <= 2 * 86400;
  // A day is written once; further marks of the same day are times.
  const axis = (moments) => moments.map((moment, position) => {
    const own = day.format(moment * 1000);
    const again = position > 0 && day.format(moments[position - 1] * 1000) === own;
    return short || again ? clock.format(moment * 1000) : own;
  });
  return { axis, full: (moment) => full.format(moment * 1000) };
}

function options(data, columns) {
  const when = dates(data);
  const reversed = [...columns.failures].reverse();
  const ms = (_chart, value) => (value === null || value === undefined ? "–" : `${value} ms`);
  const line = (label, stroke, more) => ({ label, stroke, width: 1.6, scale: "ms", spanGaps: true, points: { show: columns.p50.filter((each) => each !== null).length < 40, size: 5 }, value: ms, ...more });
  const layer = (each) => ({
    label: each.label,
    scale: "failures",
    width: 0,
    stroke: colour(`--class-${each.name}`) || colour("--bad"),
    fill: colour(`--class-${each.name}`) || colour("--bad"),
    paths: uPlot.paths.bars({ size: [0.9, 14], align: 0 }),
    points: { show: false },
    // The bar is a sum; what is told is the class by itself.
    value: (_chart, _sum, _series, position) => (position === null ? "–" : `${each.counts[position] ?? 0}`),
  });
  const axis = { stroke: colour("--muted"), font: "12px system-ui, sans-serif", ticks: { stroke: colour("--line"), width: 1 }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (moment) => uPlot.tzDate(new Date(moment * 1000), data.zone),
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      // The newest span is drawn at its middle, which may be still to come.
      x: { time: true, range: [data.from, Math.max(data.to, (data.at.at(-1) ?? 0) + data.width / 2)] },
      ms: { range: (_chart, _least, most) => [0, Math.max(10, (most ?? 10) * 1.12)] },
      failures: { range: (_chart, _least, most) => [0, Math.max(3, (most ?? 1) * HEADROOM)] },
    },
    axes: [
      { ...axis, values: (_chart, moments) => when.axis(moments), space: 64 },
      { ...axis, scale: "ms", size: 62, values: (_chart, values) => values.map((value) => `${value} ms`) },
    ],
    series: [
      { value: (_chart, moment) => (moment === null || moment === undefined ? "–" : when.full(moment)), label: data.words.time },
      ...reversed.map(layer),
      line(data.words.max, colour("--muted"), { dash: [4, 4], width: 1.2, points: { show: false } }),
      line(data.words.p50, colour("--accent")),
    ],
  };
}

function start() {
  const data = JSON.parse(source.textContent);
  const columns = spans(data);
  const values = [columns.at, ...stacked(columns.failures), columns.max, columns.p50];
  let chart = null;
  const draw = () => {
    chart?.destroy();
    chart = new uPlot(options(data, columns), values, place);
  };
  draw();
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  // The canvas has the colours of the theme in it.
  document.addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", draw);
}

if (place && source && globalThis.uPlot) start();
