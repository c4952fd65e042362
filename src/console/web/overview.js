// The overview: flow, shards, workers, and the keys that wait longest.

import { ask, repeat } from "./api.js";
import { allShards, board, lagOf, sum } from "./board.js";
import { bar, flow, spark } from "./chart.js";
import { count, duration, rate, tag, when } from "./dom.js";
import { empty, h, keyLink, lacks, show, visible } from "./dom.js";

const LISTS_EVERY = 10000;

/** Returns the overall state in a few words, and its severity. */
export function health(overview) {
  const down = overview.workers.filter((worker) => !worker.up && !worker.left);
  const trouble = overview.workers.find((worker) => worker.trouble);
  const shards = allShards(overview);
  const of = (test) => shards.filter(test).length;
  const said = (number, one, many) => `${number} ${number === 1 ? one : many}`;
  const orphaned = of((shard) => !shard.worker);
  const stopped = of((shard) => shard.state === "stopped");
  if (!overview.workers.some((worker) => worker.up)) return ["bad", "No worker answers"];
  if (trouble && trouble.trouble.severity !== "degraded") return ["bad", trouble.trouble.reason];
  if (stopped) return ["bad", said(stopped, "shard stopped", "shards stopped")];
  if (overview.workers.some((worker) => worker.state === "paused")) return ["warn", "Paused"];
  if (down.length) return ["bad", said(down.length, "worker down", "workers down")];
  if (orphaned) return ["warn", said(orphaned, "shard without worker", "shards without worker")];
  const moving = of((shard) => shard.state !== "running");
  if (moving) return ["warn", `${said(moving, "shard", "shards")} not running yet`];
  if (!shards.length) return ["warn", "Starting"];
  if (trouble) return ["warn", trouble.trouble.reason];
  return ["good", "All running"];
}

function lagSeconds(shards) {
  const seconds = shards
    .flatMap((shard) => (shard.inputs ?? []).map((input) => input.lagSeconds))
    .filter((value) => value !== null && value !== undefined);
  return seconds.length ? Math.max(...seconds) : null;
}

function tile(label, value, note, { level, line, href, unit } = {}) {
  const inside = [
    h("p", { class: "label" }, label),
    h("p", { class: "value" }, value, unit && h("span", { class: "unit" }, unit)),
    note && h("p", { class: "note" }, note),
    line,
  ];
  return href
    ? h("a", { class: "card tile", "data-level": level, href }, inside)
    : h("div", { class: "card tile", "data-level": level }, inside);
}

/** Returns a breakdown of the open keys: overdue ones are open, too. */
function openNote(open, overdue, strays) {
  const late = overdue
    ? overdue === open
      ? open === 1
        ? "and overdue"
        : "all of them overdue"
      : `${count(overdue)} of them overdue`
    : open
      ? "none of them overdue"
      : "nothing waits";
  return strays ? `${late}; besides, ${count(strays)} not expected yet` : late;
}

function tiles({ shards, history }, page) {
  const last = history.at(-1);
  const of = (name) => history.map((sample) => sample[name]);
  const rows = (name) => sum(shards, (shard) => shard.rows?.[name]) ?? page?.census[name] ?? null;
  const lag = sum(shards, lagOf);
  const behind = lagSeconds(shards);
  const skipped = sum(shards, (shard) => shard.totals?.skipped ?? 0) ?? 0;
  const letters = sum(shards, (shard) => shard.totals?.deadLetters ?? 0) ?? 0;
  const overdue = rows("overdue");
  const strays = rows("unexpected");
  return [
    tile("Records", rate(last?.recordsPerSecond), skipped ? `${count(skipped)} skipped` : null, {
      unit: "/s",
      line: spark(of("recordsPerSecond")),
    }),
    tile("Completions", rate(last?.completionsPerSecond), null, {
      unit: "/s",
      line: spark(of("completionsPerSecond"), "second"),
    }),
    tile("Open", count(rows("open")), openNote(rows("open"), overdue, strays), {
      href: "#/waiting",
    }),
    tile(
      "Overdue",
      count(overdue),
      overdue
        ? "of the open keys; reported"
        : overdue === null
          ? "not known yet"
          : "nothing is late",
      { level: overdue ? "bad" : null, href: "#/waiting?state=overdue" },
    ),
    tile(
      "Lag",
      count(lag),
      behind >= 1
        ? `${duration(behind)} behind`
        : lag
          ? "records still to read"
          : "read to the end",
      { level: behind > 60 ? "warn" : null },
    ),
    tile("Dead letters", count(letters), "since the start", {
      level: letters ? "warn" : null,
      href: "#/emitted?kind=dead-letters",
    }),
  ];
}

const WORKER_STATES = {
  joining: ["Joining", "warn"],
  joined: ["Up", "good"],
  paused: ["Paused", "warn"],
  stopping: ["Stopping", "warn"],
};

function workerLine(worker) {
  const gone = worker.left ? ["Left", null] : ["Down", "bad"];
  const [text, tone] = worker.up ? (WORKER_STATES[worker.state] ?? [worker.state, null]) : gone;
  const seen =
    worker.seenSecondsAgo === null
      ? "never answered"
      : `last answer ${duration(worker.seenSecondsAgo)} ago`;
  const facts = worker.up
    ? [
        `${worker.shards} ${worker.shards === 1 ? "shard" : "shards"}`,
        worker.address,
        `version ${worker.version}`,
      ]
    : [
        worker.left ? "it was told to stop or scaled away" : null,
        seen,
        worker.address,
        worker.left ? null : worker.failure,
      ];
  return h(
    "li",
    { class: "worker", "data-tone": tone, "data-worker": worker.name },
    h("span", { class: "name" }, worker.name),
    h("span", { class: "state" }, text),
    h("p", { class: "more" }, facts.filter(Boolean).join(" · ")),
    worker.trouble &&
      h("p", { class: "more trouble" }, `${worker.trouble.reason}: ${worker.trouble.message}`),
  );
}

function card(title, size, note) {
  const body = h("div", {});
  const aside = h("p", {}, note ?? "");
  const section = h(
    "section",
    { class: `card ${size}`, "aria-label": title },
    h("header", {}, h("h2", {}, title), aside),
    body,
  );
  return { section, body, aside };
}

function waitingLines(page) {
  if (!page.keys.length)
    return page.next
      ? empty("Nothing waits for long", "All that waited a moment ago are complete.")
      : empty("Nothing waits", "Every key that was expected is complete.");
  const line = (entry) =>
    h(
      "tr",
      {},
      h("td", { class: "span" }, keyLink(entry.key)),
      h("td", {}, tag(entry.state)),
      h(
        "td",
        { class: "right" },
        when(entry.since, (text) => text),
      ),
    );
  return h(
    "table",
    { class: "stack" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "Key"),
        h("th", { scope: "col" }, "State"),
        h("th", { class: "right", scope: "col" }, "For"),
      ),
    ),
    h("tbody", {}, page.keys.map(line)),
  );
}

function wantedLines(page) {
  if (!page.items.length) return empty("Nothing is missing", "No key waits for an item.");
  const most = page.items[0].keys;
  return h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "Item"),
        h("th", { scope: "col" }, h("span", { class: "unseen" }, "Share")),
        h("th", { class: "right", scope: "col" }, "Keys"),
      ),
    ),
    h(
      "tbody",
      {},
      page.items.map((item) =>
        h(
          "tr",
          {},
          h("td", {}, h("span", { class: "item" }, visible(item.item))),
          h("td", { class: "bar-cell", "aria-hidden": "true" }, bar(item.keys / most, item.item)),
          h("td", { class: "right" }, count(item.keys)),
        ),
      ),
    ),
  );
}

/** Shows the view and returns a function that ends it. */
export function overview(main, context) {
  const figures = h("div", { class: "tiles" });
  const flowing = card("Flow", "wide");
  flowing.aside.replaceWith(
    h(
      "ul",
      { class: "legend" },
      h("li", {}, h("i", {}), "Records"),
      h("li", { class: "second" }, h("i", {}), "Completions"),
    ),
  );
  const workers = card("Workers", "narrow");
  const shards = card("Shards", "full");
  const drawShards = board(shards.body);
  const oldest = card("Waiting longest", "wide");
  const wanted = card("Most wanted items", "narrow");
  const note = h("div", {});
  oldest.aside.replaceWith(h("a", { href: "#/waiting" }, "All"));
  wanted.aside.replaceWith(h("a", { href: "#/missing" }, "All"));
  main.replaceChildren(
    h("h1", { class: "unseen" }, "Overview"),
    figures,
    h(
      "div",
      { class: "grid" },
      flowing.section,
      workers.section,
      shards.section,
      oldest.section,
      wanted.section,
    ),
    note,
  );
  let page = null;
  const draw = (seen) => {
    show(figures, [seen.shards, seen.history.at(-1), page?.census], () => tiles(seen, page));
    show(flowing.body, seen.history.at(-1) ?? null, () =>
      seen.history.length > 1
        ? flow(seen.history)
        : empty("Measuring", "The first rates are there in a few seconds."),
    );
    const named = seen.workers.map((worker) => ({
      ...worker,
      seenSecondsAgo: worker.up ? 0 : worker.seenSecondsAgo && Math.round(worker.seenSecondsAgo),
    }));
    show(workers.body, named, () => h("ul", { class: "workers" }, named.map(workerLine)));
    const up = seen.workers.filter((worker) => worker.up);
    const expected = seen.workers.filter((worker) => !worker.left);
    workers.aside.textContent = `${up.length} of ${expected.length} up`;
    const all = allShards(seen);
    drawShards(all);
    const running = all.filter((shard) => shard.state === "running");
    shards.aside.textContent = `${count(running.length)} of ${count(all.length)} running`;
  };
  const forget = context.watch(draw);
  const end = repeat(
    async (signal) => {
      const [keys, missing] = await Promise.all([
        ask("keys?limit=6", signal),
        ask("missing?limit=6", signal),
      ]);
      page = keys;
      show(oldest.body, keys.keys, () => waitingLines(keys));
      show(wanted.body, missing.items, () => wantedLines(missing));
      show(note, keys.unanswered, () => lacks(keys) ?? []);
    },
    LISTS_EVERY,
    (error) => show(oldest.body, error.message, () => empty("There is no answer", error.message)),
  );
  return () => {
    forget();
    end();
  };
}
