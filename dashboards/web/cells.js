// Pictures made of cells: a strip per entity, a heat map of days and hours, and a timeline of states.

import { fluid, h, picture, rem, s } from "./dom.js";
import { amount } from "./say.js";
import { dayOf, shortDay, ticks, when } from "./times.js";

const LEVELS = 9;

const cell = (x, y, w, t) => `M${r(x)} ${r(y)}h${r(w)}v${r(t)}h${r(-w)}z`;
const r = (v) => Math.round(v * 10) / 10;

/** Paths of many cells, one per class, so that thousands of cells are a handful of elements. */
function paths(cells) {
  const by = new Map();
  for (const { key, d } of cells) by.set(key, (by.get(key) || "") + d);
  return by;
}

/** Follow the pointer and the arrow keys over `count` cells; `place(x, y, box)` says which one is under it. */
function follow(box, count, start, place, tell, open, jump = 1) {
  let at = null;
  const show = (i) => {
    at = i;
    tell(i);
  };
  box.addEventListener("pointermove", (event) => {
    const area = box.querySelector("svg")?.getBoundingClientRect();
    if (area) show(place(event.clientX - area.left, event.clientY - area.top, area));
  });
  box.addEventListener("pointerleave", () => show(null));
  box.addEventListener("blur", () => show(null));
  box.addEventListener("click", () => at !== null && open(at));
  box.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -jump, ArrowRight: jump, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (move !== undefined) show(at === null ? start : Math.max(0, Math.min(count - 1, at + move)));
    else if (event.key === "Enter" && at !== null) open(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Draw a heat map: days to the right, the hours of the day from top to bottom. `act`: { read(text), zoom(from, to) }. */
export function carpet(one, days, look, top, act) {
  const box = h("div", { class: "plot carpet", tabindex: 0, role: "img", "aria-label": look.label });
  box.append(fluid((width) => {
    const unit = rem();
    const height = Math.round(9.5 * unit);
    const [left, bottom] = [unit * 2.6, unit * 1.35];
    const [w, t] = [(width - left) / days.length, (height - bottom) / one.rows];
    const cells = [];
    for (let day = 0; day < days.length; day += 1) {
      let from = 0;
      let key = null;
      for (let row = 0; row <= one.rows; row += 1) {
        const next = row < one.rows ? level(one.cells[day * one.rows + row], top, day * one.rows + row < one.elapsed) : "end";
        if (next === key) continue;
        if (key !== null) cells.push({ key, d: cell(left + day * w, from * t, w + 0.15, (row - from) * t) });
        [from, key] = [row, next];
      }
    }
    const clocks = [0, 6, 12, 18, 24].map((hour) => s("text", { x: left - unit * 0.4, y: Math.min(height - bottom, Math.max(unit * 0.6, (hour / 24) * (height - bottom) + unit * 0.25)), class: "tick end" }, `${String(hour).padStart(2, "0")}:00`));
    const names = ticks("day", days, Math.max(2, Math.floor((width - left) / (unit * 3.8)))).map(({ at, text }) =>
      s("text", { x: Math.min(left + (at + 0.5) * w, width - text.length * unit * 0.2), y: height - unit * 0.25, class: "tick middle" }, text));
    const svg = picture(width, height, "", (hatch) => [...paths(cells)].map(([key, d]) => (key === "none" ? s("path", { d, fill: hatch }) : key === "later" ? null
      : s("path", { d, fill: `color-mix(in oklab, var(--${one.colour}) ${Math.round((100 * key) / LEVELS)}%, var(--cold))` }))), clocks, names);
    quiet(svg);
    return svg;
  }));
  const place = (x, y, area) => {
    const unit = rem();
    const day = Math.floor(((x - unit * 2.6) / (area.width - unit * 2.6)) * days.length);
    const row = Math.floor((y / (area.height - unit * 1.35)) * one.rows);
    return day < 0 || day >= days.length || row < 0 || row >= one.rows ? null : day * one.rows + row;
  };
  const tell = (i) => {
    if (i === null) return act.read("");
    const minutes = ((i % one.rows) * 1440) / one.rows;
    const text = `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
    const value = one.cells[i];
    return act.read(`${shortDay(days[Math.floor(i / one.rows)])} ${text}  ${value === null ? (i < one.elapsed ? look.words.missing : "–") : amount(value, look.unit)}`);
  };
  const open = (i) => act.zoom(dayOf(days[Math.floor(i / one.rows)]), dayOf(days[Math.floor(i / one.rows)]));
  follow(box, one.cells.length, Math.floor(one.rows / 2), place, tell, open, one.rows);
  return box;
}

function level(value, top, begun) {
  if (value === null) return begun ? "none" : "later";
  return Math.max(0, Math.min(LEVELS, Math.round((LEVELS * value) / top)));
}

function quiet(svg) {
  svg.removeAttribute("role");
  svg.removeAttribute("aria-label");
  svg.setAttribute("aria-hidden", "true");
}

/** Draw one row of cells: `keyOf(i)` gives each point its tier or state class, or null. `act` as above; `say(i)` its words. */
export function strip(size, axis, look, keyOf, say, act) {
  const box = h("div", { class: "plot cells", tabindex: 0, role: "img", "aria-label": look.label });
  box.append(fluid((width) => {
    const height = Math.round(1.25 * rem());
    const w = width / size;
    const cells = [];
    for (let i = 0; i < size; i += 1) {
      const key = keyOf(i);
      if (key === null) continue;
      const first = i;
      while (w < 6 && i + 1 < size && keyOf(i + 1) === key) i += 1; // narrow cells run together
      cells.push({ key, d: cell(first * w, 0, (i + 1 - first) * w - (w >= 6 ? 1.2 : -0.15), height) });
    }
    const svg = picture(width, height, "", (hatch) => [...paths(cells)].map(([key, d]) => s("path", { d, fill: key === "missing" ? hatch : `var(--${key})`, class: `state ${key}` })));
    quiet(svg);
    return svg;
  }));
  const place = (x, _y, area) => Math.max(0, Math.min(size - 1, Math.floor((x / area.width) * size)));
  const day = (i) => dayOf(axis.starts[i]);
  follow(box, size, Math.max(0, Math.min(size - 1, axis.elapsed - 1)), place,
    (i) => act.read(i === null ? "" : `${when(look.period, axis.starts[i])}  ${say(i)}`), (i) => act.zoom(day(i), dayOf((axis.starts[i + 1] ?? axis.end) - 1)));
  return box;
}
