// Draws what was measured of the servers: one small chart for each element with data-chart.

const source = document.getElementById("chart-data");
const HEIGHT = 190;
// A minute without a sample is nothing; a longer gap is drawn as one.
const GAP = 300;

const LARGER = ["B", "KB", "MB", "GB", "TB"];
const number = (language, places) => new Intl.NumberFormat(language, { maximumFractionDigits: places });

function bytes(language, thousand) {
  return (value) => {
    let unit = 0;
    while (Math.abs(value) >= thousand && unit < LARGER.length - 1) {
      value /= thousand;
      unit += 1;
    }
    return `${number(language, value < 100 && unit ? 1 : 0).format(value)} ${LARGER[unit]}`;
  };
}

function units({ language, thousand = 1024 }) {
  const plain = number(language, 0);
  const fine = number(language, 2);
  return {
    bytes: bytes(language, thousand),
    count: (value) => (Number.isInteger(value) ? plain.format(value) : ""),
    rate: (value) => fine.format(value),
    percent: (value) => `${fine.format(value)} %`,
    seconds: (value) => (value >= 120 ? `${number(language, 1).format(value / 60)} min` : `${number(language, 1).format(value)} s`),
  };
}

// Where nothing was measured for long the line ends.
function withGaps(data, names) {
  const at = [];
  const columns = names.map(() => []);
  data.at.forEach((moment, position) => {
    if (!data.points && position && moment - data.at[position - 1] > GAP) {
      at.push(moment - 1);
      columns.forEach((column) => column.push(null));
    }
    at.push(moment);
    columns.forEach((column, each) => column.push(data[names[each]][position]));
  });
  return [at, ...columns];
}

function dates(data) {
  const zone = { timeZone: data.zone, hourCycle: "h23" };
  const clock = new Intl.DateTimeFormat(data.language, { ...zone, hour: "2-digit", minute: "2-digit" });
  const full = new Intl.DateTimeFormat(data.language, { ...zone, month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(data.language, { timeZone: data.zone, month: "numeric", day: "numeric" });
  const short = data.days ? day : clock;
  return { clock: (moment) => short.format(moment * 1000), full: (moment) => full.format(moment * 1000) };
}

function range(unit) {
  return (_chart, least, most) => {
    if (least === null || least === undefined) return [0, 1];
    // Sizes are read by how they grow; everything else by how far it is from nothing.
    if (unit === "percent") return [Math.max(0, Math.min(least, 95) - 2), 100.5];
    const start = unit === "bytes" && least > most * 0.6 ? least - Math.max((most - least) * 0.2, most * 0.02) : 0;
    return [start, most + Math.max((most - start) * 0.12, unit === "count" ? 1 : 0.1)];
  };
}

function options(place, data, shown) {
  const style = getComputedStyle(place);
  const colour = (name) => style.getPropertyValue(name).trim();
  const strokes = [colour("--accent"), colour("--second"), colour("--third")];
  const when = dates(data);
  const tell = units(data);
  const { left, right, unit } = shown;
  const axis = { stroke: colour("--muted"), font: "11px system-ui, sans-serif", ticks: { stroke: colour("--line"), width: 1 }, grid: { stroke: colour("--line"), width: 1 } };
  const line = (name, position, scale, words) => ({
    label: data.words[name],
    scale,
    stroke: strokes[position],
    width: 1.5,
    fill: left.length + right.length === 1 ? `${strokes[0]}22` : undefined,
    // What comes once a day is seen as points; what comes once a minute as a line.
    points: { show: Boolean(data.points), size: 6 },
    value: (_chart, value) => (value === null || value === undefined ? "–" : words(value)),
  });
  return {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (moment) => uPlot.tzDate(new Date(moment * 1000), data.zone),
    cursor: { drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "servers" } },
    scales: { x: { time: true, range: [data.from, data.to] }, left: { range: range(unit) }, right: { range: range("count") } },
    axes: [
      { ...axis, values: (_chart, moments) => moments.map(when.clock), space: 60 },
      { ...axis, scale: "left", size: 64, space: 34, values: (_chart, values) => values.map(tell[unit]) },
      ...(right.length ? [{ ...axis, scale: "right", side: 1, size: 62, space: 34, grid: { show: false }, values: (_chart, values) => values.map(tell.count) }] : []),
    ],
    series: [
      { label: data.words.time, value: (_chart, moment) => (moment === null || moment === undefined ? "–" : when.full(moment)) },
      ...left.map((name, position) => line(name, position, "left", unit === "count" ? units(data).rate : tell[unit])),
      ...right.map((name, position) => line(name, left.length + position, "right", tell.rate)),
    ],
  };
}

function start(place, data) {
  const split = (text) => (text ?? "").split(" ").filter(Boolean);
  const shown = { left: split(place.dataset.chart), right: split(place.dataset.right), unit: place.dataset.unit };
  const values = withGaps(data, [...shown.left, ...shown.right]);
  let chart = null;
  const draw = () => {
    chart?.destroy();
    chart = new uPlot(options(place, data, shown), values, place);
  };
  draw();
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  // The canvas has the colours of the theme in it.
  document.addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", draw);
}

if (source && globalThis.uPlot) {
  const data = JSON.parse(source.textContent);
  for (const place of document.querySelectorAll("[data-chart]")) start(place, data);
}
