// Buttons that copy a command, and a word where a part of the page did not come.

function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Without TLS there is no clipboard; then it is marked, ready for the keys.
    select(source);
    return;
  }
  const words = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => {
    button.textContent = words;
  }, 1500);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

// A run that cannot be asked for goes on all the same; the next second may answer.
let silent = 0;
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.id !== "run") return;
  silent = event.detail.successful ? 0 : silent + 1;
  event.target.classList.toggle("outdated", silent > 4);
});
