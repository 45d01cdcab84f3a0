// Nothing typed is lost: what was written and not sent is kept in this browser, for its writer alone.

const PAUSE = 400; // ms without typing before a draft is saved

const prefix = (form) => `draft ${form.dataset.owner} `;
const nameOf = (form) => prefix(form) + form.getAttribute("action");

// A browser may keep nothing, or be full: then drafts live as long as the page.
function keep(change) {
  try {
    return change(localStorage);
  } catch {
    return undefined;
  }
}

function forget(others) {
  keep((kept) => {
    for (const name of Object.keys(kept)) {
      if (name.startsWith("draft ") && !(others && name.startsWith(others))) kept.removeItem(name);
    }
  });
}

// The text that was sent last, and its key: after a failure nobody knows whether it has arrived. The same text again is
// the same message, and asked once; another text is another one.
let tried;
let typing;

function save(form = $("composer")) {
  clearTimeout(typing);
  typing = undefined;
  const text = form.querySelector("#query").value;
  const key = form.querySelector("#id_idempotency_key").value;
  keep((kept) => (text ? kept.setItem(nameOf(form), JSON.stringify({ text, tried, key })) : kept.removeItem(nameOf(form))));
}

function restore(form) {
  forget(prefix(form));
  const draft = JSON.parse(keep((kept) => kept.getItem(nameOf(form))) ?? "null");
  const field = $("query");
  if (!draft || field.value) return;
  field.value = draft.text;
  if (draft.tried === draft.text) {
    tried = draft.tried;
    $("id_idempotency_key").value = draft.key;
  }
}

if ($("composer")) restore($("composer")); // before the composer's own script, which looks at what is in it

onPage("input", ({ target }) => {
  if (target.id !== "query") return;
  clearTimeout(typing);
  typing = setTimeout(save, PAUSE);
});
addEventListener("pagehide", () => typing && save());

onPage("htmx:configRequest", ({ target, detail }) => {
  if (target.id !== "composer") return;
  const text = $("query").value;
  if (tried !== undefined && tried !== text) {
    const key = `${Date.now()}.${Math.random()}`;
    $("id_idempotency_key").value = detail.parameters.idempotency_key = key;
  }
  tried = text;
  save();
});

// The composer comes back empty with the answer to a message. What was typed while that was on its way stays.
onPage("htmx:oobBeforeSwap", ({ detail }) => {
  if (detail.target.id !== "composer") return;
  const typed = $("query").value;
  const fresh = detail.fragment.querySelector("#composer");
  keep((kept) => kept.removeItem(nameOf(detail.target)));
  if (typed !== tried) fresh.querySelector("#query").value = typed;
  tried = undefined;
  save(fresh);
});

onPage("submit", ({ target }) => target.getAttribute("action")?.endsWith("/logout/") && forget());
