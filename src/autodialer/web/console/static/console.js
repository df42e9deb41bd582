// What the pages need beyond htmx: the token in each of htmx's requests, a question before what can't be undone, and a word when
// the service does not answer, as what is shown is old then.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.body.dataset.csrf;
  if (token) event.detail.headers["x-csrf-token"] = token;
});
document.addEventListener("submit", (event) => {
  const question = event.submitter && event.submitter.dataset.ask;
  if (question && !window.confirm(question)) event.preventDefault();
});
const showGone = (isGone) => {
  const notice = document.getElementById("gone");
  if (notice) notice.hidden = !isGone;
};
document.addEventListener("htmx:sendError", () => showGone(true));
document.addEventListener("htmx:afterOnLoad", (event) => showGone(event.detail.xhr.status >= 500));
