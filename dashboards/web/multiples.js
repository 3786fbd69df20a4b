// Arrays and buildings, small and alike, the one furthest from where it should be first.

import { linkTo } from "./address.js";
import { chip, fluid, h, heading, key, picture, rem, s } from "./dom.js";
import { rest } from "./everything.js";
import { amount, percent, say } from "./say.js";

/** Draw the arrays: a week of actual bars under expected marks, one scale in kWh/kWp. */
export function arrays(view) {
  const top = Math.max(0.1, ...view.items.flatMap((a) => a.days.flatMap((d) => [d.actual || 0, d.expected || 0])));
  const legend = [key("pv", say("actual")), key("expected", say("expected"), "mark"), key("unknown", say("missing"), "hatched")];
  return [
    heading(view.title, view.note, ...legend),
    view.items.length ? h("ul", { class: "multiples" }, view.items.map((a) => array(a, top))) : h("p", { class: "calm" }, say("noArrays")),
    rest(view),
  ].filter(Boolean);
}

function array(view, top) {
  return h("li", { class: "multiple" },
    h("div", { class: "name" }, h("a", { class: "entity", href: linkTo("pv", { array: view.id, preset: "7d" }) }, view.name), h("small", {}, view.size)),
    fluid((width) => week(view, top, width)),
    h("div", { class: "figure" }, h("b", {}, view.index_text), chip(view.tier, view.tier_word)),
    h("div", { class: "figure more" }, h("span", {}, view.actual_text), view.lost_text ? h("small", {}, view.lost_text) : null));
}

function week(view, top, width) {
  const height = Math.round(rem() * 3);
  const step = width / view.days.length;
  const bar = Math.min(step * 0.62, rem() * 2.4);
  const label = `${view.name}: ${view.index_text}, ${view.lost_text || ""}. ${view.days.map((d) => `${d.day} ${d.text}`).join("; ")}`;
  const y = (value) => height - 1 - (value / top) * (height - 4);
  return picture(width, height, label, (hatch) => view.days.map((d, i) => {
    const x = step * i + (step - bar) / 2;
    const parts = [s("title", {}, `${d.day}: ${d.text}`), s("rect", { x: step * i, y: 0, width: step, height, fill: "transparent" })];
    if (d.actual === null) parts.push(s("rect", { x, y: 2, width: bar, height: height - 3, fill: hatch }));
    else parts.push(s("rect", { x, y: y(d.actual), width: bar, height: Math.max(0.5, height - 1 - y(d.actual)), fill: "var(--pv)", opacity: d.estimated > 0.05 ? 0.5 : 1 }));
    if (d.expected !== null) parts.push(s("path", { d: `M${x - bar * 0.14} ${y(d.expected)}h${bar * 1.28}`, class: "wanted" }));
    return s("g", {}, ...parts);
  }), s("path", { d: `M0 ${height - 0.5}H${width}`, class: "axis" }));
}

/** Draw the buildings: today's hours over the hours of a usual day, each on the scale of its own mean. */
export function buildings(view) {
  const scale = (b) => (v) => (v === null || !b.usual_kw ? null : v / b.usual_kw);
  const all = view.items.flatMap((b) => [...b.hours, ...b.usual_hours].map(scale(b)));
  const top = Math.min(4, Math.max(1.2, ...all.filter((v) => v !== null)));
  const legend = [key("load", say("today"), "stroke"), key("load", say("usual"), "pale"), key("unknown", say("missing"), "hatched")];
  return [
    heading(view.title, view.note, ...legend),
    view.items.length ? h("ul", { class: "multiples" }, view.items.map((b) => building(b, top))) : h("p", { class: "calm" }, say("noBuildings")),
    rest(view),
  ].filter(Boolean);
}

function building(view, top) {
  const partial = view.coverage !== null && view.coverage < 0.995;
  return h("li", { class: "multiple" },
    h("div", { class: "name" }, h("a", { class: "entity", href: linkTo("buildings", { building: view.id, preset: "today" }) }, view.name), h("small", {}, `${say("usual")} ${view.usual_kw_text}`)),
    fluid((width) => hours(view, top, width)),
    h("div", { class: "figure" }, h("b", {}, view.difference_text), h("small", {}, partial ? say("share")(percent(view.coverage)) : "")),
    h("div", { class: "figure more" }, h("span", {}, view.today_text), h("small", {}, `${say("usual")} ${view.usual_text}`)));
}

function hours(view, top, width) {
  const height = Math.round(rem() * 3);
  const step = width / 24;
  const y = (kw) => height - 1 - (Math.min(kw / (view.usual_kw || 1), top) / top) * (height - 4);
  const label = `${view.name}: ${view.today_text}, ${say("usual")} ${view.usual_text}, ${view.difference_text}`;
  const usual = outline(view.usual_hours, step, y, height);
  const last = view.hours.reduce((found, v, i) => (v === null ? found : i), -1);
  const elapsed = Math.round((view.coverage === null ? 0 : 1) * hoursElapsed(view, last));
  return picture(width, height, label,
    usual ? s("path", { d: usual, class: "usual" }) : null,
    (hatch) => view.hours.slice(0, elapsed).map((v, i) => (v === null ? s("rect", { x: step * i, y: 2, width: step, height: height - 3, fill: hatch }, s("title", {}, say("missing"))) : null)),
    s("path", { d: stroke(view.hours, step, y), class: "own" }),
    view.hours.map((v, i) => s("rect", { x: step * i, y: 0, width: step, height, fill: "transparent" },
      s("title", {}, `${String(i).padStart(2, "0")}:00 ${amount(v, "kW")} · ${say("usual")} ${amount(view.usual_hours[i], "kW")}`))),
    s("path", { d: `M0 ${height - 0.5}H${width}`, class: "axis" }));
}

/** Hours of today that have begun; a silent meter's hole reaches to now. */
function hoursElapsed(view, last) {
  return Math.max(view.elapsed_hours ?? 0, last + 1);
}

function outline(values, step, y, height) {
  let path = "";
  values.forEach((v, i) => {
    if (v !== null) path += `M${step * i} ${height - 1}V${y(v)}H${step * (i + 1)}V${height - 1}z`;
  });
  return path;
}

function stroke(values, step, y) {
  let path = "";
  let open = false;
  values.forEach((v, i) => {
    if (v === null) {
      open = false;
      return;
    }
    path += `${open ? "L" : "M"}${step * i} ${y(v)}H${step * (i + 1)}`;
    open = true;
  });
  return path;
}
