// Asks each second how far a draft's check is, and goes on when it is published.

const box = document.getElementById("trial");
const EVERY_MS = 1000;

async function look() {
  try {
    const response = await fetch(box.dataset.part, { redirect: "manual" });
    if (response.headers.get("X-Finished") || response.type === "opaqueredirect") {
      location.assign(box.dataset.here);
      return;
    }
    if (response.ok) show(await response.text());
    else if (response.status === 404) location.reload();
  } catch {
    // The server is away for a moment: ask again.
  }
  again();
}

function show(text) {
  const part = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
  const old = box.firstElementChild;
  // The token of a form differs each time, so not the whole markup is compared.
  const seen = (of) => of.dataset.state + of.textContent;
  if (part && seen(part) !== seen(old)) old.replaceWith(part);
}

function again() {
  if (box.querySelector("[data-busy]")) setTimeout(look, EVERY_MS);
}

again();
