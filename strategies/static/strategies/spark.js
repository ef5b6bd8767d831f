// Draws the health of the last 24 hours: [[seconds, score], ...] in data-spark.

const NAMESPACE = "http://www.w3.org/2000/svg";
const HOURS = 24;
const HEIGHT = 84;
// Points come every five minutes; a longer pause is a gap in the line.
const GAP = 660;
const GUIDES = [50, 80];

function shape(name, attributes) {
  const node = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function runs(points) {
  const found = [];
  for (const point of points) {
    const run = found.at(-1);
    if (run && point[0] - run.at(-1)[0] <= GAP) run.push(point);
    else found.push([point]);
  }
  return found;
}

function level(score) {
  if (score >= GUIDES[1]) return "good";
  return score >= GUIDES[0] ? "fair" : "bad";
}

function draw(place) {
  const end = Math.floor(Date.now() / 1000);
  const start = end - HOURS * 3600;
  const points = JSON.parse(place.dataset.spark).filter(([time]) => time >= start);
  if (!points.length) {
    const nothing = document.createElement("p");
    nothing.className = "muted";
    nothing.textContent = place.dataset.none;
    place.replaceChildren(nothing);
    return;
  }
  const width = Math.max(place.clientWidth, 160);
  const x = (time) => ((time - start) / (end - start)) * width;
  const y = (score) => 3 + (1 - score / 100) * (HEIGHT - 6);
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
    timeZone: place.dataset.zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const dated = new Intl.DateTimeFormat(document.documentElement.lang, {
    timeZone: place.dataset.zone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const told = ([time, score]) => `${clock.format(time * 1000)} · ${score}`;
  const lowest = points.reduce((low, point) => (point[1] < low[1] ? point : low));
  const svg = shape("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img",
    "aria-label": `${place.dataset.label}: ${told(lowest)} – ${told(points.at(-1))}`,
  });
  for (const score of GUIDES) {
    svg.append(shape("line", { x1: 0, x2: width, y1: y(score), y2: y(score), class: "guide" }));
  }
  for (const run of runs(points)) {
    const line = run.map(([time, score]) => `${x(time).toFixed(1)},${y(score).toFixed(1)}`);
    const [left, right] = [x(run[0][0]).toFixed(1), x(run.at(-1)[0]).toFixed(1)];
    svg.append(shape("polygon", { points: `${left},${HEIGHT} ${line.join(" ")} ${right},${HEIGHT}`, class: "area" }));
    svg.append(shape("polyline", { points: line.join(" "), class: "curve" }));
  }
  for (const [time, score] of points) {
    if (level(score) === "bad") svg.append(shape("circle", { cx: x(time), cy: y(score), r: 1.8, class: "low" }));
  }
  const cursor = shape("line", { y1: 0, y2: HEIGHT, class: "cursor", visibility: "hidden" });
  svg.append(cursor);
  const axis = document.createElement("p");
  axis.className = "axis num";
  const [from, note, to] = ["", "", ""].map(() => axis.appendChild(document.createElement("span")));
  // A whole day: both ends would read the same.
  from.textContent = dated.format(start * 1000);
  to.textContent = clock.format(end * 1000);
  svg.addEventListener("pointermove", (event) => {
    const time = start + (event.offsetX / width) * (end - start);
    const near = points.reduce((best, point) => (Math.abs(point[0] - time) < Math.abs(best[0] - time) ? point : best));
    cursor.setAttribute("x1", x(near[0]));
    cursor.setAttribute("x2", x(near[0]));
    cursor.setAttribute("visibility", "visible");
    note.textContent = told(near);
    note.className = `score-${level(near[1])}`;
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    note.textContent = "";
  });
  place.replaceChildren(svg, axis);
}

for (const place of document.querySelectorAll("[data-spark]")) {
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    draw(place);
  }).observe(place);
  new MutationObserver(() => draw(place)).observe(place, { attributeFilter: ["data-spark"] });
}
