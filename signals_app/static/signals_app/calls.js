// A sound and a notification of the browser for signals that arrive: as the person's
// settings say, until something else is chosen here, which this browser remembers.

const KEPT = "live-calls";
const LEVELS = ["weak", "medium", "strong"];
// A burst calls once.
const PAUSE = 1500;
const NOTES = { BUY: [523.25, 783.99], SELL: [783.99, 523.25], HOLD: [659.25, 659.25] };
const byId = (id) => document.getElementById(id);
const fields = { sound: byId("c-sound"), notify: byId("c-notify"), level: byId("c-level") };

let context = null;
let words = null;
let last = 0;

const mayNotify = () => "Notification" in window && Notification.permission === "granted";

function kept() {
  const { usual } = words.calls;
  try {
    const found = { ...usual, ...JSON.parse(localStorage.getItem(KEPT) ?? "{}") };
    const level = LEVELS.includes(found.level) ? found.level : usual.level;
    // What an account wishes, each browser has to be asked for.
    return { sound: found.sound === true, notify: found.notify === true && mayNotify(), level };
  } catch {
    return { ...usual, notify: usual.notify && mayNotify() };
  }
}

let settings = { sound: false, notify: false, level: "strong" };

function say(text) {
  const place = byId("calls-said");
  place.textContent = text;
  place.hidden = !text;
}

function show() {
  fields.sound.checked = settings.sound;
  fields.notify.checked = settings.notify;
  fields.level.value = settings.level;
  byId("calls-on").hidden = !(settings.sound || settings.notify);
  const muted = settings.sound && context?.state === "suspended";
  const unasked = words.calls.usual.notify && "Notification" in window && Notification.permission === "default";
  say(muted ? words.calls.muted : unasked ? words.calls.ask : "");
}

function keep(changes) {
  settings = { ...settings, ...changes };
  try {
    localStorage.setItem(KEPT, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing still does it until the page is left.
  }
  show();
}

function listen() {
  if (!settings.sound) return;
  context ??= new AudioContext();
  context.onstatechange = show;
  context.resume().catch(() => {});
}

function play(type) {
  listen();
  if (context?.state !== "running") return;
  (NOTES[type] ?? NOTES.HOLD).forEach((frequency, index) => {
    const from = context.currentTime + index * 0.14;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    // It swells and fades, because a tone that is cut off clicks.
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(0.2, from + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, from + 0.3);
    tone.connect(volume).connect(context.destination);
    tone.start(from);
    tone.stop(from + 0.32);
  });
  document.documentElement.dataset.called = type;
}

function titleOf(signal) {
  const values = {
    type: words.types[signal.signal_type],
    pair: signal.pair,
    level: words.levels[signal.strength_level],
    strength: Math.round(signal.strength_raw),
  };
  return words.calls.title.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);
}

function notify(title, body, address) {
  if (!mayNotify()) return;
  // One at a time: the newest takes the place of the one before.
  const shown = new Notification(title, { body, tag: "signal", renotify: true, icon: "/static/img/logo.svg" });
  shown.onclick = () => {
    window.focus();
    if (address) location.assign(address);
    shown.close();
  };
}

async function askForNotifications() {
  if (!("Notification" in window)) {
    keep({ notify: false });
    say(words.calls.missing);
    return;
  }
  const answer = await Notification.requestPermission();
  keep({ notify: answer === "granted" });
  if (answer !== "granted") say(words.calls.refused);
}

// What is old news when it arrives calls nobody.
const isNews = (signal) => !signal.metadata.late && signal.metadata.source !== "backfill";

function call(signal) {
  // What nobody heard does not make the next one part of a burst.
  if (!(settings.sound || settings.notify) || !isNews(signal)) return;
  if (LEVELS.indexOf(signal.strength_level) < LEVELS.indexOf(settings.level)) return;
  if (Date.now() - last < PAUSE) return;
  last = Date.now();
  if (settings.sound) play(signal.signal_type);
  const away = document.hidden || !document.hasFocus();
  if (settings.notify && away) {
    notify(titleOf(signal), `${signal.strategy_name} · ${signal.timeframe} · ${signal.price}`, `/signals/${signal.id}/`);
  }
}

export function callsFor(pageWords) {
  words = pageWords;
  settings = kept();
  byId("calls").hidden = false;
  fields.sound.addEventListener("change", () => {
    keep({ sound: fields.sound.checked });
    listen();
  });
  fields.notify.addEventListener("change", () => {
    if (fields.notify.checked) askForNotifications();
    else keep({ notify: false });
  });
  fields.level.addEventListener("change", () => keep({ level: fields.level.value }));
  byId("c-try").addEventListener("click", () => {
    if (settings.sound) play("BUY");
    if (settings.notify) notify("BTC Watcher", words.calls.try, "");
  });
  // Sound may begin only after somebody did something on the page.
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, listen);
  addEventListener("storage", (event) => {
    if (event.key !== KEPT) return;
    settings = kept();
    show();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#calls")) byId("calls").open = false;
  });
  byId("calls").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    byId("calls").open = false;
    byId("calls").querySelector("summary").focus();
  });
  listen();
  show();
  return call;
}
