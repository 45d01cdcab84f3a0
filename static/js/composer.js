// The composer: which keys send, how it grows, and how much of the model's room a message takes.

const CHARACTERS_PER_TOKEN = 3; // as the server guesses
const touchOnly = matchMedia("(hover: none) and (pointer: coarse)");

// Enter sends and Shift+Enter breaks the line; for those who chose so, and on a phone, Enter breaks it. Ctrl+Enter sends.
onPage("keydown", (event) => {
  const { target, key, shiftKey, ctrlKey, metaKey } = event;
  if (target.id !== "query" || key !== "Enter" || shiftKey) return;
  if (event.isComposing || event.keyCode === 229) return; // an input method takes this Enter (229: Safari's way)
  const enterSends = target.form.dataset.enterSends !== "false" && !touchOnly.matches;
  if (!enterSends && !ctrlKey && !metaKey) return;
  event.preventDefault();
  if (target.value.trim()) target.form.requestSubmit();
});

const growsByItself = CSS.supports("field-sizing", "content");
function grow(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

// From half of the room on; the server counts, this is a guess.
function count(field) {
  const place = $("room");
  if (!place) return;
  const room = Number(field.form.dataset.room);
  const used = Math.ceil(field.value.length / CHARACTERS_PER_TOKEN);
  place.hidden = used < room / 2;
  place.classList.toggle("over", used > room);
  place.querySelector(".used").textContent = used.toLocaleString(document.documentElement.lang);
}

function fit(field) {
  if (!growsByItself) grow(field);
  count(field);
}

onPage("input", ({ target }) => {
  if (target.id !== "query") return;
  fit(target);
  // What was refused is being mended.
  $("query-error")?.remove();
  target.removeAttribute("aria-invalid");
});
htmx.onLoad((added) => {
  const field = added.querySelector("#query");
  if (!field?.value) return;
  field.setSelectionRange(field.value.length, field.value.length);
  fit(field);
});
