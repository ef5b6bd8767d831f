// The live log: the last lines, then whatever is written. Text goes in as text.
//
// Works for every [data-log] part, whether it came with the page or through htmx.

import { follow } from "../signals_app/feed.js";

const LINES = 2000;
const LEVELS = { DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3, CRITICAL: 4 };
const LEFT_OUT = "LEFT_OUT";
// How near the end counts as being at the end, in pixels.
const NEAR = 40;

function piece(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  node.textContent = text;
  return node;
}

class LogView {
  constructor(root) {
    this.root = root;
    this.words = JSON.parse(root.dataset.words);
    this.list = root.querySelector("[data-lines]");
    this.empty = root.querySelector("[data-empty]");
    this.newest = root.querySelector("[data-newest]");
    this.pauseButton = root.querySelector("[data-pause]");
    this.connection = root.querySelector("[data-conn]");
    this.lines = [];
    this.waiting = [];
    this.paused = false;
    this.source = "";
    this.level = 0;
    const { language, zone } = this.words;
    const parts = { timeZone: zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    this.clock = new Intl.DateTimeFormat(language, parts);
    this.full = new Intl.DateTimeFormat(language, { timeZone: zone, dateStyle: "full", timeStyle: "long" });
    this.listen();
  }

  listen() {
    const buttons = [...this.root.querySelectorAll("[data-source]")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
        this.source = button.dataset.source;
        this.show();
      });
    }
    this.root.querySelector("[data-level]").addEventListener("change", (event) => {
      this.level = Number(event.target.value);
      this.show();
    });
    this.pauseButton.addEventListener("click", () => this.pause(!this.paused));
    this.newest.addEventListener("click", () => {
      this.pause(false);
      this.toEnd();
      this.list.focus({ preventScroll: true });
    });
    this.list.addEventListener("scroll", () => this.showNewest(), { passive: true });
  }

  take(event) {
    if (!this.root.isConnected) return;
    if (event.type !== "lines") return;
    if (event.start) {
      this.lines = event.lines;
      this.waiting = [];
      this.showPause();
      this.show();
    } else if (this.paused) {
      this.waiting = this.waiting.concat(event.lines).slice(-LINES);
      this.showPause();
    } else {
      this.add(event.lines);
    }
  }

  pause(paused) {
    this.paused = paused;
    if (!paused && this.waiting.length) {
      const waiting = this.waiting;
      this.waiting = [];
      this.add(waiting);
    }
    this.showPause();
  }

  showPause() {
    const { pause, resume, resumeMore } = this.words;
    const text = this.waiting.length ? resumeMore.replace("{count}", this.waiting.length) : resume;
    this.pauseButton.textContent = this.paused ? text : pause;
    this.pauseButton.setAttribute("aria-pressed", String(this.paused));
  }

  add(lines) {
    const follows = this.atEnd();
    this.lines = this.lines.concat(lines);
    const fitting = lines.filter((line) => this.fits(line)).map((line) => this.row(line));
    this.list.append(...fitting);
    if (this.lines.length > LINES) this.lines = this.lines.slice(-LINES);
    while (this.list.childElementCount > LINES) this.list.firstElementChild.remove();
    this.showWhetherEmpty();
    if (follows) this.toEnd();
    this.showNewest();
  }

  show() {
    this.list.replaceChildren(...this.lines.filter((line) => this.fits(line)).map((line) => this.row(line)));
    this.showWhetherEmpty();
    this.toEnd();
  }

  showWhetherEmpty() {
    this.empty.hidden = this.list.childElementCount > 0;
    this.empty.textContent = this.lines.length ? this.words.filtered : this.words.nothing;
  }

  fits([source, level]) {
    if (this.source && source !== this.source) return false;
    return level === LEFT_OUT || LEVELS[level] >= this.level;
  }

  row([source, level, time, logger, text]) {
    const tone = level === "CRITICAL" ? "error" : level.toLowerCase().replace("_", "-");
    const row = piece("div", `log-line ${source} ${tone}`, "");
    if (level === LEFT_OUT) {
      row.classList.add("bare");
      row.append(piece("span", "said", this.words.leftOut.replace("{count}", text)));
      return row;
    }
    if (time === null) {
      row.classList.add("bare");
    } else {
      const moment = new Date(time);
      const clock = piece("time", "", this.clock.format(moment));
      clock.dateTime = moment.toISOString();
      clock.title = this.full.format(moment);
      const by = piece("span", "by", logger.replace(/^freqtrade\./, ""));
      by.title = `${level} ${logger}`;
      row.append(clock, by);
    }
    row.append(piece("span", "said", text));
    return row;
  }

  atEnd() {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR;
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
    this.showNewest();
  }

  showNewest() {
    this.newest.hidden = this.atEnd();
  }

  showState(state) {
    this.connection.dataset.state = state;
    this.connection.textContent = this.words.connection[state];
  }
}

function begin(root) {
  if (root.dataset.begun) return;
  root.dataset.begun = "true";
  const view = new LogView(root);
  const stop = follow({
    path: root.dataset.path,
    cursor: "",
    onEvent: (event) => view.take(event),
    onState: (state) => view.showState(state),
    reload: async () => "",
  });
  root.addEventListener("htmx:beforeCleanupElement", () => stop?.());
}

function beginAll(node) {
  if (node.matches?.("[data-log]")) begin(node);
  for (const root of node.querySelectorAll("[data-log]")) begin(root);
}

beginAll(document);
document.addEventListener("htmx:load", (event) => beginAll(event.target));
