// Line charts of the rates over the last minutes, drawn as SVG; and bars.

import { h, rate, svg } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 100;

function path(values, top) {
  const step = WIDTH / Math.max(values.length - 1, 1);
  const point = (value, at) => {
    const height = HEIGHT - (value / top) * HEIGHT;
    return `${at ? "L" : "M"}${(at * step).toFixed(1)} ${height.toFixed(1)}`;
  };
  return values.map(point).join("");
}

function series(values, top, kind) {
  const line = path(values, top);
  return svg(
    "g",
    { class: kind },
    svg("path", { class: "area", d: `${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z` }),
    svg("path", { class: "stroke", d: line }),
  );
}

/** Returns a small line without axes; the number next to it says what it shows. */
export function spark(values, kind = "") {
  if (values.length < 2) return null;
  const top = Math.max(...values, 1e-9) * 1.1;
  return svg(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    series(values, top, kind),
  );
}

/** Returns the next round number above `value`. */
function round(value) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((times) => times * unit).find((edge) => edge >= value);
}

/** Returns a chart of the history with axes, and a text alternative. */
export function flow(history) {
  const records = history.map((sample) => sample.recordsPerSecond);
  const completions = history.map((sample) => sample.completionsPerSecond);
  const top = round(Math.max(...records, ...completions, 1) * 1.05);
  const seconds = Math.round((history.at(-1).atMs - history[0].atMs) / 1000);
  const mean = (values) => rate(values.reduce((sum, value) => sum + value, 0) / values.length);
  const said =
    `Over the last ${seconds} seconds: on average ${mean(records)} records and ` +
    `${mean(completions)} completions a second; at most ${rate(Math.max(...records))} records.`;
  return h(
    "figure",
    { class: "chart" },
    h(
      "div",
      { class: "y", "aria-hidden": "true" },
      [top, top / 2, 0].map((edge) => h("span", {}, rate(edge))),
    ),
    svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": said,
      },
      [0, 0.5, 1].map((part) =>
        svg("line", { class: "rule", x1: 0, x2: WIDTH, y1: part * HEIGHT, y2: part * HEIGHT }),
      ),
      series(records, top, ""),
      series(completions, top, "second"),
    ),
    h(
      "div",
      { class: "x", "aria-hidden": "true" },
      h("span", {}, seconds < 90 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`),
      h("span", {}, "now"),
    ),
  );
}

/** Returns a bar of which this part is full. */
export function bar(part, label) {
  const percent = Math.round(Math.min(Math.max(part, 0), 1) * 100);
  const fill = h("span", { class: "fill" });
  fill.style.width = `${percent}%`;
  return h(
    "div",
    {
      class: "bar",
      role: "progressbar",
      "aria-label": label,
      "aria-valuenow": percent,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
    fill,
  );
}
