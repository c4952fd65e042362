// The topics' latest records, as they are in Kafka.

import { ask, repeat } from "./api.js";
import { clock, count, empty, h, head, keyOf, refused, show, valueOf, visible } from "./dom.js";

const FOLLOW_EVERY = 3000;
const ROLES = {
  expected: "expected",
  observed: "observed",
  completed: "completions",
  failed: "failed",
  cancelled: "cancelled",
  overdue: "overdue",
  deadLetter: "dead letters",
};

// Plain JSON needs no label.
const FORMATS = { avro: "Avro", protobuf: "Protobuf", jsonSchema: "JSON Schema" };

/** Returns how much of a long value is shown. */
function extent({ value, valueHex, valueBytes, decoding }) {
  const bytes = decoding?.jsonBytes ?? valueBytes;
  return value !== null && !valueHex && bytes > 16384
    ? ` · the first 16 KiB of ${count(bytes)} bytes`
    : "";
}

/** Returns the labels of a value that has a format and a schema, or could not be decoded. */
function labels({ decoding }) {
  if (!decoding) return null;
  const { format, schema, problem } = decoding;
  const facts = [FORMATS[format], schema && `schema ${schema}`].filter(Boolean);
  return [
    facts.length > 0 && h("span", { class: "tag" }, facts.join(" · ")),
    problem && h("span", { class: "tag", "data-tone": "bad" }, "not decoded"),
  ];
}

function recordLine(record) {
  return h(
    "li",
    { class: "record" },
    h(
      "div",
      { class: "line" },
      keyOf(record),
      h(
        "span",
        { class: "quiet number" },
        `partition ${record.partition} · offset ${record.offset}${extent(record)}`,
      ),
      labels(record),
      record.timestampMs !== null && h("span", { class: "when" }, clock(record.timestampMs)),
    ),
    record.decoding?.problem && h("p", {}, visible(record.decoding.problem)),
    valueOf(record) ?? h("p", { class: "quiet" }, "tombstone: it has no value"),
    record.headers.length > 0 &&
      h(
        "details",
        {},
        h(
          "summary",
          {},
          record.headers.length === 1 ? "1 header" : `${record.headers.length} headers`,
        ),
        h(
          "dl",
          { class: "headers" },
          record.headers.map(([name, value]) => [
            h("dt", {}, visible(name)),
            h("dd", {}, visible(value)),
          ]),
        ),
        record.headersLeftOut > 0 &&
          h(
            "p",
            { class: "quiet" },
            `and ${count(record.headersLeftOut)} more, too many or too large to be shown`,
          ),
      ),
  );
}

/** Shows one topic's last records. */
export function topics(main, context, query, name) {
  const tabs = h("nav", { class: "filters", "aria-label": "Topic" });
  const choice = h("select", {}, h("option", { value: "" }, "All partitions"));
  const limit = h(
    "select",
    {},
    [20, 50, 200].map((last) => h("option", { value: last }, `last ${last}`)),
  );
  const text = h("input", {
    type: "search",
    placeholder: "Contains…",
    autocomplete: "off",
    spellcheck: "false",
    value: query.get("text") ?? "",
  });
  const follow = h("input", { type: "checkbox" });
  const again = h("button", { type: "submit" }, "Refresh");
  // A link to a record sets the starting offset; choosing a partition or following drops it.
  let from = query.has("offset")
    ? { partition: query.get("partition"), offset: query.get("offset") }
    : null;
  const status = h("p", { role: "status" });
  const body = h("div", { "aria-busy": "true" }, h("p", { class: "quiet" }, "Reading from Kafka…"));
  const form = h(
    "form",
    { class: "filters" },
    h("label", {}, h("span", { class: "unseen" }, "Partition"), choice),
    h("label", {}, h("span", { class: "unseen" }, "Records"), limit),
    h(
      "label",
      { class: "grows" },
      h("span", { class: "unseen" }, "Text that records contain"),
      text,
    ),
    h("label", {}, follow, " Follow"),
    again,
  );
  main.replaceChildren(
    head(
      "Topics",
      "The latest committed records of the reconciliation’s topics, newest first.",
      true,
    ),
    tabs,
    form,
    body,
    h("div", { class: "pager" }, status),
  );
  // The current request: a newer one aborts it, so that a late answer cannot replace a newer one.
  let control = new AbortController();
  let topic = name;
  let end = () => {};
  const load = async (signal) => {
    const all = await ask("topics", signal);
    topic ||= all[0].name;
    show(tabs, [all, topic], () =>
      all.map((known) =>
        h(
          "a",
          {
            href: `#/topics/${encodeURIComponent(known.name)}`,
            "aria-current": known.name === topic ? "page" : null,
          },
          known.name,
          h("span", { class: "count" }, ROLES[known.role]),
        ),
      ),
    );
    tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    const wanted = new URLSearchParams({
      limit: limit.value,
      partition: choice.value,
      text: text.value.trim(),
      ...from,
    });
    for (const [field, value] of [...wanted]) if (!value) wanted.delete(field);
    const page = await ask(`topics/${encodeURIComponent(topic)}/records?${wanted}`, signal);
    if (choice.options.length === 1)
      choice.append(
        ...page.partitions.map(({ partition, start, end: last }) =>
          h("option", { value: partition }, `Partition ${partition}: ${count(last - start)}`),
        ),
      );
    if (from) choice.value = from.partition;
    const total = page.partitions.reduce((sum, { start, end: last }) => sum + last - start, 0);
    const none = from
      ? empty("No records", "They are no longer there, or not yet.")
      : text.value
        ? empty("No such record", `None of the last ${count(page.lookedAt)} contains that.`)
        : empty("No records", "The topic is empty, or not there yet.");
    // A reader must not lose the open payload.
    if (follow.checked && body.querySelector("details[open]")) return;
    show(body, page.records, () =>
      page.records.length
        ? h("ol", { class: "records" }, page.records.map(recordLine))
        : h("div", { class: "card" }, none),
    );
    const looked = from
      ? `, from offset ${from.offset} of partition ${from.partition} on`
      : text.value
        ? ` of the last ${count(page.lookedAt)}`
        : "";
    status.textContent =
      `${page.records.length} records shown${looked}; ` +
      `${count(total)} offsets in ${page.partitions.length} partitions.` +
      (page.shortened ? " More would be too large for one page: ask for fewer." : "") +
      (page.complete ? "" : " Kafka did not answer in time for all of them.");
  };
  const failed = (error) => show(body, error.message, () => refused(error));
  const once = async () => {
    control.abort();
    const { signal } = (control = new AbortController());
    body.setAttribute("aria-busy", "true");
    await load(signal).catch((error) => error.name === "AbortError" || failed(error));
    if (!signal.aborted) body.setAttribute("aria-busy", "false");
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    once();
  };
  choice.onchange = () => {
    from = null;
    once();
  };
  limit.onchange = once;
  follow.onchange = () => {
    from = null;
    end();
    end = follow.checked ? repeat(load, FOLLOW_EVERY, failed) : () => {};
  };
  once();
  return () => {
    end();
    control.abort();
  };
}
