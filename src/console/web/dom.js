// Elements, and numbers and times as people read them.

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element; text is never taken for markup. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Returns an element of a drawing. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Shows `children` in `element`, unless `facts` are the ones that it shows already. */
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

/** Returns how long ago or ahead an instant is, with the instant itself for whoever points at it. */
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
};

export function tag(state) {
  const [text, tone] = STATES[state] ?? [state, null];
  return h("span", { class: "tag", "data-tone": tone }, text);
}

export function keyLink(key) {
  return h("a", { class: "mono", href: `#/key/${encodeURIComponent(key)}` }, key);
}

/** Returns where an input record stands, with the way to it. */
export function recordLink({ topic, partition, offset }) {
  return h("a", { href: `#/topics/${encodeURIComponent(topic)}?partition=${partition}&offset=${offset}` }, `${topic} · partition ${partition} · offset ${offset}`);
}

export function head(title, text) {
  return h("div", { class: "head" }, h("h1", {}, title), text && h("p", {}, text));
}

export function empty(title, text) {
  return h("div", { class: "empty" }, h("strong", {}, title), text);
}

/** Says what a page lacks, if it lacks anything. */
export function lacks({ unanswered = [], census }) {
  const said = unanswered.map((text) => `Not included: ${text}.`);
  if (census && !census.complete) said.push(`There were too many rows to see all in time: ${count(census.rowsSeen)} were seen, so older keys may exist.`);
  if (census?.shardsNotAsked.length) said.push(`Shards not asked, since they are not running: ${census.shardsNotAsked.join(", ")}.`);
  return said.length ? h("div", { class: "card note-card", role: "note" }, said.map((text) => h("p", {}, text))) : null;
}

export function refused(error) {
  return h("div", { class: "card", role: "alert" }, empty("There is no answer", error.message));
}

/** Returns a value in one line, all of it behind a click. */
export function folded(value, attributes) {
  const line = value.length > 400 ? `${value.slice(0, 400)}…` : value;
  return h("details", { class: "value", ...attributes }, h("summary", {}, line.replace(/\s+/g, " ")), h("pre", { tabindex: 0 }, pretty(value)));
}

/** Returns text as JSON with line breaks, if it is JSON. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
