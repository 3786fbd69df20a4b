// Corrections to history: what is on record, a form to add one, and taking one back. Figures follow at the service.

import { post } from "./asking.js";
import { h, heading } from "./dom.js";
import { author, choice, field as labelled, given, openForm } from "./forms.js";
import { say } from "./say.js";

const VALUES = { ratio: ["factor"], set: ["total_kwh", "shape"], shift: ["seconds"], replace: ["last_kwh", "first_kwh"] };
const LIMITS = { factor: { min: 0, required: true }, total_kwh: { min: 0, required: true }, seconds: { required: true },
  last_kwh: { min: 0 }, first_kwh: { min: 0 } };

/** List corrections, newest first, each with who, why and a way back. */
export function corrections(view) {
  return [
    heading(say("corrections"), say("correctionsNote"),
      h("button", { type: "button", id: "correct", "data-needs": "operator", on: { click: () => add(view) } }, say("correct"))),
    view.entries.length ? h("ol", { class: "corrected" }, view.entries.map((e) => correctionEntry(e))) : h("p", { class: "note" }, say("noCorrections")),
    view.more ? h("p", { class: "note" }, say("moreCorrections")(view.more)) : null,
  ].filter(Boolean);
}

/** Ask for a new correction; `extra` makes what stands between the fields and the buttons. */
export function add(view, extra) {
  open(adding(view), extra);
}

/** One correction: what, by whom, and a way back. */
export function correctionEntry(e) {
  return h("li", { class: e.undone ? "undone" : null },
    h("div", {}, h("p", {}, h("b", {}, `#${e.id} `), e.text), h("p", { class: "note" }, e.by_text), e.undone_text ? h("p", { class: "note" }, e.undone_text) : null),
    e.undone ? null : h("button", { type: "button", "data-needs": "operator", "aria-label": `${say("undo")}: #${e.id} ${e.text}`, on: { click: () => open(undoing(e)) } }, `${say("undo")}…`));
}

// -- forms

function field(name, input, hint) {
  return labelled(name, say("fields")[name], input, hint);
}

function signature() {
  return [author(say("fields").author),
    field("reason", h("input", { required: true, maxlength: 500 }))];
}

function adding(view) {
  const kind = choice(view.kinds, null, { required: true });
  const point = choice(view.points, null, { required: true });
  const numbers = Object.entries(LIMITS).map(([name, limits]) => field(name, h("input", { type: "number", step: "any", ...limits })));
  const shapes = Object.entries(say("shapes")).map(([id, name]) => ({ id, name }));
  const fields = [field("kind", kind), field("point", point),
    field("start", h("input", { type: "datetime-local", required: true }), view.zone),
    field("end", h("input", { type: "datetime-local", required: true }), say("endNote")),
    ...numbers, field("shape", choice(shapes)), ...signature()];
  const fit = () => {
    const allowed = view.points.filter((p) => p.kinds.includes(kind.value)).map((p) => p.id);
    for (const option of point.options) option.disabled = option.hidden = !allowed.includes(option.value);
    if (!allowed.includes(point.value)) point.value = allowed[0];
    const wanted = VALUES[kind.value] || [];
    for (const label of fields.filter(Boolean)) {
      const name = label.dataset.field;
      const unused = (name in LIMITS || name === "shape") ? !wanted.includes(name) : name === "end" && kind.value === "replace";
      label.hidden = unused;
      label.querySelector("input, select").disabled = unused;
    }
  };
  kind.addEventListener("change", fit);
  fit();
  return { title: say("correct"), fields, path: "api/v1/corrections" };
}

function undoing(e) {
  return { title: `${say("undo")}: #${e.id}`, fields: [h("p", {}, e.text), ...signature()], path: `api/v1/corrections/${e.id}/undo` };
}

/** Show a form; it closes when the service has answered that the figures have followed. */
function open({ title, fields, path }, extra) {
  openForm({
    title, note: say("correctionsNote"), fields, extra,
    texts: { save: say("save"), cancel: say("cancel"), busy: say("computing") },
    send: (values) => post(path, values),
    done: () => document.dispatchEvent(new Event("parkwatt:corrected")),
  });
}

export { given };
