// The page around fetch-with-auth.js: log in, ask, read the answer while it is written.

import { LogInNeeded, makeClient } from "./fetch-with-auth.js";

const $ = (id) => document.getElementById(id);

// Where Parley is: ?parley=https://chat.example.org, or where this page came from.
const baseUrl = new URLSearchParams(location.search).get("parley") ?? "";

export const client = makeClient({ baseUrl, storage: sessionStorage, onLogInNeeded: () => show("log-in") });

let sessionId = null;
let interactionId = null;

function show(id) {
  for (const part of ["log-in", "chat"]) $(part).hidden = part !== id;
}

function say(text) {
  $("notice").textContent = text;
}

// Whatever a form does goes the same way: no form twice at once, and what goes wrong is said.
function onSubmit(id, act) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    say("");
    try {
      await act(new FormData(event.target));
    } catch (error) {
      say(error.message);
    } finally {
      button.disabled = false;
    }
  });
}

onSubmit("log-in", async (form) => {
  await client.logIn(form.get("username"), form.get("password"));
  $("log-in").reset();
  await showChats();
});

onSubmit("ask", async (form) => {
  $("answer").textContent = "";
  for await (const { name, data } of client.ask(form.get("message"), { sessionId })) {
    if (name === "delta") $("answer").append(data.text);
    if (name === "status") {
      sessionId = data.session_id ?? sessionId;
      interactionId = data.interaction_id;
      $("status").textContent = data.status;
    }
    if (name === "done") {
      $("status").textContent = data.status;
      if (data.error_message) say(data.error_message);
    }
  }
  await showChats();
});

$("stop").addEventListener("click", () => {
  if (interactionId) client.call("POST", `/api/interactions/${interactionId}/stop/`).catch((error) => say(error.message));
});

$("log-out").addEventListener("click", () => client.logOut().catch((error) => say(error.message)));

async function showChats() {
  const { results } = await client.call("GET", "/api/sessions/");
  $("chats").replaceChildren(
    ...results.map((chat) => {
      const item = document.createElement("li");
      item.textContent = chat.title;
      return item;
    }),
  );
  show("chat");
}

// After a reload the refresh token may still be there.
showChats().catch((error) => {
  if (!(error instanceof LogInNeeded)) say(error.message);
});
