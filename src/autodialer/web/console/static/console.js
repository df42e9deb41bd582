// What the pages need beyond htmx: the token in each of htmx's requests, a question before what can't be undone, no second click
// while the first one is on its way, and a word when the service does not answer, as what is shown is old then.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.body.dataset.csrf;
  if (token) event.detail.headers["x-csrf-token"] = token;
});
// A second click would take the place of the first one's answer, and say that it can't be done twice. Who stops waiting may try again.
const patience = 30000;
let sent = new WeakMap();
// Who is about to press Pause while somebody else does so must not hit the Resume that takes its place.
const surprise = 1500;
let label = null, changedAt = 0;
const labelOfSwitch = () => document.getElementById("switch")?.textContent;
document.addEventListener("htmx:beforeSwap", () => { label = labelOfSwitch(); });
document.addEventListener("htmx:afterSwap", () => { if (label !== labelOfSwitch()) changedAt = Date.now(); });
document.addEventListener("submit", (event) => {
  const question = event.submitter && event.submitter.dataset.ask;
  const isOnItsWay = Date.now() - sent.get(event.target) < patience;
  const isSurprised = event.submitter?.id === "switch" && Date.now() - changedAt < surprise;
  if (isOnItsWay || isSurprised || (question && !window.confirm(question))) event.preventDefault();
  else if (event.target.method === "post") sent.set(event.target, Date.now());
});
window.addEventListener("pageshow", () => { sent = new WeakMap(); });
const showGone = (isGone) => {
  const notice = document.getElementById("gone");
  if (notice) notice.hidden = !isGone;
};
document.addEventListener("htmx:sendError", () => showGone(true));
document.addEventListener("htmx:afterOnLoad", (event) => showGone(event.detail.xhr.status >= 500));
