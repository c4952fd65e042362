// Creates elements, and formats numbers and times.

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element; text is never parsed as markup. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Returns an SVG element. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Shows `children` in `element`, unless it already shows the same `facts`. */
export function show(element, facts, children) {
  const text = JSON.stringify(facts);
  if (element.shown === text) return;
  element.shown = text;
  element.replaceChildren(...[children()].flat());
}

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function count(value) {
  if (value === null || value === undefined) return "–";
  return value < 100000 ? whole.format(value) : short.format(value);
}

export function rate(value) {
  if (value === undefined) return "–";
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(Math.round(value));
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60 ? `${s % 60} s` : ""}`.trim();
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** Returns how long ago or ahead an instant is, with the instant itself as a tooltip. */
export function when(instant, between = (text, ahead) => (ahead ? `in ${text}` : `${text} ago`)) {
  const at = new Date(instant);
  const seconds = (Date.now() - at) / 1000;
  const text = Math.abs(seconds) < 1 ? "now" : between(duration(Math.abs(seconds)), seconds < 0);
  return h("time", { datetime: at.toISOString(), title: exact.format(at) }, text);
}

export function clock(instant) {
  const at = new Date(instant);
  return h("time", { datetime: at.toISOString() }, exact.format(at));
}

export const STATES = {
  open: ["Open", "accent"],
  overdue: ["Overdue", "bad"],
  unexpected: ["Not expected yet", "second"],
  completed: ["Completed", "good"],
  cancelled: ["Cancelled", null],
  failed: ["Failed", "bad"],
};

export function tag(state) {
  const [text, tone] = STATES[state] ?? [state, null];
  return h("span", { class: "tag", "data-tone": tone }, text);
}

// Control characters, and those that are invisible or change the reading order.
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]|^ +| +$/gu;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Returns untrusted text with invisible characters made visible, as an element's children. */
export function visible(text, kept = "") {
  if (text === "") return [h("span", { class: "unseen-mark" }, "empty")];
  const parts = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(UNSEEN)) {
    if (kept.includes(found)) continue;
    const marks = found.startsWith(" ")
      ? "␣".repeat(found.length)
      : (SHORT[found] ?? `\\u{${found.codePointAt(0).toString(16)}}`);
    parts.push(text.slice(from, index), h("span", { class: "unseen-mark" }, marks));
    from = index + found.length;
  }
  return [...parts, text.slice(from)].filter((part) => part !== "");
}

/** Returns the page's address for a key. */
export function keyAddress(key) {
  return `#/key?key=${encodeURIComponent(key)}`;
}

export function keyLink(key) {
  return h("a", { class: "mono", href: keyAddress(key) }, visible(key));
}

/** Returns the key of a record; a key that is not text cannot be looked up. */
export function keyOf({ key, keyHex }) {
  if (key === null) return h("span", { class: "quiet" }, "without a key");
  return keyHex
    ? h(
        "span",
        { class: "mono", title: "The key is no text; its bytes in hexadecimal" },
        `0x${keyHex}`,
      )
    : keyLink(key);
}

/** Returns the collapsed value of a record: as text, or as bytes if it is not text. */
export function valueOf(record, attributes) {
  if (record.value === null) return null;
  return record.valueHex ? bytes(record, attributes) : folded(record.value, attributes);
}

const LINE = 16;

/** Returns a hex dump of bytes, with their printable characters. */
function bytes({ valueHex, valueBytes, decoding }, attributes) {
  const pairs = valueHex.match(/../g);
  const lines = [];
  for (let at = 0; at < pairs.length; at += LINE) {
    const line = pairs.slice(at, at + LINE);
    const letters = line.map((pair) => {
      const code = parseInt(pair, 16);
      return code > 31 && code < 127 ? String.fromCharCode(code) : "·";
    });
    lines.push(
      `${at.toString(16).padStart(4, "0")}  ${line.join(" ").padEnd(3 * LINE)} ${letters.join("")}`,
    );
  }
  const rest = valueBytes - pairs.length;
  if (rest > 0) lines.push(`and ${count(rest)} bytes more`);
  const first = pairs.slice(0, 24).join(" ") + (pairs.length > 24 ? " …" : "");
  return h(
    "details",
    { class: "value", ...attributes },
    h("summary", {}, `${count(valueBytes)} bytes${decoding ? "" : ", no text"}: ${first}`),
    h("pre", { class: "bytes", tabindex: 0 }, lines.join("\n")),
  );
}

/** Returns the position of an input record, with a link to it. */
export function recordLink({ topic, partition, offset }) {
  return h(
    "a",
    { href: `#/topics/${encodeURIComponent(topic)}?partition=${partition}&offset=${offset}` },
    `${topic} · partition ${partition} · offset ${offset}`,
  );
}

/** Returns a view's title; on small screens a `brief` one has no text. */
export function head(title, text, brief = false) {
  return h(
    "div",
    { class: brief ? "head brief" : "head" },
    h("h1", {}, title),
    text && h("p", {}, text),
  );
}

export function empty(title, text) {
  return h("div", { class: "empty" }, h("strong", {}, title), text);
}

/** Returns a note about what is missing from a page, if anything. */
export function lacks({ unanswered = [], census }) {
  const said = unanswered.map((text) => `Not included: ${text}.`);
  if (census && !census.complete)
    said.push(
      `There were too many rows to see all in time: ${count(census.rowsSeen)} were seen, ` +
        "so older keys may exist.",
    );
  if (census?.shardsNotAsked.length)
    said.push(`Shards not asked, since they are not running: ${census.shardsNotAsked.join(", ")}.`);
  return said.length
    ? h(
        "div",
        { class: "card note-card", role: "note" },
        said.map((text) => h("p", {}, text)),
      )
    : null;
}

export function refused(error) {
  return h("div", { class: "card", role: "alert" }, empty("There is no answer", error.message));
}

/** Returns a value in one line; a click shows all of it. */
export function folded(value, attributes) {
  const line = value.length > 400 ? `${value.slice(0, 400)}…` : value;
  return h(
    "details",
    { class: "value", ...attributes },
    h("summary", {}, visible(line.replace(/\s+/g, " "))),
    h("pre", { tabindex: 0 }, visible(pretty(value), "\n\r\t")),
  );
}

const TOKENS = /"(?:\\.|[^"\\])*"|[[\]{},:]|[^\s"[\]{},:]+/g;

/** Returns text as JSON with line breaks, if it is JSON; numbers keep all of their digits. */
export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let out = "";
  let before = "";
  let depth = 0;
  for (const token of text.match(TOKENS)) {
    const opened = before === "[" || before === "{";
    if (token === "]" || token === "}") depth -= 1;
    if (token === "]" || token === "}" ? !opened : opened || before === ",")
      out += `\n${"  ".repeat(depth)}`;
    if (token === "[" || token === "{") depth += 1;
    out += token === ":" ? ": " : token;
    before = token;
  }
  return out;
}
