// The range bar: any range in two clicks, the one before and after, wider, and what it is compared with.

import { between, choosing, length, named, plus, PRESETS, resolved, stepped, wider } from "./address.js";
import { h } from "./dom.js";
import { say } from "./say.js";

const MOST_DAYS = 3660;

/** Draw the bar for a state; `change` takes what of it is to change. */
export function rangeBar(state, meta, change) {
  const days = resolved(state, meta.today);
  const chosen = named(days, meta.today);
  const free = ([from, to]) => change({ from, to, preset: "" });
  const presets = h("div", { class: "presets", role: "group", "aria-label": say("range") }, PRESETS.map((name) =>
    h("button", { type: "button", "data-preset": name, "aria-pressed": String(name === chosen), on: { click: () => change(choosing(name, meta.today)) } }, say("presets")[name])));
  const ahead = stepped(days, 1);
  const step = (id, label, to, sign, off) => h("button", { type: "button", id, class: "step", title: label, "aria-label": label, disabled: off, on: { click: () => free(to) } }, sign);
  return [
    presets,
    h("div", { class: "free" },
      step("earlier", say("earlier"), stepped(days, -1), "‹", false),
      date("from", days[0], (value) => value && change(between(value, days[1]))),
      h("span", { "aria-hidden": "true" }, "–"),
      date("to", days[1], (value) => value && change(between(days[0], value))),
      step("later", say("later"), ahead, "›", ahead[0] > meta.today),
      step("wider", say("wider"), wider(days, meta.today), "⤢", length(...days) * 3 > MOST_DAYS)),
    h("label", { class: "compare" }, h("span", {}, say("compare")),
      select("compare", [["", say("compareNone")], ...["week", "month", "year"].map((c) => [c, say("compareWith")[c]])], state.compare, (value) => change({ compare: value }))),
    filter(state, meta, change),
  ];
}

function date(id, value, act) {
  const input = h("input", { type: "date", id, value, min: "1970-01-01", max: plus("2200-01-01", -1), "aria-label": say(id === "from" ? "first" : "last") });
  input.addEventListener("change", () => input.validity.valid && act(input.value)); // a year half typed is none
  return input;
}

function select(id, options, value, act) {
  const box = h("select", { id }, options.map(([key, name]) => h("option", { value: key, selected: key === value }, name)));
  box.addEventListener("change", () => act(box.value));
  return box;
}

/** On views of arrays or buildings: one of them, or all. */
function filter(state, meta, change) {
  const [name, items] = { pv: ["array", meta.arrays], buildings: ["building", meta.buildings] }[state.view] || [];
  if (!items || items.length < 2) return null;
  const options = [["", say("filterAll")[name]], ...items.map((item) => [item.id, item.name])];
  return h("label", { class: "filter" }, h("span", { class: "hidden" }, say("filterAll")[name]), select("filter", options, state[name], (value) => change({ [name]: value, all: false })));
}
