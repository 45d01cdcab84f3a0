// Keyboard shortcuts: each presses or focuses what the page shows anyway. _fragments/help.html lists them. All have a
// modifier, so that none is in the way of typing or of a screen reader.

const SHORTCUTS = {
  "Ctrl+Shift+O": ".new-chat, .topbar-new",
  "Ctrl+K": "input[type=search]",
  "Shift+Escape": "#query",
  "Ctrl+Shift+C": ".answer-actions .copy",
  "Ctrl+.": ".stop",
  "Ctrl+/": ".help-button",
};

function nameOf({ key, ctrlKey, metaKey, shiftKey }) {
  const name = key.length === 1 ? key.toUpperCase() : key;
  const shift = shiftKey && /^([A-Z]|Escape)$/.test(name); // on some keyboards "/" needs it
  return `${ctrlKey || metaKey ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${name}`;
}

onPage("keydown", (event) => {
  const wanted = SHORTCUTS[nameOf(event)];
  if (!wanted || event.isComposing || event.altKey || document.querySelector("dialog[open]")) return;
  const found = [...document.querySelectorAll(wanted)].filter((one) => one.checkVisibility()).at(-1);
  if (!found) return;
  event.preventDefault();
  if (found.matches("input, textarea")) found.focus();
  else found.click();
});

// Browsers that do not know `command` yet.
if (!("command" in HTMLButtonElement.prototype)) {
  onPage("click", ({ target }) => {
    const button = target.closest("[commandfor]");
    if (button) $(button.getAttribute("commandfor")).showModal();
  });
}
