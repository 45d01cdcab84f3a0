// Where the focus goes, and what is announced.

// An action that replaces itself (stop, try again, rename) leaves the focus on what has taken its place.
let returnFocus = false;
onPage("htmx:beforeRequest", ({ target }) => {
  if (target.id !== "composer") returnFocus = target.contains(document.activeElement);
});

onPage("htmx:sseBeforeMessage", ({ detail, target }) => {
  if (detail.type === "done") returnFocus ||= target.contains(document.activeElement);
});

htmx.onLoad((added) => {
  if (added.matches(".turn:last-child")) toTheEnd();
  if (added.dataset.announce) announce(added.dataset.announce);
  if (returnFocus && added.matches(".turn, .answer, .rating, .session-item")) {
    returnFocus = false;
    if (document.activeElement === document.body) added.querySelector(".answer-actions button, .remark > summary, .session-link")?.focus();
  }
});
