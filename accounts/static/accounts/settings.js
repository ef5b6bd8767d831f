// The page of settings: asks the browser for what it must allow, and lets what is saved
// here count in this browser too.

const form = document.getElementById("settings");
const refused = document.getElementById("s-refused");
const notify = form.elements.namedItem("notify");
const calls = ["sound", "notify", "level"].map((name) => form.elements.namedItem(name));

// Chosen in this browser before accounts kept it: what is shown is what is seen.
const root = document.documentElement;
if (!root.dataset.accountTheme && root.dataset.theme) {
  form.querySelector(`input[name=theme][value=${root.dataset.theme}]`).checked = true;
}

notify.addEventListener("change", async () => {
  refused.hidden = true;
  if (!notify.checked || !("Notification" in window)) return;
  refused.hidden = (await Notification.requestPermission()) !== "denied";
});

let called = false;
for (const field of calls) field.addEventListener("change", () => { called = true; });
form.addEventListener("submit", () => {
  if (!called) return;
  try {
    // Of the live page (signals_app/calls.js), which then follows the account.
    localStorage.removeItem("live-calls");
  } catch {
    // A browser that keeps nothing has nothing of its own.
  }
});
