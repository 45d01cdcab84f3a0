// Copying an answer or its code.

htmx.onLoad(addCopyButtons);

function addCopyButtons(root) {
  if (!navigator.clipboard) return; // browsers give it to secure pages only
  for (const head of root.querySelectorAll(".blocks .code-head, :scope > .code-head")) addCopyButton(head, "append");
  const answers = root.matches(".answer") ? [root] : root.querySelectorAll(".answer");
  for (const answer of answers) {
    if (answer.querySelector(".blocks")?.firstChild && !answer.matches(".running")) {
      addCopyButton(answer.querySelector(".answer-actions"), "prepend");
    }
  }
}

function addCopyButton(place, how) {
  if (place.querySelector(".copy")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = "Copy";
  place[how](button);
}

onPage("click", async ({ target }) => {
  const button = target.closest(".copy");
  if (!button) return;
  const source = button.closest(".code")?.querySelector("pre") ?? button.closest(".answer").querySelector(".blocks");
  await navigator.clipboard.writeText(source.innerText.trimEnd());
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
});
