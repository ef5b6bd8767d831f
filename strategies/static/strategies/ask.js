// Asks before a form with data-confirm (its own or its button's) is sent.

const dialog = document.getElementById("ask");
const sentence = document.getElementById("ask-text");
let waiting = null;

document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  const question = button?.dataset.confirm || form.dataset.confirm;
  if (!question) return;
  if (waiting?.form === form && waiting.sure) {
    waiting = null;
    return;
  }
  event.preventDefault();
  waiting = { form, button, sure: false };
  sentence.textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
});

dialog.addEventListener("close", () => {
  if (!waiting) return;
  if (dialog.returnValue !== "yes") {
    waiting = null;
    return;
  }
  waiting.sure = true;
  waiting.form.requestSubmit(waiting.button);
});
