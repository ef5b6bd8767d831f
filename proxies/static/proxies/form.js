// The buttons below the test address fill it in; the one that is in it looks pressed.

const input = document.querySelector("[name=test_url]");
const buttons = [...document.querySelectorAll("[data-target]")];

function mark() {
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button.dataset.target === input.value));
  }
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    input.value = button.dataset.target;
    mark();
  });
}
input.addEventListener("input", mark);
mark();

// A field with an error must be seen.
for (const wrong of document.querySelectorAll("details .errorlist")) wrong.closest("details").open = true;
