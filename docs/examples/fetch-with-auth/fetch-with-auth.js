// A browser client of Parley's API: fetch with an access token that renews itself, and answers as they are written.
// An ES module without dependencies; README.md beside it says how tokens are held, and why.

const COME_BACK_MS = 1000;
const LONGEST_MS = 30_000;
const MOST_TRIES = 8; // in a row, without any news: about two minutes

/** There is no token that is good: the person has to log in (again). */
export class LogInNeeded extends Error {
  constructor() {
    super("Log in again.");
    this.name = "LogInNeeded";
  }
}

/** The server refused a request. `problem` is its application/problem+json: `code`, `detail`, … */
export class Refused extends Error {
  constructor(response, problem) {
    super(problem.detail ?? `The server answered ${response.status}.`);
    this.name = "Refused";
    this.status = response.status;
    this.problem = problem;
  }
}

/**
 * A client of the Parley at `baseUrl` ("" for the page's own origin).
 *
 * Both tokens live in variables of this function. With `storage` (sessionStorage) the refresh token outlives a reload.
 * `onLogInNeeded` is called when there is no good token any more: show the log-in form.
 */
export function makeClient({ baseUrl = "", storage = null, onLogInNeeded = () => {} } = {}) {
  let access = null;
  let refresh = null;
  let refreshing = null; // the one refresh that is under way, for whoever needs a token meanwhile
  const kept = `parley-refresh ${baseUrl}`;

  // The storage has the token only while no page does: a tab that is duplicated must not get a copy. A refresh token
  // works once; a copy that is used later looks like theft, and ends both.
  if (storage) {
    addEventListener("pageshow", take);
    addEventListener("pagehide", () => {
      if (refresh) storage.setItem(kept, refresh);
    });
    take();
  }

  function take() {
    refresh = storage.getItem(kept) ?? refresh;
    storage.removeItem(kept);
  }

  function forget() {
    access = refresh = null;
    onLogInNeeded();
  }

  // No cookies: who asks is what the token says, and nothing else.
  function send(path, options = {}, token = null) {
    const headers = new Headers(options.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    return fetch(baseUrl + path, { ...options, headers, credentials: "omit" });
  }

  function post(path, body) {
    return send(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  }

  async function logIn(username, password) {
    const response = await post("/api/token/", { username, password });
    if (!response.ok) throw await refusal(response);
    ({ access, refresh } = await response.json());
  }

  /** End the refresh token, here and at the server. The access token that was made of it ends within 15 minutes. */
  async function logOut() {
    const token = refresh;
    forget();
    if (token) await post("/api/token/blacklist/", { refresh: token });
  }

  function renew() {
    refreshing ??= renewNow().finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  async function renewNow() {
    if (!refresh) {
      forget();
      throw new LogInNeeded();
    }
    const response = await post("/api/token/refresh/", { refresh });
    if (response.status === 401 || response.status === 400) {
      forget();
      throw new LogInNeeded();
    }
    if (!response.ok) throw await refusal(response); // the token is still good: try again later
    ({ access, refresh } = await response.json());
  }

  /**
   * `fetch` with an access token. If that is no good (any more) it is renewed, once, and the request sent again.
   * `options.body` must be something that can be sent twice, such as a string.
   *
   * Throws LogInNeeded where there is no way to go on without the person's password, and what `fetch` throws.
   */
  async function fetchWithAuth(path, options = {}) {
    if (!access) await renew();
    const used = access;
    const response = await send(path, options, used);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    if (access === used) await renew(); // or another call has done so meanwhile
    const again = await send(path, options, access);
    if (again.status !== 401) return again;
    forget();
    throw new LogInNeeded();
  }

  /** Send JSON or nothing, get JSON or (for 204) null. Throws Refused. */
  async function call(method, path, body) {
    const response = await fetchWithAuth(path, {
      method,
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw await refusal(response);
    return response.status === 204 ? null : response.json();
  }

  /**
   * Ask, and yield the events of the answer: `{name: "status" | "delta" | "done", data}`, the last one "done".
   * A connection that breaks is taken up again where it broke. `signal` (an AbortSignal) stops listening; the answer
   * goes on: POST /api/interactions/<id>/stop/ stops it.
   */
  async function* ask(message, { sessionId = null, parameters = {}, signal } = {}) {
    const body = JSON.stringify({ message, session_id: sessionId, parameters, stream: true });
    // The same key again is the same question, however often it has to be sent.
    const headers = { "Content-Type": "application/json", "Idempotency-Key": newKey() };
    yield* events("/api/chat/", { method: "POST", headers, body, signal });
  }

  /** The events of an answer that has been asked for already, from its beginning. */
  async function* follow(interactionId, { signal } = {}) {
    yield* events(`/api/interactions/${interactionId}/stream/`, { signal });
  }

  async function* events(path, options) {
    let lastId = null; // says where we are; what it counts is the server's business
    let pause = COME_BACK_MS;
    for (let tries = 1; ; tries += 1) {
      try {
        const headers = new Headers(options.headers);
        if (lastId !== null) headers.set("Last-Event-ID", lastId);
        const response = await fetchWithAuth(path, { ...options, headers });
        if (!response.ok) throw await refusal(response);
        for await (const event of parsed(response.body)) {
          if (event.id !== null) lastId = event.id;
          if (event.name === "status" && event.data.interaction_id) {
            // From now on there is something to come back to.
            path = `/api/interactions/${event.data.interaction_id}/stream/`;
            options = { signal: options.signal };
          }
          tries = 0;
          pause = COME_BACK_MS;
          yield event;
          if (event.name === "done") return;
        }
      } catch (error) {
        if (!isBroken(error) || options.signal?.aborted || tries >= MOST_TRIES) throw error;
      }
      await waited(pause, options.signal);
      pause = Math.min(pause * 2, LONGEST_MS);
    }
  }

  return { logIn, logOut, fetchWithAuth, call, ask, follow };
}

// crypto.randomUUID would be there on secure pages only.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (number) => number.toString(16)).join("-");
}

async function refusal(response) {
  const isJson = response.headers.get("Content-Type")?.includes("json");
  return new Refused(response, isJson ? await response.json() : {});
}

/** Whether an error says that the connection broke or the server is being restarted: come back then. */
function isBroken(error) {
  return error instanceof TypeError || (error instanceof Refused && [502, 503, 504].includes(error.status));
}

function waited(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Server-sent events out of a stream of bytes: EventSource could not send the token. */
async function* parsed(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const event = eventOf(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // it may be what broke
  }
}

function eventOf(block) {
  const event = { name: "", id: null, data: null };
  const data = [];
  for (const line of block.split("\n")) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") data.push(value);
  }
  if (!event.name) return null; // a comment that keeps the connection open, or how long to wait
  event.data = JSON.parse(data.join("\n"));
  return event;
}
