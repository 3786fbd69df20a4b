// What each array's expectation stands on: where its light was known from, and what it learned or why it did not.

import { capital, h, heading, shape } from "./dom.js";
import { say } from "./say.js";

const HEADS = {
  zh: { array: "阵列", basis: "日照依据", calibration: "校准" },
  en: { array: "Array", basis: "Light known from", calibration: "Calibration" },
};

/** Draw the section: one row per array. */
export function drawStanding(found, context) {
  const heads = HEADS[context.language] ?? HEADS.en;
  const row = (one) => h("tr", {}, h("th", { scope: "row" }, one.entity_name), h("td", { "data-head": heads.basis }, one.basis_text),
    h("td", { "data-head": heads.calibration }, h("span", {}, shape(one.calibrated ? "green" : "unknown"), ` ${capital(one.calibration_text)}`), one.advice ? h("small", {}, one.advice) : null));
  return h("section", { class: "panel span-12", id: "panel-standing", "aria-label": found.title }, heading(found.title, found.note),
    h("table", { class: "standing" }, h("thead", {}, h("tr", {}, Object.values(heads).map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, found.arrays.map(row))),
    found.more ? h("button", { type: "button", class: "more", on: { click: () => context.go(null, { all: true }) } }, say("showAll")(found.more)) : null);
}
