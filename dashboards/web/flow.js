// Power now: what comes in on the left, what goes out on the right, widths in kW.

import { fluid, h, heading, picture, rem, s } from "./dom.js";
import { say, spoken } from "./say.js";

const ICONS = {
  sun: "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM12 1.5v3M12 19.5v3M1.5 12h3M19.5 12h3M4.6 4.6l2.1 2.1M17.3 17.3l2.1 2.1M4.6 19.4l2.1-2.1M17.3 6.7l2.1-2.1",
  grid: "M8.5 2h7M12 2v3M6 8h12M7.5 5h9l2.5 6M5 11l2.5-6M9.5 8 6 22M14.5 8 18 22M7.4 16.5h9.2M9.5 8l7.1 8.5M14.5 8l-7.1 8.5",
  buildings: "M3 22V9l7-4v17M10 22V3l11 5v14M2 22h20M14 11v2M17.5 12v2M14 16v2M17.5 16.5v2M6.5 12v2M6.5 16.5v2",
  storage: "M4 7h16v13H4zM8 7V4h3v3M13 7V4h3v3M12.8 9.8 9.5 14H14l-3.3 4.2",
};

/** A part as it is drawn: which side, which colour, what it says. */
function place(part) {
  const kw = part.kw === null ? 0 : part.kw;
  const none = Math.abs(kw) < 0.05;
  if (part.id === "sun") return { side: "from", colour: "pv", kw: Math.max(0, kw), word: "" };
  if (part.id === "buildings") return { side: "to", colour: "load", kw: Math.max(0, kw), word: "" };
  const out = part.id === "grid" ? kw < 0 : kw > 0;
  const words = part.id === "grid" ? ["importing", "exporting"] : ["discharging", "charging"];
  const colours = part.id === "grid" ? ["import", "export"] : ["storage", "storage"];
  return { side: out ? "to" : "from", colour: colours[out ? 1 : 0], kw: Math.abs(kw), word: none ? say("idle") : say(words[out ? 1 : 0]) };
}

/** Draw the whole section. */
export function power(view) {
  const parts = view.parts.map((part) => ({ ...part, ...place(part) }));
  const note = view.source === "slot" ? say("powerFromSlots") : say("powerNote");
  return [heading(say("power"), note), fluid((width) => draw(parts, width), "flow")];
}

function draw(parts, width) {
  const unit = rem();
  const height = Math.round(19 * unit);
  const label = Math.min(8.2 * unit, width * 0.31);
  const sides = { from: parts.filter((p) => p.side === "from"), to: parts.filter((p) => p.side === "to") };
  const total = Math.max(...Object.values(sides).map((list) => list.reduce((sum, p) => sum + p.kw, 0)), 0.001);
  const perKw = (height * 0.4) / total;
  const words = parts.map((p) => `${p.name} ${p.word} ${p.text}${p.stale ? ` ${say("stoppedAt")(p.at_text || "–")}` : ""}`).join("; ");
  const bus = { x: width / 2, half: Math.max(total * perKw, 8) / 2, y: height / 2 + unit * 0.4 };
  const bands = (hatch) => ["from", "to"].flatMap((side) => column(sides[side], side, { width, height, label, perKw, bus, hatch, unit }));
  return picture(width, height, `${say("power")}: ${words}`,
    s("text", { x: 0, y: unit * 0.9, class: "caption" }, say("from")),
    s("text", { x: width, y: unit * 0.9, class: "caption end" }, say("to")),
    bands,
    s("rect", { x: bus.x - 3, y: bus.y - bus.half, width: 6, height: bus.half * 2, rx: 3, class: "bus" }));
}

function column(parts, side, box) {
  const { width, height, label, perKw, bus, hatch, unit } = box;
  const step = (height - unit * 1.6) / Math.max(parts.length, 1);
  let attach = bus.y - parts.reduce((sum, p) => sum + Math.max(p.kw * perKw, 1.5), 0) / 2;
  return parts.flatMap((part, i) => {
    const thick = Math.max(part.kw * perKw, 1.5);
    const y = unit * 1.6 + step * (i + 0.5);
    const mid = attach + thick / 2;
    attach += thick;
    const edge = side === "from" ? label : width - label;
    const x0 = side === "from" ? edge : bus.x;
    const x1 = side === "from" ? bus.x : edge;
    const [y0, y1] = side === "from" ? [y, mid] : [mid, y];
    const empty = part.kw < 0.05;
    const paint = part.stale ? hatch : `var(--${part.colour})`;
    return [
      empty
        ? s("path", { d: curve(x0, y0, x1, y1), class: "idle" })
        : s("path", { d: ribbon(x0, y0, x1, y1, thick), fill: paint, class: part.stale ? "band stale" : "band" }),
      empty ? null : arrow(side === "from" ? edge + unit * 0.9 : edge - unit * 0.9, y, thick, part, unit),
      caption(part, side, side === "from" ? 0 : width, y, unit, label),
    ];
  });
}

function curve(x0, y0, x1, y1) {
  const m = (x0 + x1) / 2;
  return `M${x0} ${y0}C${m} ${y0} ${m} ${y1} ${x1} ${y1}`;
}

function ribbon(x0, y0, x1, y1, thick) {
  const m = (x0 + x1) / 2;
  const t = thick / 2;
  return `M${x0} ${y0 - t}C${m} ${y0 - t} ${m} ${y1 - t} ${x1} ${y1 - t}L${x1} ${y1 + t}C${m} ${y1 + t} ${m} ${y0 + t} ${x0} ${y0 + t}z`;
}

/** An arrowhead where the band runs level: cut out of a broad one, set upon a thin one. */
function arrow(x, y, thick, part, unit) {
  const broad = thick > unit && !part.stale;
  const size = broad ? Math.min(thick * 0.24, unit * 0.55) : thick / 2 + unit * 0.28;
  const path = `M${-size * 0.5} ${-size}L${size * 0.5} 0L${-size * 0.5} ${size}`;
  return s("path", { d: broad ? path : `${path}z`, transform: `translate(${x} ${y})`, class: broad ? "arrow cut" : "arrow",
    fill: broad ? "none" : `var(--${part.stale ? "unknown" : part.colour})` });
}

/** Name, kW and age of a part, beside the outer end of its band. */
function caption(part, side, x, y, unit, room) {
  const end = side === "to" ? " end" : "";
  const icon = unit * 1.15;
  const inner = x + (end ? -1 : 1) * (icon + unit * 0.35);
  const name = part.word ? `${part.name} · ${part.word}` : part.name;
  const note = part.stale ? say("stoppedAt")(part.at_text || "–") : part.absent.length ? say("without")(part.absent.join("、")) : part.age_text || "";
  const letters = Math.max(6, Math.floor(room / (unit * (spoken() === "zh" ? 0.62 : 0.4))));
  const short = note.length > letters ? `${note.slice(0, letters - 1)}…` : note;
  return s("g", { class: part.stale ? "node stale" : "node", style: { "--c": `var(--${part.colour})` } },
    s("path", { d: ICONS[part.id], class: "icon", transform: `translate(${end ? x - icon : x} ${y - unit * 1.95}) scale(${icon / 24})` }),
    s("text", { x: inner, y: y - unit * 1.05, class: `name${end}` }, name),
    s("text", { x, y: y + unit * 0.35, class: `kw${end}` }, part.text),
    s("text", { x, y: y + unit * 1.35, class: `age${end}` }, s("title", {}, note), short));
}
