// The board of the shards: a card for each, or, if there are many, a cell for each, with cards for
// those that do not run.

import { bar } from "./chart.js";
import { count, empty, h, show } from "./dom.js";

/** Up to this number each shard has a card. */
const CARDS_MAX = 32;
/** The most cards above the cells: shards with the same problem share one. */
const PROBLEMS_MAX = 12;

/** The states of shards and their colours, the worst first. */
const STATES = {
  none: ["No worker", "bad"],
  stopped: ["Stopped", "bad"],
  waiting: ["Waiting", "warn"],
  opening: ["Opening", "second"],
  running: ["Running", "good"],
};
const NAMES = Object.keys(STATES);
const NO_WORKER = "waits for a worker to take it over";

/** Returns all shards: those that workers have, and those without an owner. */
export function allShards({ shards, partitions }) {
  const owned = new Map(shards.map((shard) => [shard.shard, shard]));
  const last = shards.reduce((most, shard) => Math.max(most, shard.shard + 1), partitions ?? 0);
  return Array.from({ length: last }, (_, shard) => owned.get(shard) ?? { shard, worker: null });
}

export function sum(shards, of) {
  const values = shards.map(of);
  return values.length && values.every((value) => value !== null && value !== undefined)
    ? values.reduce((a, b) => a + b, 0)
    : null;
}

export const lagOf = (shard) => sum(shard.inputs ?? [], (input) => input.lagRecords);

const stateOf = (shard) => (shard.worker ? shard.state : "none");

/** Returns the facts of a shard in a few words. */
function facts(shard) {
  if (shard.state !== "running") return null;
  const lag = lagOf(shard);
  const open = shard.rows
    ? `${count(shard.rows.open)} open`
    : `${count(shard.totals?.completions ?? 0)} completed`;
  return lag ? `${open} · lag ${count(lag)}` : open;
}

function card(state, name, who, title, ...rest) {
  const [text, tone] = STATES[state];
  return h(
    "li",
    { class: "shard", "data-tone": tone },
    h("p", { class: "name" }, name, h("span", { class: "state" }, text)),
    who && h("p", { class: "who", title }, who),
    rest,
  );
}

function restoring({ remainingOffsets: left, restoredRecords: done }, name) {
  return [
    bar(done / Math.max(done + left, 1), `${name}: restored`),
    h("p", { class: "facts" }, `${count(left)} to restore`),
  ];
}

function shardCard(shard) {
  const name = `Shard ${shard.shard}`;
  const said = facts(shard);
  return card(
    stateOf(shard),
    name,
    shard.worker,
    shard.worker,
    shard.restore ? restoring(shard.restore, name) : said && h("p", { class: "facts" }, said),
    !shard.worker && h("p", { class: "facts" }, NO_WORKER),
    shard.reason && h("p", { class: "why" }, shard.reason),
  );
}

/** Returns the numbers of shards as ranges: 0–4, 7. */
function ranges(shards) {
  const found = [];
  for (const { shard } of shards) {
    const last = found.at(-1);
    if (last?.[1] === shard - 1) last[1] = shard;
    else found.push([shard, shard]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}

/** Returns the shards that do not run, grouped by state and reason, the worst first. */
function problems(shards) {
  const groups = new Map();
  for (const shard of shards) {
    const state = stateOf(shard);
    if (state === "running") continue;
    const id = `${state} ${shard.reason ?? ""}`;
    if (!groups.has(id)) groups.set(id, { state, shards: [] });
    groups.get(id).shards.push(shard);
  }
  const severity = (group) => NAMES.indexOf(group.state);
  return [...groups.values()].sort(
    (a, b) => severity(a) - severity(b) || b.shards.length - a.shards.length,
  );
}

function groupCard({ state, shards }) {
  if (shards.length === 1) return shardCard(shards[0]);
  const name = `${count(shards.length)} shards`;
  const restored = shards.flatMap((shard) => shard.restore ?? []);
  const total = (of) => restored.reduce((all, one) => all + one[of], 0);
  const progress = {
    remainingOffsets: total("remainingOffsets"),
    restoredRecords: total("restoredRecords"),
  };
  const { reason } = shards[0];
  return card(
    state,
    name,
    ranges(shards),
    ranges(shards),
    restored.length > 0 && restoring(progress, name),
    state === "none" && h("p", { class: "facts" }, NO_WORKER),
    reason && h("p", { class: "why" }, reason),
  );
}

/** A cell for each shard, cards for those that do not run, and one for the chosen shard. */
class Cells {
  #shards = [];
  #counts = h("ul", { class: "states" });
  #problems = h("ul", { class: "board" });
  #rest = h("p", { class: "quiet", hidden: true });
  #chosen = h("ul", { class: "board" });

  constructor(size) {
    this.size = size;
    this.cells = Array.from({ length: size }, (_, shard) => h("i", { "data-shard": shard }));
    const shardOf = (event) => this.#shards[event.target.dataset.shard];
    this.grid = h(
      "div",
      {
        class: "cells",
        role: "img",
        // Only now, so that an update changes nothing but colours.
        onpointerover: (event) => {
          const shard = shardOf(event);
          if (shard) event.target.title = this.#title(shard);
        },
        onclick: (event) => {
          const shard = shardOf(event);
          if (!shard) return;
          this.number.value = shard.shard;
          this.#choose();
        },
      },
      this.cells,
    );
    this.number = h("input", {
      type: "number",
      min: 0,
      max: size - 1,
      placeholder: `0–${size - 1}`,
      oninput: () => this.#choose(),
    });
    this.parts = [
      this.#counts,
      this.#problems,
      this.#rest,
      this.grid,
      h("label", { class: "choose" }, "Shard ", this.number),
      this.#chosen,
    ];
  }

  #title(shard) {
    const [text] = STATES[stateOf(shard)];
    const said = [`Shard ${shard.shard}`, text, shard.worker, facts(shard), shard.reason];
    return said.filter(Boolean).join(" · ");
  }

  #choose() {
    const shard = this.number.value === "" ? undefined : this.#shards[this.number.value];
    for (const cell of this.cells) {
      const is = cell === this.cells[shard?.shard];
      if (cell.classList.contains("chosen") !== is) cell.classList.toggle("chosen", is);
    }
    show(this.#chosen, shard ?? null, () => (shard ? shardCard(shard) : []));
  }

  draw(shards) {
    this.#shards = shards;
    const counts = new Map(NAMES.map((name) => [name, 0]));
    shards.forEach((shard, at) => {
      const state = stateOf(shard);
      counts.set(state, counts.get(state) + 1);
      const cell = this.cells[at];
      if (cell.dataset.state === state) return;
      cell.dataset.state = state;
      [, cell.dataset.tone] = STATES[state];
    });
    const some = [...counts].filter(([, number]) => number);
    const said = some.map(
      ([state, number]) => `${count(number)} ${STATES[state][0].toLowerCase()}`,
    );
    this.grid.setAttribute("aria-label", `${count(shards.length)} shards: ${said.join(", ")}`);
    show(this.#counts, some, () =>
      some.map(([state, number]) => {
        const [text, tone] = STATES[state];
        return h(
          "li",
          {},
          h("i", { "data-tone": tone, "data-state": state }),
          count(number),
          " ",
          text,
        );
      }),
    );
    const all = problems(shards);
    const groups = all.slice(0, PROBLEMS_MAX);
    const left = all.slice(PROBLEMS_MAX).reduce((sum, group) => sum + group.shards.length, 0);
    show(this.#problems, groups, () => groups.map(groupCard));
    this.#rest.hidden = !left;
    this.#rest.textContent = `${count(left)} more ${left === 1 ? "does" : "do"} not run.`;
    this.#choose();
  }
}

/** Returns a function that shows shards in `element`. */
export function board(element) {
  let cells = null;
  return (shards) => {
    if (shards.length <= CARDS_MAX) {
      cells = null;
      return show(element, shards, () =>
        shards.length
          ? h("ul", { class: "board" }, shards.map(shardCard))
          : empty("No shards yet", "Workers have not seen their topics."),
      );
    }
    if (cells?.size !== shards.length) {
      cells = new Cells(shards.length);
      show(element, shards.length, () => cells.parts);
    }
    cells.draw(shards);
  };
}
