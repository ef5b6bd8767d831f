// Draws the measurements of a period, chart by chart, and fetches them anew now and then.

const plots = document.getElementById("plots");
const source = document.getElementById("plots-data");
const HEIGHT = 190;

const colour = (name) => getComputedStyle(plots).getPropertyValue(name).trim();

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

function told(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return `${Number(value.toFixed(size >= 100 ? 0 : size >= 1 ? 1 : size >= 0.01 ? 2 : 4))}`;
}

function options(data, chart, place) {
  const when = dates(data);
  const axis = { stroke: colour("--muted"), font: "12px system-ui, sans-serif", ticks: { stroke: colour("--line"), width: 1 }, grid: { stroke: colour("--line"), width: 1 } };
  const few = data.at.length < 3;
  return {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (moment) => uPlot.tzDate(new Date(moment * 1000), data.zone),
    cursor: { drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "system" } },
    scales: {
      x: { time: true, range: [data.from, data.to] },
      y: { range: (_chart, _least, most) => [0, Math.max(chart.unit === "%" ? 10 : 0.01, (most ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, values: (_chart, moments) => when.axis(moments), space: 64 },
      { ...axis, size: 56, values: (_chart, values) => values.map((value) => `${Number(value.toPrecision(6))}`) },
    ],
    series: [
      { label: data.words.time, value: (_chart, moment) => (moment === null || moment === undefined ? "–" : when.full(moment)) },
      ...chart.lines.map((line) => ({
        label: line.label,
        stroke: colour(`--ink-${line.colour}`),
        width: 1.5,
        points: { show: few, size: 5 },
        value: (_chart, value) => told(value),
      })),
    ],
  };
}

function start() {
  let data = JSON.parse(source.textContent);
  const drawn = new Map();

  const draw = () => {
    for (const chart of data.charts) {
      const card = plots.querySelector(`[data-chart="${chart.key}"]`);
      const place = card.querySelector(".plot");
      drawn.get(chart.key)?.destroy();
      drawn.delete(chart.key);
      card.querySelector(".none").hidden = chart.lines.length > 0;
      if (!chart.lines.length) continue;
      const values = [data.at, ...chart.lines.map((line) => line.values)];
      drawn.set(chart.key, new uPlot(options(data, chart, place), values, place));
    }
  };

  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(plots.dataset.url, { headers: { Accept: "application/json" } });
      // Whoever was logged out meanwhile is led to the login by the next click.
      if (!answer.ok || answer.redirected) return;
      data = await answer.json();
      draw();
    } catch {
      // The next time will do.
    }
  };

  draw();
  new ResizeObserver(() => {
    for (const chart of drawn.values()) {
      const width = chart.root.parentElement.clientWidth;
      if (width && width !== chart.width) chart.setSize({ width, height: HEIGHT });
    }
  }).observe(plots);
  setInterval(refresh, Number(plots.dataset.seconds) * 1000);
  // The canvas has the colours of the theme in it.
  document.addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", draw);
}

if (plots && source && globalThis.uPlot) start();
