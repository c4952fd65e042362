// The last outputs: completions, overdue reports, dead letters with reason and payload.

import { ask, repeat } from "./api.js";
import { count, keyOf, valueOf, when } from "./dom.js";
import { empty, h, head, lacks, refused, show, visible } from "./dom.js";

const EVERY = 3000;
const KINDS = {
  completions: ["Completions", "Keys all of whose items have arrived."],
  overdue: ["Overdue", "Keys that were open for too long, with what they waited for."],
  failed: [
    "Failed",
    "Keys of which an expected item failed, with what failed and what was missing.",
  ],
  cancelled: ["Cancelled", "Open keys that a null value cancelled, with what was missing."],
  "dead-letters": [
    "Dead letters",
    "Records that could not be used, with the reason. " +
      "They went to the dead-letter topic as they were.",
  ],
};
// Only objects that name a topic for them emit these.
const OPTIONAL = ["failed", "cancelled"];
const LATE = "rollcall-late";

function headers(record) {
  return Object.fromEntries(record.headers);
}

function source(facts) {
  const topic = facts["rollcall-source-topic"];
  const partition = facts["rollcall-source-partition"];
  const offset = facts["rollcall-source-offset"];
  return topic && `${topic} · partition ${partition} · offset ${offset}`;
}

function line(record, kind, opened) {
  const facts = headers(record);
  const offset = facts["rollcall-source-offset"] ?? "";
  const id = `${record.shard}:${record.committedAt}:${record.key}:${offset}`;
  const reason = facts["rollcall-reason"];
  const size = record.valueBytes;
  const cut =
    record.value && !record.valueHex && size > 4096
      ? `The first 4 KiB of ${count(size)} bytes.`
      : "";
  const payload =
    record.value === null
      ? h("p", { class: "quiet" }, "It has no value.")
      : [
          valueOf(record, {
            open: opened.has(id),
            ontoggle: (event) => (event.target.open ? opened.add(id) : opened.delete(id)),
          }),
          cut && h("p", { class: "quiet" }, cut),
        ];
  return h(
    "li",
    { class: "record" },
    h(
      "div",
      { class: "line" },
      keyOf(record),
      reason && h("span", { class: "tag", "data-tone": "bad" }, reason),
      facts[LATE] && h("span", { class: "tag", "data-tone": "warn" }, "late"),
      h("span", { class: "when" }, `shard ${record.shard} · `, when(record.committedAt)),
    ),
    facts["rollcall-detail"] && h("p", {}, visible(facts["rollcall-detail"])),
    source(facts) && h("p", { class: "quiet" }, source(facts)),
    kind === "completions" ? null : payload,
  );
}

// How many dead letters there were when they were last viewed.
let lettersSeen = 0;

/** Returns the outputs of workers since they got their shards; null while not known. */
function emittedSoFar(seen) {
  if (!seen) return null;
  const sum = (name) => seen.shards.reduce((sum, shard) => sum + (shard.totals?.[name] ?? 0), 0);
  return {
    completions: sum("completions"),
    failed: sum("failures"),
    cancelled: sum("cancellations"),
    "dead-letters": sum("deadLetters"),
  };
}

/** Shows the last outputs of one kind and follows new ones. */
export function emitted(main, context, query) {
  // Unviewed dead letters need attention; the overview's card says so, too.
  const first =
    (emittedSoFar(context.seen())?.["dead-letters"] ?? 0) > lettersSeen
      ? "dead-letters"
      : "completions";
  const kind = query.get("kind") in KINDS ? query.get("kind") : first;
  const [title, hint] = KINDS[kind];
  const body = h("div", {}, h("p", { class: "quiet" }, "Asking all workers…"));
  const note = h("div", {});
  const opened = new Set();
  const tabs = h("nav", { class: "filters", "aria-label": "Kind" });
  main.replaceChildren(head(title, hint, true), tabs, note, body);
  const shown = (totals) =>
    Object.entries(KINDS).filter(
      ([name]) => !OPTIONAL.includes(name) || totals?.[name] || name === kind,
    );
  const drawTabs = (seen) => {
    const totals = emittedSoFar(seen);
    if (kind === "dead-letters") lettersSeen = Math.max(lettersSeen, totals?.[kind] ?? 0);
    show(tabs, totals, () =>
      shown(totals).map(([name, [text]]) =>
        h(
          "a",
          {
            href: `#/emitted?kind=${name}`,
            "aria-current": name === kind ? "page" : null,
            "data-tone": name === "dead-letters" && totals?.[name] ? "warn" : null,
          },
          text,
          totals?.[name] !== undefined && h("span", { class: "count" }, count(totals[name])),
        ),
      ),
    );
  };
  drawTabs(context.seen());
  const forget = context.watch(drawTabs);
  const end = repeat(
    async (signal) => {
      const page = await ask(
        `recent?kind=${kind}&limit=50&payload=${kind !== "completions"}`,
        signal,
      );
      show(note, page.unanswered, () => lacks(page) ?? []);
      // A reader must not lose the open payload or the focused link.
      if (body.contains(document.activeElement) && body.shown) return;
      show(body, [page.records, Math.floor(Date.now() / 5000)], () =>
        page.records.length
          ? h(
              "ol",
              { class: "records" },
              page.records.map((record) => line(record, kind, opened)),
            )
          : h(
              "div",
              { class: "card" },
              empty("None yet", "None was emitted since the workers have their shards."),
            ),
      );
    },
    EVERY,
    (error) => show(body, error.message, () => refused(error)),
  );
  return () => {
    forget();
    end();
  };
}
