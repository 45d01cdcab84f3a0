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
// has selected in them; a block that uses what is defined below it is changed, and what stands around them.
onPage("htmx:sseBeforeMessage", (event) => {
  if (event.detail.type !== "done") return;
  const answer = event.target;
  const whole = new DOMParser().parseFromString(event.detail.data, "text/html").querySelector(".answer");
  if (!whole || !mend(answer.querySelector(".blocks"), whole.querySelector(".blocks"))) return;
  event.preventDefault();
  replaceAround(answer, whole, ".answer-body");
  replaceAround(answer.querySelector(".answer-body"), whole.querySelector(".answer-body"), ".blocks");
  for (const name of answer.getAttributeNames()) answer.removeAttribute(name);
  for (const { name, value } of whole.attributes) answer.setAttribute(name, value);
  htmx.process(answer);
  htmx.trigger(answer, "htmx:load");
});

// Gives the blocks that are here the text that they have in the end; false where they are not all here. What else tells
// them apart are copy buttons, which have come to these.
function mend(here, there) {
  if (here.childElementCount !== there.childElementCount) return false;
  [...there.children].forEach((model, index) => {
    const plain = here.children[index].cloneNode(true);
    for (const button of plain.querySelectorAll(".copy")) button.remove();
    if (plain.textContent !== model.textContent) here.children[index].replaceWith(model);
  });
  return true;
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
