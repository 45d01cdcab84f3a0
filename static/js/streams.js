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

let waiting;
onPage("htmx:sseError", () => {
  waiting ??= setTimeout(() => tell("trouble-stream"), PATIENCE);
});
onPage("htmx:sseOpen", () => {
  clearTimeout(waiting);
  waiting = undefined;
  if ($("notice")?.dataset.of === "trouble-stream") tell(null);
});
