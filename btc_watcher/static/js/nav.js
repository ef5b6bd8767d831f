// On a narrow screen the navigation scrolls; the page that is open must be in sight.

const here = document.querySelector(".nav [aria-current]");
here?.scrollIntoView({ block: "nearest", inline: "center" });
