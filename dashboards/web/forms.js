// Forms in dialogs, as every view that changes something uses them.

import { h } from "./dom.js";

const NAME = "parkwatt.name";

/** A labelled field. `name` is what is sent. */
export function field(name, label, input, hint) {
  input.id = `f-${name}`;
  input.name = name;
  return h("label", { for: input.id, "data-field": name }, h("span", {}, label), input, hint ? h("small", { class: "note" }, hint) : null);
}

/** A list to choose from; options are { id, name }. */
export function choice(options, chosen = null, attributes = {}) {
  return h("select", attributes, options.map((o) => h("option", { value: o.id, selected: o.id === chosen }, o.name)));
}

/** A field for the name of whoever acts, remembered on this device; null where somebody is signed in, whom the service names. */
export function author(label) {
  if (document.querySelector("button.account:not([hidden])")) return null;
  let known = "";
  try {
    known = localStorage.getItem(NAME) ?? "";
  } catch {
    // a browser that keeps nothing
  }
  return field("author", label, h("input", { required: true, maxlength: 80, autocomplete: "name", value: known }));
}

function remember(name) {
  try {
    if (name) localStorage.setItem(NAME, name);
  } catch {
    // a browser that keeps nothing
  }
}

/**
 * Show a form in a dialog. `send` gets what was filled in and returns a promise of { fault }; without a fault the dialog
 * closes and `done` is called; `extra` makes something to stand below the fields. Texts: title, note, save, cancel, busy.
 */
export function openForm({ title, note, fields, texts, send, done, extra }) {
  const told = h("p", { role: "alert", class: "told" });
  const save = h("button", { type: "submit" }, texts.save);
  const cancel = h("button", { type: "button", on: { click: () => dialog.close() } }, texts.cancel);
  const between = h("div", {});
  const form = h("form", { method: "dialog" }, h("h2", { id: "f-title" }, title), note ? h("p", { class: "note" }, note) : null,
    ...fields.filter(Boolean), between, told, h("p", { class: "acts" }, cancel, save));
  const dialog = h("dialog", { class: "panel form", "aria-labelledby": "f-title", on: { close: () => dialog.remove() } }, form);
  if (extra) between.append(extra(form));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (save.disabled) return;
    save.disabled = true;
    told.textContent = texts.busy;
    const values = given(form);
    const { fault, answer } = await send(values);
    save.disabled = false;
    told.textContent = fault;
    if (fault) return;
    remember(values.author);
    dialog.close();
    done(answer);
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Return what stands in a form: numbers as numbers, what is empty or not asked for left out. */
export function given(form) {
  const asked = [...form.querySelectorAll("input, select, textarea")].filter((input) => !input.disabled && input.value !== "");
  return Object.fromEntries(asked.map((input) => [input.name, input.type === "number" ? input.valueAsNumber : input.value]));
}

let styled = null;

/** Bring in the style sheet these views share, once. */
export function styles() {
  styled ??= new Promise((ready) => {
    const link = h("link", { rel: "stylesheet", href: "static/handling.css", on: { load: ready, error: ready } });
    document.head.append(link);
  });
  return styled;
}
