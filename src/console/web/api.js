// Sends requests to the console, with the token if one is required.

// Specific to this console: the same host may serve another one below another path.
const TOKEN = `rollcall-token:${location.pathname}`;
// The characters a header can hold; the console refuses a token file with any others.
const SENDABLE = /^[\x20-\x7e]+$/;

/** A request that was refused or got no answer; `status` is 0 without an answer. */
export class Refused extends Error {
  constructor(status, title, detail) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

let asking = null;

/** Returns the answer to `path` below /api; prompts for the token if needed. */
export async function ask(path, signal) {
  for (;;) {
    const token = storedToken();
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    let response;
    try {
      response = await fetch(`api/${path}`, { headers, signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, "NoAnswer", "the console does not answer");
    }
    if (response.status === 401) {
      await askForToken(token);
      continue;
    }
    const body = await response.json().catch(() => ({}));
    signal?.throwIfAborted();
    if (response.ok) return body;
    throw new Refused(response.status, body.title ?? "Failed", body.detail ?? response.statusText);
  }
}

function storedToken() {
  const token = sessionStorage.getItem(TOKEN);
  if (token === null || SENDABLE.test(token)) return token;
  sessionStorage.removeItem(TOKEN);
  return null;
}

/** Shows the dialog only once, even if several requests need it. */
function askForToken(tried) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("token");
    const text = document.getElementById("token-text");
    const wrong = document.getElementById("token-wrong");
    const refuse = (why) => {
      wrong.textContent = why;
      wrong.hidden = !why;
      text.value = "";
    };
    refuse(tried ? "That is not the token." : "");
    dialog.oncancel = (event) => event.preventDefault();
    document.getElementById("token-form").onsubmit = (event) => {
      event.preventDefault();
      const token = text.value.trim();
      if (!SENDABLE.test(token))
        return refuse("A token has letters of ASCII, digits and signs only: that is another text.");
      sessionStorage.setItem(TOKEN, token);
      asking = null;
      dialog.close();
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}

/**
 * Calls `step` repeatedly: every `pause` milliseconds while it succeeds, less and less often
 * while it fails, and not at all while the page is hidden. Returns a function that stops it.
 */
export function repeat(step, pause, failed) {
  let timer = 0;
  let failures = 0;
  let ended = false;
  const control = new AbortController();
  const turn = async () => {
    try {
      await step(control.signal);
      failures = 0;
    } catch (error) {
      if (ended) return;
      failures += 1;
      failed?.(error);
    }
    if (!ended) timer = setTimeout(wait, Math.min(pause * 2 ** Math.min(failures, 3), 15000));
  };
  const wait = () => {
    if (document.hidden) document.addEventListener("visibilitychange", wait, { once: true });
    else turn();
  };
  turn();
  return () => {
    ended = true;
    clearTimeout(timer);
    control.abort();
    document.removeEventListener("visibilitychange", wait);
  };
}
