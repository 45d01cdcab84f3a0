// The composer: which keys send, and what was typed meanwhile.

const touchOnly = matchMedia("(hover: none) and (pointer: coarse)");

onPage("keydown", (event) => {
  if (event.target.id !== "query" || event.key !== "Enter" || event.shiftKey || touchOnly.matches) return;
  if (event.isComposing || event.keyCode === 229) return; // an input method takes this Enter (229: Safari's way)
  event.preventDefault();
  if (event.target.value.trim()) event.target.form.requestSubmit();
});

if (!CSS.supports("field-sizing", "content")) {
  const grow = (field) => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  onPage("input", ({ target }) => target.id === "query" && grow(target));
}

// The composer comes back empty with the answer to a message. What was typed while that was on its way stays.
let sent = "";
onPage("htmx:beforeRequest", ({ target }) => {
  if (target.id === "composer") sent = $("query").value;
});
onPage("htmx:oobBeforeSwap", ({ detail }) => {
  if (detail.target.id !== "composer") return;
  const typed = $("query").value;
  if (typed !== sent) detail.fragment.querySelector("#query").value = typed;
});
