// Items ranked by how many keys wait for them.

import { ask } from "./api.js";
import { clock, count, empty, h, head, lacks, refused, visible, when } from "./dom.js";

function line(item, most) {
  const fill = h("span", { class: "fill" });
  fill.style.width = `${Math.round((item.keys / most) * 100)}%`;
  return h(
    "tr",
    {},
    h("td", {}, h("span", { class: "item" }, visible(item.item))),
    h("td", { class: "bar-cell span", "aria-hidden": "true" }, h("div", { class: "bar" }, fill)),
    h("td", { class: "right" }, count(item.keys)),
    h("td", { class: "right" }, count(item.units)),
    h(
      "td",
      {},
      when(item.oldestSince, (text) => text),
    ),
  );
}

/** Shows the items that are missing most often. */
export function missing(main) {
  const body = h(
    "section",
    { class: "card", "aria-label": "Missing items", "aria-busy": "true" },
    h("p", { class: "quiet" }, "Looking through all keys…"),
  );
  const again = h("button", {}, "Refresh");
  const status = h("p", { role: "status" });
  const note = h("div", {});
  main.replaceChildren(
    head(
      "Missing items",
      "What open keys wait for, by how many wait: one late supplier shows here at once.",
    ),
    note,
    body,
    h("div", { class: "pager" }, again, status),
  );
  const control = new AbortController();
  const load = async () => {
    again.disabled = true;
    try {
      const page = await ask("missing?limit=200", control.signal);
      note.replaceChildren(...[lacks(page)].filter(Boolean));
      const heads = ["Item", "", "Keys", "Units", "Oldest waits for"];
      body.replaceChildren(
        page.items.length
          ? h(
              "div",
              { class: "scroll" },
              h(
                "table",
                { class: "stack" },
                h(
                  "thead",
                  {},
                  h(
                    "tr",
                    {},
                    heads.map((text, at) =>
                      h(
                        "th",
                        { scope: "col", class: at === 2 || at === 3 ? "right" : null },
                        text || h("span", { class: "unseen" }, "Share"),
                      ),
                    ),
                  ),
                ),
                h(
                  "tbody",
                  {},
                  page.items.map((item) => line(item, page.items[0].keys)),
                ),
              ),
            )
          : empty("Nothing is missing", "No key waits for an item."),
      );
      status.replaceChildren(
        page.allItemsCounted ? "As of " : "Not all different items are counted. As of ",
        clock(page.census.at),
      );
    } catch (error) {
      if (error.name === "AbortError") return;
      body.replaceChildren(refused(error));
    }
    body.setAttribute("aria-busy", "false");
    again.disabled = false;
  };
  again.onclick = load;
  load();
  return () => control.abort();
}
