// Today as a curve: what was made, used and exchanged, and what the sun should have given. plot.js draws it.

import { linkTo } from "./address.js";
import { h, heading, key } from "./dom.js";
import { numbersTable } from "./numbers-table.js";
import { plot, sign } from "./plot.js";
import { amount, say } from "./say.js";
import { clock } from "./times.js";

const SLOT_S = 900;
const BEHIND = ["import_kwh", "export_kwh", "load_kwh", "expected_kwh", "generation_kwh"]; // the last is drawn on top
const LEAST = 4; // slots in view

let chosen = null; // the slots looked at more closely: { start, first, last }, of the day that begins at `start`

/** Draw the whole section; `view.shortfall` says in words what the shading shows. */
export function today(view) {
  const box = h("div", { class: "today" });
  const fill = (span, focus) => {
    chosen = span && { start: view.start, first: span[0], last: span[1] };
    box.replaceChildren(...drawn(view, span || [0, view.labels.length - 1], fill).filter(Boolean));
    if (focus) box.querySelector(".plot").focus();
  };
  fill(chosen?.start === view.start ? [chosen.first, chosen.last] : null);
  return [heading(view.title, view.note, h("a", { href: linkTo("energy", { preset: "today" }) }, say("details"))), box];
}

function drawn(view, [first, last], fill) {
  const part = cut(view, first, last);
  const whole = part.axis.starts.length === view.labels.length;
  const entries = part.series.map((one) => ({ one, value: h("b", {}) }));
  const at = h("span", { class: "at" });
  const told = part.marks.length ? h("p", { class: "marked" }) : null;
  const spoken = h("p", { class: "hidden", "aria-live": "polite" });
  const read = (i) => {
    at.textContent = i === null ? "" : slotName(part, i);
    for (const { one, value } of entries) value.textContent = i === null ? "" : valueAt(one, part, i, "≈ ");
    if (told) told.textContent = i === null ? "" : marksAt(part, i);
    spoken.textContent = i === null ? "" : [`${at.textContent}: ${entries.map(({ one }) => `${one.name} ${valueAt(one, part, i)}`).join("; ")}`, told?.textContent].filter(Boolean).join(". ");
  };
  const span = (i, j) => {
    const middle = (i + j + 1) / 2;
    const from = j - i + 1 >= LEAST ? i : Math.max(0, Math.min(part.axis.starts.length - LEAST, Math.round(middle - LEAST / 2)));
    fill([first + from, first + Math.min(part.axis.starts.length, Math.max(j + 1, from + LEAST)) - 1], true);
  };
  const order = [...part.series].sort((a, b) => BEHIND.indexOf(a.id) - BEHIND.indexOf(b.id));
  const picture = plot(order, part.axis, look(view, part), { read, span });
  picture.classList.add("chart");
  picture.addEventListener("dblclick", () => whole || fill(null, true));
  const back = whole ? null : h("button", { type: "button", class: "back", on: { click: () => fill(null, true) } }, say("wholeDay"));
  // Values have their places before anybody asks for them: nothing moves under the pointer.
  const legend = h("div", { class: "legend readable" },
    entries.map(({ one, value }) => h("span", { class: "entry" }, key(one.colour, one.name, one.dashed ? "dashed" : "stroke"), value)));
  const keys = h("div", { class: "legend reading" }, key("pv", say("gap"), "pale"), key("unknown", say("estimated"), "dotted"), key("unknown", say("missing"), "hatched"),
    part.marks.some((one) => one.kind === "alert") ? h("span", { class: "key" }, sign("alert"), say("alertMark")) : null,
    part.marks.some((one) => one.kind === "event") ? h("span", { class: "key" }, sign("event"), say("eventMark")) : null, at);
  return [
    view.shortfall ? h("p", { class: view.shortfall.kwh > 0 ? "gapword" : "gapword fine" }, view.shortfall.text) : null,
    legend, keys, back, picture, told, spoken,
    h("footer", { class: "below" }, numbersTable({ title: view.title, unit: view.unit, period: "slot", series: part.series }, part.axis, part.series.map((one) => one.name))),
  ];
}

/** The slots from `first` to `last`, everything counted from the first of them. */
function cut(view, first, last) {
  const starts = view.labels.map((_, i) => view.start + SLOT_S * i).slice(first, last + 1);
  const series = view.series.map((one) => ({ ...one, values: one.values.slice(first, last + 1), estimated: one.estimated.slice(first, last + 1) }));
  const known = Math.max(0, ...series.map((one) => one.values.findLastIndex((v) => v !== null) + 1));
  const missing = view.missing.map(([a, b]) => [Math.max(a - first, 0), Math.min(b - first, starts.length)]).filter(([a, b]) => a < b);
  const marks = view.marks.map((one) => ({ ...one, at: one.at - first }));
  const elapsed = Math.max(known, ...missing.map(([, b]) => b));
  return { series, missing, marks, now: view.now - first, axis: { starts, end: starts.at(-1) + SLOT_S, begins: 0, elapsed } };
}

function look(view, part) {
  const [than, less] = ["expected_kwh", "generation_kwh"].map((id) => part.series.find((one) => one.id === id)?.values);
  return {
    kind: "curve", unit: view.unit, period: "slot", height: 19, label: `${spokenSummary(view)}. ${say("plotHelp")}`,
    holes: part.missing, marks: part.marks, below: than && less ? { than, less, colour: "pv" } : null, now: { at: part.now, text: say("now") },
  };
}

function slotName({ axis }, i) {
  const [from, to] = [axis.starts[i], axis.starts[i] + SLOT_S].map(clock);
  return `${from}–${to === "00:00" ? "24:00" : to}`;
}

function valueAt(one, part, i, about = "") {
  const value = one.values[i];
  if (value === null || value === undefined) return part.missing.some(([a, b]) => i >= a && i < b) ? say("missing") : "–";
  if (!one.estimated[i]) return amount(value, "kW");
  return about ? about + amount(value, "kW") : `${amount(value, "kW")} (${say("estimated")})`;
}

function marksAt(part, i) {
  return part.marks.filter((one) => Math.floor(one.at) === i).map((one) => one.text).join(" · ");
}

function spokenSummary(view) {
  const last = view.series.map((one) => `${one.name} ${amount(one.values.findLast((v) => v !== null), "kW")}`).join("; ");
  return `${view.title}. ${last}${view.shortfall ? `. ${view.shortfall.text}` : ""}`;
}
