// The page's frame: navigation between views, overall state, and key lookup.

import { ask, repeat } from "./api.js";
import { keyAddress } from "./dom.js";
import { emitted } from "./recent.js";
import { health, overview } from "./overview.js";
import { key, waiting } from "./keys.js";
import { missing } from "./missing.js";
import { topics } from "./topics.js";

const OVERVIEW_EVERY = 1500;
// The form of addresses before keys were in the query.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
const VIEWS = {
  "": ["overview", overview, "Overview"],
  waiting: ["waiting", waiting, "Waiting"],
  key: ["waiting", key, "Key"],
  missing: ["missing", missing, "Missing"],
  emitted: ["emitted", emitted, "Emitted"],
  topics: ["topics", topics, "Topics"],
};

const main = document.getElementById("main");
const banner = document.getElementById("banner");
const watchers = new Set();
let seen = null;
let end = () => {};
let shown = null;

const context = {
  seen: () => seen,
  /** Calls `draw` with the overview, now and on every update. */
  watch(draw) {
    watchers.add(draw);
    if (seen) draw(seen);
    return () => watchers.delete(draw);
  },
};

function route() {
  const address = location.hash.replace(/^#\/?/, "");
  const [path] = address.split("?");
  const query = new URLSearchParams(address.slice(path.length + 1));
  const [name, ...rest] = path.split("/");
  const [view, start, title] = VIEWS[name] ?? VIEWS[""];
  end();
  for (const tab of document.querySelectorAll(".tabs a")) {
    if (tab.dataset.view === view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  const argument = name === "key" && query.has("key") ? query.get("key") : decoded(rest.join("/"));
  end = start(main, context, query, argument);
  document.title = [argument || title, seen?.reconciliation, "Rollcall"]
    .filter(Boolean)
    .join(" · ");
  // Not for the first view: focus stays at the top of the page then.
  if (shown !== null) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  shown = name;
}

function tell(level, text) {
  const pill = document.getElementById("health");
  pill.dataset.level = level;
  // Screen readers announce a live region whenever it is set.
  if (pill.textContent !== text) pill.textContent = text;
}

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = event.target.elements.key.value;
  if (text) location.hash = keyAddress(text);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("key").focus();
  }
});

repeat(
  async (signal) => {
    seen = await ask("overview", signal);
    document.getElementById("reconciliation").textContent = seen.reconciliation;
    banner.hidden = true;
    tell(...health(seen));
    for (const draw of watchers) draw(seen);
  },
  OVERVIEW_EVERY,
  (error) => {
    tell("bad", "No connection");
    const problem = `The console cannot be asked: ${error.message}.`;
    banner.textContent = `${problem} What is shown is old; trying again.`;
    banner.hidden = false;
  },
);

addEventListener("hashchange", route);
route();
