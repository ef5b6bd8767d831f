// Counts on what the server wrote: "12 s ago" becomes "13 s ago".

const data = document.getElementById("ago-words");
const words = JSON.parse(data.textContent);
const STEPS = [["s", 1, 120], ["min", 60, 7200], ["h", 3600, 172800], ["d", 86400, Infinity]];
// A clock of this machine that is wrong must not make candles look old.
const off = words.now - Date.now();
const skew = Math.abs(off) > 5000 ? off : 0;

function ago(moment) {
  const seconds = Math.max(0, Math.floor((Date.now() + skew - Date.parse(moment)) / 1000));
  const [unit, length] = STEPS.find(([, , limit]) => seconds < limit);
  return words[unit].replace("%(count)d", Math.floor(seconds / length));
}

function count() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago(time.dateTime);
    if (time.textContent !== text) time.textContent = text;
  }
}

count();
setInterval(count, 1000);
document.addEventListener("refreshed", count);
document.addEventListener("visibilitychange", count);
