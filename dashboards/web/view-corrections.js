// Corrections: every one on record, a form that shows its effect before it is recorded, and a way back.

import { get, post } from "./asking.js";
import { add, correctionEntry, given } from "./corrections.js";
import { h, heading } from "./dom.js";
import { choice, styles } from "./forms.js";
import { wordsOf } from "./say-handling.js";

export const id = "corrections";
export const ranged = false;

const MOST_DAYS = 60;
const chosen = { kind: "", point: "", status: "" };

export async function load(_range, language, signal) {
  const [data] = await Promise.all([get(`api/v1/corrections/view?lang=${language}`, signal), styles()]);
  return data;
}

export function draw(data, context) {
  const w = wordsOf(context.language);
  const list = h("div", {});
  const fill = () => {
    const shown = data.entries.filter(fits(data));
    list.replaceChildren(shown.length ? h("ol", { class: "corrected whole" }, shown.map((e) => correctionEntry(e)))
      : h("p", { class: "calm" }, data.entries.length ? w.noMatch : w.noCorrections));
  };
  fill();
  return [filters(data, w, fill),
    h("section", { class: "panel", id: "all-corrections" },
      heading(w.corrections, w.correctionsNote, h("button", { type: "button", "data-needs": "operator", on: { click: () => add(data, (form) => preview(form, w, context)) } }, w.correct)),
      list)];
}

function fits(data) {
  // A correction of a device belongs to the point it serves.
  const devices = Object.fromEntries(data.points.map((p) => [p.id, p.devices ?? []]));
  return (e) => (!chosen.kind || e.kind === chosen.kind) && (!chosen.status || (chosen.status === "undone") === Boolean(e.undone)) &&
    (!chosen.point || e.point === chosen.point || devices[chosen.point].includes(e.device));
}

function filters(data, w, changed) {
  const states = ["force", "undone"].map((code) => ({ id: code, name: w.correctionState[code] }));
  const of = { kind: data.kinds, point: data.points, status: states };
  return h("form", { class: "panel sieve", on: { submit: (e) => e.preventDefault() } }, Object.entries(of).map(([name, options]) => {
    const select = choice([{ id: "", name: w.all }, ...options], chosen[name]);
    select.addEventListener("change", () => {
      chosen[name] = select.value;
      changed();
    });
    return h("label", {}, h("span", {}, w[name]), select);
  }));
}

/** A button that asks what the form would change, and the answer. */
function preview(form, w, context) {
  const box = h("div", { class: "effect", role: "status" });
  const button = h("button", { type: "button" }, w.preview);
  button.addEventListener("click", async () => {
    // Who and why do not matter for the effect.
    const values = { author: "–", reason: "–", ...given(form) };
    button.disabled = true;
    box.replaceChildren(h("p", { class: "note" }, w.previewBusy));
    const { fault, answer } = await post(`api/v1/corrections/preview?lang=${context.language}`, values);
    button.disabled = false;
    box.replaceChildren(...(fault ? [h("p", { class: "told" }, fault)] : effect(answer, w)));
  });
  form.addEventListener("input", () => box.replaceChildren());
  return h("div", { class: "trying" }, button, box);
}

function effect(answer, w) {
  if (!answer.totals.length) return [h("p", { class: "note" }, w.previewNone)];
  const row = (head, x) => h("tr", {}, h("th", { scope: "row" }, head), h("td", {}, x.quantity), h("td", {}, x.before), h("td", {}, x.after));
  const table = (rows, first) => h("div", { class: "scroll", tabindex: 0 }, h("table", {},
    h("thead", {}, h("tr", {}, [first, "", w.before, w.after].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)));
  const rest = Math.max(0, answer.days.length - MOST_DAYS);
  return [h("p", { class: "note" }, w.previewNote),
    table(answer.totals.map((t) => row(`${t.entity} (${w.daysCount(t.days)})`, t)), w.sums),
    h("details", {}, h("summary", {}, w.daily), table(answer.days.slice(0, MOST_DAYS).map((d) => row(`${d.day} ${d.entity}`, d)), w.day)),
    rest || answer.untried ? h("p", { class: "note" }, w.previewMore(rest + answer.untried)) : null].filter(Boolean);
}
