// Power now: what comes in on the left, what goes out on the right, widths in kW.

import { fluid, h, heading, picture, rem, s } from "./dom.js";
import { say } from "./say.js";

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
  const label = Math.min(9.5 * unit, width * 0.32);
  const sides = { from: parts.filter((p) => p.side === "from"), to: parts.filter((p) => p.side === "to") };
  const total = Math.max(...Object.values(sides).map((list) => list.reduce((sum, p) => sum + p.kw, 0)), 0.001);
  const perKw = (height * 0.46) / total;
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
      empty ? null : arrow((x0 + x1) / 2, (y0 + y1) / 2, Math.atan2(y1 - y0, (x1 - x0) * 0.66), thick, part, unit),
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

/** An arrowhead halfway along a band: cut out of a broad one, set upon a thin one. */
function arrow(x, y, angle, thick, part, unit) {
  const size = Math.max(5, Math.min(thick * 0.28, unit * 0.7));
  const turn = `translate(${x} ${y}) rotate(${(angle * 180) / Math.PI})`;
  const broad = thick > unit && !part.stale;
  const path = `M${-size * 0.6} ${-size}L${size * 0.6} 0L${-size * 0.6} ${size}`;
  return s("path", { d: broad ? path : `${path}z`, transform: turn, class: broad ? "arrow cut" : "arrow",
    fill: broad ? "none" : `var(--${part.stale ? "unknown" : part.colour})` });
}

function caption(part, side, x, y, unit, room) {
  const end = side === "to";
  const notes = [];
  if (part.stale) notes.push(part.at_text ? say("stoppedAt")(part.at_text) : "–");
  else if (part.absent.length) notes.push(say("without")(part.absent.join("、")));
  const icon = unit * 1.25;
  const name = part.word ? `${part.name} · ${part.word}` : part.name;
  const top = y - unit * 0.75;
  return s("g", { class: part.stale ? "node stale" : "node", style: { "--c": `var(--${part.colour})` } },
    s("path", { d: ICONS[part.id], class: "icon", transform: `translate(${end ? x - icon : x} ${top - icon * 1.15}) scale(${icon / 24})` }),
    s("text", { x, y: top + unit * 0.85, class: end ? "name end" : "name" }, name),
    s("text", { x, y: top + unit * 2.2, class: end ? "kw end" : "kw" }, part.text),
    notes.map((note, i) => wrapped(note, x, top + unit * (3.2 + i), end, Math.floor(room / (unit * 0.42)))));
}

function wrapped(text, x, y, end, letters) {
  const shown = text.length > letters ? `${text.slice(0, letters - 1)}…` : text;
  return s("text", { x, y, class: end ? "age end" : "age" }, s("title", {}, text), shown);
}
