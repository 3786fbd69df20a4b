// The numbers behind a picture, for whoever would rather read them: written when somebody opens them.

import { h } from "./dom.js";
import { isEstimated, pointName } from "./plot.js";
import { exact, say } from "./say.js";

/** Make the table of a panel's series over an axis, the newest point first; `names` are its columns'. */
export function numbersTable(panel, axis, names) {
  const box = h("details", { class: "table" }, h("summary", {}, say("asTable")));
  box.addEventListener("toggle", () => {
    if (!box.open || box.querySelector("table")) return;
    const rows = axis.starts.slice(0, Math.max(0, axis.elapsed)).map((_, i) => h("tr", {}, h("th", { scope: "row" }, pointName(panel, axis, i)),
      panel.series.map((one) => h("td", { class: isEstimated(one, i) ? "estimated" : null, title: isEstimated(one, i) ? say("estimated") : null }, exact(one.values[i], panel.unit)))));
    box.append(h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": panel.title }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("period")[panel.period]), names.map((name) => h("th", { scope: "col" }, name, h("small", {}, ` ${unitName(panel.unit)}`))))),
      h("tbody", {}, rows.reverse()))));
  });
  return box;
}

function unitName(unit) {
  return { 1: "%", kgCO2: "kg CO₂", count: "", level: "" }[unit] ?? unit;
}
