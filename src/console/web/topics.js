// The topics' latest records, as they stand in Kafka.

import { ask } from "./api.js";
import { clock, count, empty, folded, h, head, keyLink, refused } from "./dom.js";

const ROLES = { expected: "expected", observed: "observed", completed: "completions", overdue: "overdue", deadLetter: "dead letters" };

function recordLine(record) {
  const shown = record.value !== null && record.value.length < record.valueBytes ? ` · the first 16 KiB of ${count(record.valueBytes)} bytes` : "";
  return h("li", { class: "record" },
    h("div", { class: "line" },
      record.key === null ? h("span", { class: "quiet" }, "without a key") : keyLink(record.key),
      h("span", { class: "quiet number" }, `partition ${record.partition} · offset ${record.offset}${shown}`),
      record.timestampMs !== null && h("span", { class: "when" }, clock(record.timestampMs))),
    record.value === null ? h("p", { class: "quiet" }, "tombstone: it has no value") : folded(record.value),
    record.headers.length > 0 && h("details", {}, h("summary", {}, record.headers.length === 1 ? "1 header" : `${record.headers.length} headers`),
      h("dl", { class: "headers" }, record.headers.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))));
}

/** Shows one topic's last records. */
export function topics(main, context, query, name) {
  const tabs = h("nav", { class: "filters", "aria-label": "Topic" });
  const choice = h("select", {}, h("option", { value: "" }, "All partitions"));
  const limit = h("select", {}, [20, 50, 200].map((last) => h("option", { value: last }, `last ${last}`)));
  const again = h("button", {}, "Refresh");
  // A link to a record names where to begin; choosing a partition leaves it.
  let from = query.has("offset") ? { partition: query.get("partition"), offset: query.get("offset") } : null;
  const place = () => (from ? `&${new URLSearchParams(from)}` : choice.value ? `&partition=${choice.value}` : "");
  const status = h("p", { role: "status" });
  const body = h("div", { "aria-busy": "true" }, h("p", { class: "quiet" }, "Reading from Kafka…"));
  main.replaceChildren(head("Topics", "The latest committed records of the reconciliation’s topics, newest first."), tabs,
    h("div", { class: "filters" }, h("label", {}, h("span", { class: "unseen" }, "Partition"), choice), h("label", {}, h("span", { class: "unseen" }, "Records"), limit), again), body, h("div", { class: "pager" }, status));
  const control = new AbortController();
  let topic = name;
  const load = async () => {
    again.disabled = true;
    body.setAttribute("aria-busy", "true");
    try {
      const all = await ask("topics", control.signal);
      topic ||= all[0].name;
      tabs.replaceChildren(...all.map((known) => h("a", { href: `#/topics/${encodeURIComponent(known.name)}`, "aria-current": known.name === topic ? "page" : null }, known.name, h("span", { class: "count" }, ROLES[known.role]))));
      const page = await ask(`topics/${encodeURIComponent(topic)}/records?limit=${limit.value}${place()}`, control.signal);
      if (choice.options.length === 1) choice.append(...page.partitions.map(({ partition, start, end }) => h("option", { value: partition }, `Partition ${partition}: ${count(end - start)}`)));
      if (from) choice.value = from.partition;
      const total = page.partitions.reduce((sum, { start, end }) => sum + end - start, 0);
      body.replaceChildren(page.records.length ? h("ol", { class: "records" }, page.records.map(recordLine)) : h("div", { class: "card" }, empty("No records", "The topic is empty, or not there yet.")));
      status.textContent = `${page.records.length} records shown${from ? `, from offset ${from.offset} of partition ${from.partition} on` : ""}; ${count(total)} offsets in ${page.partitions.length} partitions.${page.complete ? "" : " Kafka did not answer in time for all of them."}`;
    } catch (error) {
      if (error.name === "AbortError") return;
      body.replaceChildren(refused(error));
    }
    body.setAttribute("aria-busy", "false");
    again.disabled = false;
  };
  again.onclick = load;
  choice.onchange = () => { from = null; load(); };
  limit.onchange = load;
  load();
  return () => control.abort();
}
