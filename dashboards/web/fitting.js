// On a wall nobody scrolls and nobody clicks: what is shown is whole, as large as it may be, and leads nowhere.

import { h } from "./dom.js";
import { say } from "./say.js";

const LARGER = [1.3, 1.2, 1.1, 1, 0.92, 0.85]; // below that, letters are too small to be read from afar

const page = () => document.getElementById("page");
const container = () => [document.getElementById("content"), document.getElementById("view")].find((box) => box && !box.hidden);
const seen = (list) => [...list].filter((one) => one.getClientRects().length);

/** Fit what stands there to the screen; call it after every drawing. */
export function fit() {
  const box = container();
  if (!box) return;
  for (const link of page().querySelectorAll("a[href]")) link.removeAttribute("href");
  undo(box);
  const limit = page().getBoundingClientRect().bottom - parseFloat(getComputedStyle(page()).paddingBottom);
  const over = (one) => one.getBoundingClientRect().bottom > limit + 0.5;
  const sections = seen(box.children);
  const fits = () => !sections.some((one) => !one.classList.contains("unfit") && over(one));
  const smallest = LARGER.at(-1);
  box.style.setProperty("zoom", smallest);
  for (const section of sections) if (over(section) && !trimmed(section, over)) section.classList.add("unfit");
  if (sections.every((one) => one.classList.contains("unfit"))) sections[0]?.classList.remove("unfit");
  for (const one of alone(sections.filter((section) => !section.classList.contains("unfit")))) one.classList.add("alone");
  LARGER.find((size) => {
    box.style.setProperty("zoom", size);
    return fits();
  });
}

/** Give everything its place and size back. */
export function unfit() {
  for (const id of ["content", "view"]) undo(document.getElementById(id));
}

function undo(box) {
  box.style.removeProperty("zoom");
  for (const one of box.querySelectorAll(".unfit, .alone")) one.classList.remove("unfit", "alone");
  for (const one of box.querySelectorAll(".left-out")) one.remove();
}

/** The sections that have a row to themselves, now that what stood beside them is left out. */
function alone(sections) {
  const tops = sections.map((one) => Math.round(one.getBoundingClientRect().top));
  return sections.filter((_, i) => tops.indexOf(tops[i]) === tops.lastIndexOf(tops[i]));
}

/** Leave out the last of a list's items until the section is whole, and say how many; whether that was enough. */
function trimmed(section, over) {
  const items = seen(section.querySelectorAll(":scope > .alerts > li"));
  if (items.length < 2) return false;
  const more = h("p", { class: "calm left-out" });
  section.append(more);
  for (let left = 1; left < items.length; left += 1) {
    items.at(-left).classList.add("unfit");
    more.textContent = say("leftOut")(left);
    if (!over(section)) return true;
  }
  return false;
}
