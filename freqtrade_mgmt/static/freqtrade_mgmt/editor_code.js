// Text areas for source code: line numbers, Tab and Shift+Tab, Enter keeps the indent.
// Escape gives Tab its usual meaning once, so nobody is caught in the field.

const INDENT = "    ";

function insert(area, text) {
  // The only way to change text that the browser's undo knows about.
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function lineStart(area, position) {
  return area.value.lastIndexOf("\n", position - 1) + 1;
}

// Replaces the lines that the selection touches by what `change` makes of each.
function changeLines(area, change) {
  const from = lineStart(area, area.selectionStart);
  const end = area.selectionEnd;
  const after = area.value.indexOf("\n", end);
  const to = after < 0 ? area.value.length : after;
  const before = area.value.slice(from, to);
  const text = before.split("\n").map(change).join("\n");
  if (text === before) return;
  area.setSelectionRange(from, to);
  insert(area, text);
  area.setSelectionRange(from, from + text.length);
}

function outdented(line) {
  return line.replace(/^( {1,4}|\t)/, "");
}

function onTab(area, backwards) {
  const chosen = area.value.slice(area.selectionStart, area.selectionEnd);
  if (backwards) {
    changeLines(area, outdented);
  } else if (chosen.includes("\n")) {
    changeLines(area, (line) => (line.trim() ? INDENT + line : line));
  } else {
    const column = area.selectionStart - lineStart(area, area.selectionStart);
    insert(area, INDENT.slice(column % INDENT.length));
  }
}

function onEnter(area) {
  const start = lineStart(area, area.selectionStart);
  const line = area.value.slice(start, area.selectionStart);
  const indent = line.match(/^[ \t]*/)[0];
  const deeper = /:\s*(#.*)?$/.test(line) && line.trim() !== "";
  insert(area, `\n${indent}${deeper ? INDENT : ""}`);
}

function keys(area) {
  let leaving = false;
  area.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      leaving = true;
    } else if (event.key === "Tab" && !leaving) {
      event.preventDefault();
      onTab(area, event.shiftKey);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      onEnter(area);
    } else if (event.key !== "Shift" && event.key !== "Tab") {
      leaving = false;
    }
  });
  area.addEventListener("blur", () => { leaving = false; });
}

function numbered(area) {
  const box = document.createElement("div");
  const gutter = document.createElement("div");
  box.className = "codebox";
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  area.replaceWith(box);
  box.append(gutter, area);
  let lines = 0;
  const count = () => {
    const wanted = area.value.split("\n").length;
    if (wanted === lines) return;
    lines = wanted;
    gutter.textContent = Array.from({ length: lines }, (_, at) => at + 1).join("\n");
    gutter.scrollTop = area.scrollTop;
  };
  area.addEventListener("input", count);
  // Sent by the module that saves when the server has generated other code.
  area.addEventListener("codechange", count);
  area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
  count();
}

for (const area of document.querySelectorAll("textarea[data-code]")) {
  numbered(area);
  if (!area.readOnly) keys(area);
}
