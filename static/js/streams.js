// Answers that are being written.

const PATIENCE = 2500; // ms without a connection before the page speaks of it

// After an HTTP error the extension opens a new EventSource, which starts where the first one did: skip what is here.
onPage("htmx:sseBeforeMessage", (event) => {
  const { type, lastEventId } = event.detail;
  const { dataset } = event.target;
  if (type !== "block") return;
  if (Number(lastEventId) <= Number(dataset.end)) event.preventDefault();
  else dataset.end = lastEventId;
});

// The end of an answer comes with all of it. Where its blocks are here already they stay, and with them what a reader
// has selected in them; only what stands around them is changed.
onPage("htmx:sseBeforeMessage", (event) => {
  if (event.detail.type !== "done") return;
  const answer = event.target;
  const whole = new DOMParser().parseFromString(event.detail.data, "text/html").querySelector(".answer");
  if (!whole || !sameBlocks(answer.querySelector(".blocks"), whole.querySelector(".blocks"))) return;
  event.preventDefault();
  replaceAround(answer, whole, ".answer-body");
  replaceAround(answer.querySelector(".answer-body"), whole.querySelector(".answer-body"), ".blocks");
  for (const name of answer.getAttributeNames()) answer.removeAttribute(name);
  for (const { name, value } of whole.attributes) answer.setAttribute(name, value);
  htmx.process(answer);
  htmx.trigger(answer, "htmx:load");
});

// Copy buttons have come to the one; text and elements are otherwise the same, or they are not.
function sameBlocks(here, there) {
  const plain = here.cloneNode(true);
  for (const button of plain.querySelectorAll(".copy")) button.remove();
  return plain.textContent === there.textContent && plain.childElementCount === there.childElementCount;
}

function replaceAround(here, there, kept) {
  const [middle, model] = [here, there].map((one) => one.querySelector(`:scope > ${kept}`));
  for (const side of ["previousSibling", "nextSibling"]) while (middle[side]) middle[side].remove();
  while (model.previousSibling) here.prepend(model.previousSibling);
  while (model.nextSibling) here.append(model.nextSibling);
}

let waiting;
onPage("htmx:sseError", () => {
  waiting ??= setTimeout(() => tell("trouble-stream"), PATIENCE);
});
onPage("htmx:sseOpen", () => {
  clearTimeout(waiting);
  waiting = undefined;
  if ($("notice")?.dataset.of === "trouble-stream") tell(null);
});
