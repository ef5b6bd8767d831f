// On a narrow screen the navigation scrolls; the page that is open must be in sight.

for (const here of document.querySelectorAll(".nav [aria-current], .section-tabs [aria-current]")) {
  here.scrollIntoView({ block: "nearest", inline: "center" });
}
