// Keyboard shortcuts, and the list of them.

import { h } from "./dom.js";
import { say } from "./say.js";

/** Act on keys. `acts`: name of a key to what it does; digits choose a view. Never while somebody types. */
export function shortcuts(acts) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.("input, select, textarea, dialog, [contenteditable]")) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Show the list; Escape or the button closes it. */
export function keyHelp() {
  if (document.getElementById("keys")) return;
  const close = h("button", { type: "button", autofocus: true, on: { click: () => dialog.close() } }, say("close"));
  const list = h("dl", {}, say("keyList").map(([keys, what]) => h("div", {}, h("dt", {}, keys.split(" ").map((k) => h("kbd", {}, k))), h("dd", {}, what))));
  const dialog = h("dialog", { id: "keys", class: "panel form", "aria-labelledby": "keys-title", on: { close: () => dialog.remove() } }, h("h2", { id: "keys-title" }, say("keys")), list, h("p", { class: "acts" }, close));
  document.body.append(dialog);
  dialog.showModal();
}
