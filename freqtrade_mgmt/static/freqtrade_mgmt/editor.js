// The editor saves itself: shortly after the last key, and at the latest every few
// seconds while somebody types. What the server says is put beside the fields.

import "./editor_code.js";

const QUIET_MS = 1200;
const LONGEST_MS = 5000;
const RETRY_MS = 5000;
const FILE_BYTES = 500_000;

const form = document.getElementById("editor");
const words = JSON.parse(document.getElementById("words").textContent);
const stateLine = document.getElementById("save-state");
const generated = document.getElementById("generated");
const touched = new Set();
let timer = 0;
let since = 0;
let changes = 0;
let stored = 0;
let running = null;
let blocked = document.getElementById("conflict") !== null;
let leaving = false;

function say(state, text) {
  stateLine.dataset.state = state;
  if (stateLine.textContent !== text) stateLine.textContent = text;
}

const filled = (text, values) =>
  text.replace(/%\((\w+)\)s/g, (_, name) => values[name] ?? "");

// -- Beside the fields ---------------------------------------------------------

function errorList(name, sentences) {
  const list = document.createElement("ul");
  list.className = "errorlist";
  list.id = `id_${name}_error`;
  for (const sentence of sentences) {
    const item = document.createElement("li");
    item.textContent = sentence;
    list.append(item);
  }
  return list;
}

function showField(box, answer) {
  const name = box.dataset.field;
  const hint = box.querySelector("[data-hint]");
  if (hint) {
    hint.textContent = answer.hints[name] ?? "";
    hint.hidden = !answer.hints[name];
  }
  const sentences = answer.errors[name] ?? [];
  // A field that somebody is in the middle of is not corrected yet.
  const busy = box.contains(document.activeElement) && touched.has(name);
  if (sentences.length && busy) return;
  const slot = box.querySelector("[data-errors]");
  slot.replaceChildren(...(sentences.length ? [errorList(name, sentences)] : []));
  for (const control of box.querySelectorAll("input, select, textarea")) {
    if (sentences.length) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
}

function showWrong(errors) {
  const list = document.querySelector("#wrong ul");
  const links = [];
  for (const box of form.querySelectorAll("[data-field]")) {
    if (!errors[box.dataset.field]) continue;
    const control = box.querySelector("input, select, textarea");
    const link = document.createElement("a");
    link.href = `#${control.id}`;
    link.textContent = box.querySelector("label, legend").textContent.trim();
    const item = document.createElement("li");
    item.append(link);
    links.push(item);
  }
  list.replaceChildren(...links);
  document.getElementById("wrong").hidden = links.length === 0;
}

function showAnswer(answer) {
  for (const box of form.querySelectorAll("[data-field]")) showField(box, answer);
  const general = form.querySelector("[data-errors-of]");
  const sentences = answer.errors.__all__ ?? [];
  general.replaceChildren(...(sentences.length ? [errorList("all", sentences)] : []));
  showWrong(answer.errors);
  document.getElementById("expires").textContent = answer.expires;
  document.getElementById("class-name").textContent = answer.className;
  document.getElementById("columns").replaceChildren(
    ...answer.columns.flatMap((column) => {
      const code = document.createElement("code");
      code.textContent = column;
      return [code, " "];
    }),
  );
  if (generated && answer.code !== null && generated.value !== answer.code) {
    generated.value = answer.code;
    generated.dispatchEvent(new Event("codechange"));
  }
}

// -- Saving --------------------------------------------------------------------

function conflict(answer) {
  blocked = true;
  const template = document.getElementById("conflict-template").content;
  const box = template.firstElementChild.cloneNode(true);
  box.querySelector("p").textContent = answer.problem;
  box.querySelector("[data-overwrite]").addEventListener("click", () => {
    form.elements.token.value = answer.overwrite;
    box.remove();
    blocked = false;
    save();
  });
  document.getElementById("conflict")?.remove();
  document.getElementById("notes").append(box);
  box.scrollIntoView({ block: "nearest" });
  say("problem", filled(words.refused, { problem: answer.problem }));
}

async function post() {
  const data = new FormData(form);
  // Files go when somebody asks for it, not with every key.
  data.delete("file");
  // The cookie is newer than the page's token after a login in another tab.
  const token = document.cookie.match(/(?:^|; )btcw_csrf=([^;]+)/)?.[1];
  const headers = { "X-Autosave": "1" };
  if (token) headers["X-CSRFToken"] = token;
  return fetch(location.href, {
    method: "POST",
    body: data,
    headers,
    redirect: "manual",
  });
}

async function take(response, sent) {
  if (response.type === "opaqueredirect" || response.status === 403) {
    say("problem", words.loggedOut);
    return false;
  }
  const answer = await response.json();
  if (response.ok) {
    form.elements.token.value = answer.token;
    stored = sent;
    showAnswer(answer);
    if (changes === sent) say("saved", filled(words.saved, { time: answer.saved }));
    return true;
  }
  if (answer.conflict) conflict(answer);
  else {
    blocked = answer.gone === true;
    say("problem", filled(words.refused, { problem: answer.problem }));
  }
  return !blocked;
}

async function save() {
  clearTimeout(timer);
  if (running || blocked || leaving || changes === stored) return;
  const sent = changes;
  since = 0;
  say("saving", words.saving);
  let again = 0;
  running = (async () => {
    try {
      const taken = await take(await post(), sent);
      if (!taken) again = blocked ? 0 : RETRY_MS;
    } catch {
      // The server is away, or what answered is no server of ours.
      say("problem", words.offline);
      again = RETRY_MS;
    }
  })();
  await running;
  running = null;
  if (again) timer = setTimeout(save, again);
  else if (changes !== sent) schedule();
}

function schedule() {
  clearTimeout(timer);
  since ||= Date.now();
  const wait = Math.min(QUIET_MS, Math.max(0, since + LONGEST_MS - Date.now()));
  timer = setTimeout(save, wait);
}

form.addEventListener("input", (event) => {
  if (event.target.type === "file") return;
  const box = event.target.closest("[data-field]");
  if (box) touched.add(box.dataset.field);
  changes += 1;
  if (event.target.name === "name") showTitle();
  drawScale();
  if (blocked) return;
  say("changed", words.changed);
  schedule();
});

// Errors of a field that was left are due now.
form.addEventListener("focusout", (event) => {
  const box = event.target.closest("[data-field]");
  if (box && touched.delete(box.dataset.field)) {
    changes += 1;
    schedule();
  }
});

// A button sends the whole form with the token of the last save, so that one ends first.
form.addEventListener("submit", (event) => {
  clearTimeout(timer);
  if (running) {
    event.preventDefault();
    const button = event.submitter;
    running.then(() => form.requestSubmit(button));
    return;
  }
  leaving = true;
});

addEventListener("beforeunload", (event) => {
  if (changes !== stored && !leaving) event.preventDefault();
});

// Back from another page: the browser may show this one as it was, with an old token.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    changes += 1;
    save();
  }
});

// -- Small comforts --------------------------------------------------------------

function showTitle() {
  const title = document.getElementById("title");
  title.textContent = form.elements.name.value.trim() || words.untitled;
}

function drawScale() {
  const [strong, medium, weak] = ["strong", "medium", "weak"].map((name) =>
    Math.min(100, Math.max(0, Number(form.elements[name].value) || 0)),
  );
  const parts = { weak: [weak, medium], medium: [medium, strong], strong: [strong, 100] };
  for (const [name, [from, to]] of Object.entries(parts)) {
    const bar = form.querySelector(`.scale-${name}`);
    bar.setAttribute("x", String(from));
    bar.setAttribute("width", String(Math.max(0, to - from)));
  }
}

const file = document.getElementById("file");
file?.addEventListener("change", () => {
  const [chosen] = file.files;
  if (!chosen) return;
  let sentence = words.reading;
  if (!chosen.name.toLowerCase().endsWith(".py")) sentence = words.notPython;
  else if (chosen.size > FILE_BYTES) sentence = words.tooLarge;
  document.getElementById("file-said").textContent = filled(sentence, { file: chosen.name });
  document.getElementById("use-file").hidden = sentence !== words.reading;
});
if (file) document.getElementById("use-file").hidden = !file.files.length;

drawScale();
