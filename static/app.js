// Comforts. Every page works without this file: by links and plain forms, or with HTMX alone.

const NEAR_THE_END = 48; // px: a reader this close to the end wants to stay there
const PATIENCE = 2500; // ms without a connection before the page speaks of it

const $ = (id) => document.getElementById(id);
const touchOnly = matchMedia("(hover: none) and (pointer: coarse)");
const onPage = (name, listener) => document.addEventListener(name, listener);

// The thread ------------------------------------------------------------------------------------------------------

// CSS holds it at its end (column-reverse: scrollTop is 0 there, and negative above). A reader further up must not
// see the text move when it grows below.
const thread = $("thread");
if (thread) {
  const conversation = thread.firstElementChild;
  const measure = () => conversation.getBoundingClientRect().height;
  let height = measure();
  new ResizeObserver(() => {
    const before = thread.scrollTop;
    if (before < -NEAR_THE_END) {
      thread.scrollTop -= measure() - height;
      height += before - thread.scrollTop; // which is rounded: the rest counts the next time
    } else {
      height = measure();
    }
  }).observe(conversation);
}

const toTheEnd = () => thread?.scrollTo({ top: 0 });

// The composer ----------------------------------------------------------------------------------------------------

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

// Streams ---------------------------------------------------------------------------------------------------------

// After an HTTP error the extension opens a new EventSource, which starts where the first one did: skip what is here.
onPage("htmx:sseBeforeMessage", (event) => {
  const { type, lastEventId } = event.detail;
  const { dataset } = event.target;
  if (type === "done") returnFocus ||= event.target.contains(document.activeElement);
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

// Trouble ---------------------------------------------------------------------------------------------------------

function tell(template) {
  const notice = $("notice");
  if (!notice) return;
  notice.dataset.of = template ?? "";
  notice.replaceChildren(...(template ? [$(template).content.cloneNode(true)] : []));
}

onPage("htmx:beforeRequest", () => tell(null));
onPage("htmx:sendError", () => tell("trouble-offline"));
onPage("htmx:beforeSwap", ({ detail }) => {
  // Parley's own errors say where they go. One that does not comes from a proxy: its page has no place in ours.
  if (detail.xhr.status < 400 || detail.xhr.getResponseHeader("HX-Retarget")) return;
  detail.shouldSwap = false;
  tell("trouble-server");
});

// Focus and announcements -----------------------------------------------------------------------------------------

// An action that replaces itself (stop, try again, rename) leaves the focus on what has taken its place.
let returnFocus = false;
onPage("htmx:beforeRequest", ({ target }) => {
  if (target.id !== "composer") returnFocus = target.contains(document.activeElement);
});

htmx.onLoad((added) => {
  if (added.matches(".turn")) toTheEnd();
  if (added.dataset.announce) $("announcement").textContent = added.dataset.announce;
  addCopyButtons(added);
  if (returnFocus && added.matches(".turn, .answer, .session-item")) {
    returnFocus = false;
    if (document.activeElement === document.body) added.querySelector(".answer-actions button, .session-link")?.focus();
  }
});

// Copying ---------------------------------------------------------------------------------------------------------

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

// Menus and the rename form ---------------------------------------------------------------------------------------

function leaveRename(form) {
  const item = form.closest(".session-item");
  form.remove();
  item.querySelector("summary").focus();
}

onPage("click", ({ target }) => {
  if (target.matches(".rename .cancel")) leaveRename(target.form);
  for (const menu of document.querySelectorAll(".menu[open], .item-menu[open]")) {
    const inside = menu.matches(".menu") ? target.closest(".menu, .sidebar") : menu.contains(target);
    if (!inside) menu.open = false;
  }
});

onPage("keydown", ({ key, target }) => {
  if (key !== "Escape") return;
  const form = target.closest?.(".rename");
  if (form) return leaveRename(form);
  const menu = target.closest?.(".item-menu[open]") ?? document.querySelector(".menu[open]");
  if (menu) {
    menu.open = false;
    menu.firstElementChild.focus();
  }
});
