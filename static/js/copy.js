// Copying an answer or its code.

const words = document.querySelector(".layout")?.dataset ?? {}; // in the reader's language

htmx.onLoad(addCopyButtons);

// An answer comes with its button, so that nothing moves for it; code has room for one.
function addCopyButtons(root) {
  if (navigator.clipboard) {
    for (const head of root.querySelectorAll(".blocks .code-head, :scope > .code-head")) addCopyButton(head);
  } else {
    for (const button of root.querySelectorAll(".copy")) button.remove(); // browsers give it to secure pages only
  }
}

function addCopyButton(place) {
  if (place.querySelector(".copy")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = words.copy;
  place.append(button);
}

// The Markdown of an answer is not on the page: it is fetched. The clipboard is asked at once, while the click counts.
async function markdownOf(answer) {
  const response = await fetch(answer.querySelector(".source").href);
  if (!response.ok) throw new Error(response.status);
  return new Blob([await response.text()], { type: "text/plain" });
}

onPage("click", async ({ target }) => {
  const button = target.closest(".copy");
  if (!button) return;
  const code = button.closest(".code")?.querySelector("pre");
  if (button.value) {
    await navigator.clipboard.writeText(button.value); // a link
  } else if (code) {
    await navigator.clipboard.writeText(code.innerText.trimEnd());
  } else {
    const answer = button.closest(".answer");
    const copied = new ClipboardItem({ "text/plain": markdownOf(answer) });
    // Offline: what is on the page.
    await navigator.clipboard
      .write([copied])
      .catch(() => navigator.clipboard.writeText(answer.querySelector(".blocks").innerText.trimEnd()));
  }
  button.textContent = words.copied;
  setTimeout(() => (button.textContent = words.copy), 2000);
});
