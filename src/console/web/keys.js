// Waiting keys by age, and the story of one key.

import { ask, repeat } from "./api.js";
import { STATES, clock, count, recordLink, tag, when } from "./dom.js";
import { empty, h, head, keyLink, lacks, refused, show, visible } from "./dom.js";

const PAGE = 50;
const STORY_EVERY = 3000;
const LISTED = ["open", "overdue", "unexpected"];
// Overdue keys are open, so they are in both lists.
const TABS = { open: "All open", overdue: "Overdue among them", unexpected: "Not expected yet" };
const HINTS = {
  open:
    "Expected, and not all of their items have arrived: all of them, those that are overdue too. " +
    "The oldest come first.",
  overdue:
    "Those of the open keys that have waited for longer than they may; reported once, " +
    "and they can still complete.",
  unexpected: "Items have arrived for them, and nobody has said yet what is expected.",
};

function line(entry) {
  const progress =
    entry.state === "unexpected"
      ? "–"
      : `${count(entry.expectedTotal - entry.missingTotal)} of ${count(entry.expectedTotal)}`;
  const more = entry.missingTotal - entry.items.length;
  return h(
    "tr",
    {},
    h("td", {}, keyLink(entry.key)),
    h("td", {}, tag(entry.state)),
    h(
      "td",
      { class: "span" },
      h(
        "div",
        { class: "items" },
        entry.items.map((item) => h("span", { class: "item" }, visible(item))),
        more > 0 && h("span", { class: "quiet" }, `and ${count(more)} more`),
      ),
    ),
    h("td", { class: "right", "data-label": "Arrived" }, progress),
    h(
      "td",
      { "data-label": "Waits for" },
      when(entry.since, (text) => text),
    ),
    h(
      "td",
      { class: "span", "data-label": "Then" },
      entry.deadline
        ? h("span", {}, SOON[entry.deadline.then], " ", when(entry.deadline.at))
        : h("span", { class: "quiet" }, "–"),
    ),
  );
}

const SOON = {
  overdue: "overdue",
  expired: "cancelled",
  orphan: "given up",
  forgotten: "forgotten",
};
const THEN = {
  overdue: "reported as overdue",
  expired: "cancelled",
  orphan: "given up",
  forgotten: "forgotten",
};

function table(entries, state) {
  const missing = state === "unexpected" ? "Arrived" : "Still missing";
  const heads = ["Key", "State", missing, "Arrived", "Waits for", "Then"];
  return h(
    "table",
    { class: "stack" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        heads.map((text, at) => h("th", { scope: "col", class: at === 3 ? "right" : null }, text)),
      ),
    ),
    h("tbody", {}, entries.map(line)),
  );
}

/** Shows keys of one state, a page at a time. */
export function waiting(main, context, query) {
  const state = LISTED.includes(query.get("state")) ? query.get("state") : "open";
  const filters = h("nav", { class: "filters", "aria-label": "State" });
  const body = h(
    "section",
    { class: "card", "aria-label": "Keys", "aria-busy": "true" },
    h("p", { class: "quiet" }, "Looking through all keys…"),
  );
  const note = h("div", {});
  const status = h("p", { role: "status" });
  const [back, again, on] = ["First page", "Refresh", "Next page"].map((text) =>
    h("button", {}, text),
  );
  main.replaceChildren(
    head("Waiting keys", HINTS[state]),
    filters,
    note,
    body,
    h("div", { class: "pager" }, back, on, again, status),
  );
  const control = new AbortController();
  let after = null;
  let next = null;
  let number = 1;
  const tabs = (census) =>
    filters.replaceChildren(
      ...LISTED.map((name) =>
        h(
          "a",
          { href: `#/waiting?state=${name}`, "aria-current": name === state ? "page" : null },
          TABS[name],
          census && h("span", { class: "count" }, count(census[name])),
        ),
      ),
    );
  const load = async () => {
    body.setAttribute("aria-busy", "true");
    for (const button of [back, again, on]) button.disabled = true;
    try {
      const page = await ask(
        `keys?state=${state}&limit=${PAGE}${after ? `&after=${encodeURIComponent(after)}` : ""}`,
        control.signal,
      );
      next = page.next;
      tabs(page.census);
      note.replaceChildren(...[lacks(page)].filter(Boolean));
      body.replaceChildren(
        page.keys.length
          ? h("div", { class: "scroll" }, table(page.keys, state))
          : empty(
              next ? "All of this page have completed meanwhile" : "None",
              next ? "Go on with the next page." : `No key is ${STATES[state][0].toLowerCase()}.`,
            ),
      );
      status.replaceChildren(`Page ${number}, as of `, clock(page.census.at));
    } catch (error) {
      if (error.name === "AbortError") return;
      body.replaceChildren(refused(error));
    }
    body.setAttribute("aria-busy", "false");
    back.disabled = number === 1;
    on.disabled = !next;
    again.disabled = false;
  };
  on.onclick = () => {
    after = next;
    number += 1;
    load().then(() => main.focus());
  };
  back.onclick = () => {
    after = null;
    number = 1;
    load();
  };
  again.onclick = load;
  tabs(null);
  load();
  return () => control.abort();
}

function sentence(story) {
  switch (story.state) {
    case "completed":
      return ["Complete", "All items were observed, and its completion was sent."];
    case "cancelled":
      return ["Cancelled", "It will not complete; what arrives for it is late."];
    case "failed":
      return ["Failed", "An expected item failed, and that was sent; what arrives for it is late."];
    case "unexpected":
      return ["Not expected yet", "Items have arrived; what is expected is not known."];
    default: {
      const have = story.expectedTotal - story.missingTotal;
      if (story.awaits === "openList") {
        return [
          `${count(have)} of ${count(story.expectedTotal)} items`,
          "It waits for the rest of its list, which comes record by record.",
        ];
      }
      const any = story.awaits === "count" ? ", whichever they are" : "";
      const counts = (item) => item.failed && (item.needed > 0 || any);
      const failed = story.items.filter(counts).length;
      return [
        `${count(have)} of ${count(story.expectedTotal)} items`,
        (story.missingTotal === 1
          ? `It waits for one more item${any}.`
          : `It waits for ${count(story.missingTotal)} more items${any}.`) +
          (failed > 0 ? ` ${failed === 1 ? "One has" : `${count(failed)} have`} failed.` : ""),
      ];
    }
  }
}

function check(item, anyCounts) {
  const stray = item.needed === 0 && !anyCounts;
  const done = !stray && item.missing === 0;
  const [tone, mark, said] = item.failed
    ? ["bad", "✗", stray ? "failed, not expected" : "failed"]
    : stray
      ? ["second", "?", "not expected"]
      : done
        ? ["good", "✓", "arrived"]
        : ["warn", "…", "missing"];
  const times =
    item.needed > 1 || (item.observed > 1 && !anyCounts)
      ? `${count(item.observed)} of ${count(item.needed)}`
      : said;
  return h(
    "li",
    { class: "check", "data-tone": tone },
    h("span", { class: "mark", "aria-hidden": "true" }, mark),
    h("span", { class: "mono" }, visible(item.item)),
    h("span", { class: "times" }, times),
    item.kept && h("code", { class: "kept" }, visible(item.kept)),
  );
}

function told(story, owner) {
  const [title, text] = sentence(story);
  const open = story.expectedTotal > 0 && (story.state === "open" || story.state === "overdue");
  const fill = h("span", { class: "fill" });
  const arrived = open ? 1 - story.missingTotal / story.expectedTotal : 1;
  fill.style.width = `${Math.round(arrived * 100)}%`;
  const named = story.namedDeadlines ?? {};
  const byRecord = (at) => h("span", {}, clock(at), " · by its record");
  const fact = (name, value) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []);
  const facts = [
    fact("State", tag(story.state)),
    fact("Expected by", story.expectation && recordLink(story.expectation)),
    fact(
      "Expected since",
      story.expectedAt && h("span", {}, clock(story.expectedAt), " · ", when(story.expectedAt)),
    ),
    fact(
      ["completed", "cancelled", "failed"].includes(story.state) ? "Finished" : "Last change",
      h("span", {}, clock(story.changedAt), " · ", when(story.changedAt)),
    ),
    fact("Last record", story.changedBy && recordLink(story.changedBy)),
    fact(
      "Next",
      story.deadline && h("span", {}, `${THEN[story.deadline.then]} `, when(story.deadline.at)),
    ),
    named.overdue && fact("Overdue at", byRecord(named.overdue)),
    named.expired && fact("Expires at", byRecord(named.expired)),
    fact("Kept", story.kept && h("code", { class: "kept" }, visible(story.kept))),
    fact("Shard", owner ? `${story.shard}, on ${owner}` : String(story.shard)),
  ];
  const items = story.items.length
    ? h(
        "ul",
        { class: "checks" },
        story.items.map((item) => check(item, story.awaits === "count")),
      )
    : h(
        "p",
        { class: "quiet" },
        open
          ? "Nothing has arrived yet."
          : story.state === "failed"
            ? "Its items are forgotten: the failed record says which of them failed."
            : "Its items are forgotten: a finished key is kept only to recognise replays.",
      );
  const rest = story.itemsTotal - story.items.length;
  return h(
    "div",
    { class: "story" },
    h(
      "section",
      { class: "card", "aria-label": "Where it stands" },
      h(
        "div",
        {
          class: "progress-big",
          "data-tone":
            { overdue: "bad", failed: "bad", completed: "good" }[story.state] ?? "accent",
        },
        h("strong", {}, title),
        open && h("div", { class: "bar" }, fill),
        h("p", {}, text),
      ),
      h("dl", { class: "facts-list" }, facts),
    ),
    h(
      "section",
      { class: "card", "aria-label": "Items" },
      h("header", {}, h("h2", {}, "Items"), h("p", {}, `${count(story.itemsTotal)} known`)),
      items,
      rest > 0 && h("p", { class: "quiet" }, `and ${count(rest)} more`),
    ),
  );
}

/** Shows one key's story, and follows it. */
export function key(main, context, _query, name) {
  const body = h("div", {}, h("p", { class: "quiet" }, "Asking its worker…"));
  const title = h("h1", {}, "Key ", h("span", { class: "mono" }, visible(name)));
  const records = h("nav", { class: "filters records-of", "aria-label": "Its records" });
  main.replaceChildren(h("div", { class: "head" }, title), body, records);
  return repeat(
    async (signal) => {
      const topics = await ask("topics", signal);
      show(records, topics, () => [
        h("p", { class: "quiet" }, "Its records in"),
        ...topics.map((topic) =>
          h(
            "a",
            { href: `#/topics/${encodeURIComponent(topic.name)}?text=${encodeURIComponent(name)}` },
            topic.name,
          ),
        ),
      ]);
      try {
        const story = await ask(`key?key=${encodeURIComponent(name)}`, signal);
        const owner = context.seen()?.shards.find((shard) => shard.shard === story.shard)?.worker;
        // The minute is part of what is shown: "3 min ago".
        show(body, [story, owner, Math.floor(Date.now() / 10000)], () => told(story, owner));
      } catch (error) {
        if (error.status !== 404) throw error;
        show(body, error.message, () =>
          h(
            "div",
            { class: "card" },
            empty(
              "Not known",
              "It was never seen, or it is finished and forgotten. " +
                "Check the key's spelling: it is the record's key.",
            ),
            name.trim() &&
              name.trim() !== name &&
              h(
                "p",
                { class: "hint" },
                "There are spaces around it. Without them: ",
                keyLink(name.trim()),
              ),
          ),
        );
      }
    },
    STORY_EVERY,
    (error) => show(body, error.message, () => refused(error)),
  );
}
