// Draws any dashboard from what /api/v1/views answers: one picture per panel, each with its numbers as a table and as CSV.

import { get } from "./asking.js";
import { carpet, strip } from "./cells.js";
import { capital, chip, h, heading, key, s, shape } from "./dom.js";
import { numbersTable } from "./numbers-table.js";
import { isMissing, measuredAt, plot, pointName, reading, scaleOf } from "./plot.js";
import { amount, percent, say } from "./say.js";

/** Make a view's `load`. */
export function loadPanels(dashboard) {
  return (range, language, signal) => {
    const asked = new URLSearchParams({ from: range.from, to: range.to, lang: language });
    for (const name of ["compare", "array", "building"]) if (range[name]) asked.set(name, range[name]);
    if (range.all) asked.set("all", "1");
    return get(`api/v1/views/${dashboard}?${asked}`, signal);
  };
}

/** Draw all panels of an answer. */
export function drawPanels(data, context) {
  const numbers = data.panels.filter((p) => p.kind === "number");
  const others = data.panels.filter((p) => p.kind !== "number");
  const spans = packed(others);
  const nodes = others.map((panel, i) => section(panel, data, context, spans[i]));
  if (numbers.length) nodes.unshift(h("section", { class: "panel numbers figures", "aria-label": say("figures") }, numbers.map((p) => tile(p, context))));
  if (!nodes.length) nodes.push(h("section", { class: "panel" }, h("p", { class: "calm" }, shape("unknown"), say("noData"))));
  return nodes;
}

// -- one panel

const BODIES = { curve: chart, bars: chart, strip: strips, heatmap: carpets, ranking, timeline: strips, table };

function section(panel, data, context, wide) {
  const body = BODIES[panel.kind];
  const head = heading(panel.title, panel.note);
  const foot = h("footer", { class: "below" }, panel.more ? everything(panel, context) : null, ...exports(panel, data, context));
  return h("section", { class: `panel kind-${panel.kind} span-${wide}`, id: `panel-${panel.id}`, "aria-label": panel.title }, head, ...body(panel, data, context), foot);
}

/** Widths come from Grafana's grid of 24 columns; what consists of many small pictures takes the whole width. */
function span(panel) {
  const many = panel.per_entity && (panel.kind === "curve" || panel.kind === "bars");
  return many ? 12 : Math.max(4, Math.round(panel.width / 2));
}

/** Fill every row: the last panel of a row takes what is left of it. */
function packed(panels) {
  const spans = panels.map(span);
  let used = 0;
  spans.forEach((wide, i) => {
    used += wide;
    if (used + (spans[i + 1] ?? 12) <= 12) return;
    spans[i] = wide + Math.max(0, 12 - used);
    used = 0;
  });
  return spans;
}

function everything(panel, { go }) {
  return h("button", { type: "button", class: "more", on: { click: () => go(null, { all: true }) } }, say("showAll")(panel.more));
}

function exports(panel, data, context) {
  if (!panel.export) return [];
  const asked = new URLSearchParams({ series: panel.export.series, scope: panel.export.scope, period: panel.export.period, from: data.range.from, to: data.range.to });
  if (panel.export.entity) asked.set("entity", panel.export.entity);
  const link = h("a", { class: "csv", href: `api/v1/export?${asked}`, download: "" }, "CSV");
  return [panel.kind === "ranking" ? null : numbersTable(panel, data.axes[panel.period], panel.series.map((one) => seriesName(one, panel))), link];
}

function seriesName(one, panel) {
  if (!panel.per_entity || one.scope === "park") return capital(one.name);
  return new Set(panel.series.map((x) => x.quantity)).size > 1 ? `${one.entity_name}: ${one.name}` : one.entity_name;
}

const words = () => ({ missing: say("missing"), estimated: say("estimated"), before: say("earlierValue"), share: (v) => say("share")(percent(v)) });

/** Where an entity leads: an array to PV, a load to its building. */
function entityLink(one, context, name = one.entity_name) {
  const view = one.scope === "array" ? "pv" : one.scope === "point" && context.meta.buildings?.some((b) => b.id === one.entity) ? "buildings" : null;
  if (!view || context.range.array === one.entity || context.range.building === one.entity) return h("span", { class: "entity" }, name);
  const parameters = view === "pv" ? { array: one.entity, building: "" } : { building: one.entity, array: "" };
  return h("a", { class: "entity", href: context.address(view, parameters) }, name);
}

// -- numbers

const ARROWS = { up: "M5 1.5 9 8.5H1z", down: "M5 8.5 1 1.5h8z", flat: "M1 4h8v2H1z" };

function difference(one, whole = true) {
  if (!one.difference) return null;
  const { direction, better, text } = one.difference;
  if (!text) return whole ? h("span", { class: "trend" }, one.difference.words) : null;
  const tone = better === null ? "" : better ? "better" : "worse";
  return h("span", { class: `trend ${tone}`, title: one.difference.words },
    s("svg", { viewBox: "0 0 10 10", role: "img", "aria-label": say("trend")[direction] }, s("path", { d: ARROWS[direction] })),
    whole ? h("span", {}, one.difference.words) : h("span", { class: "change" }, text));
}

function covered(total) {
  if (total.coverage === null || total.coverage === undefined) return null;
  const filled = total.estimated > 0.0005 ? ` · ${say("estimated")} ${percent(total.estimated, 1)}` : "";
  return h("span", { class: "measured" }, h("i", { class: "meter", "aria-hidden": "true" }, h("b", { style: { width: `${100 * total.coverage}%` } }), h("em", { style: { width: `${100 * (total.estimated || 0)}%` } })),
    say("share")(percent(total.coverage, 1)) + filled);
}

function tile(panel, context) {
  const [one] = panel.series;
  const { total } = one;
  const leads = panel.leads_to && context.knows(panel.leads_to) ? { href: context.address(panel.leads_to, {}) } : null;
  return h(leads ? "a" : "div", { class: "number", "data-panel": panel.id, ...leads },
    h("span", { class: "title" }, panel.title),
    h("span", { class: "value" }, h("strong", {}, total.number), total.unit ? h("small", {}, total.unit) : null, chip(total.tier, total.tier_word)),
    difference(one), h("span", { class: "basis" }, covered(total)));
}

// -- curves and bars

function chart(panel, data, context) {
  const axis = data.axes[panel.period];
  const several = panel.per_entity && new Set(panel.series.map((one) => one.entity)).size > 1;
  return several ? multiples(panel, axis, data, context) : [single(panel, axis, data, context)];
}

function single(panel, axis, data, context) {
  const at = h("span", { class: "at" });
  const band = bandOf(panel.series);
  const drawn = panel.series.filter((one) => !sideOf(one));
  const entries = drawn.map((one) => ({ one, value: h("b", {}, restText(one, panel)) }));
  const legend = h("div", { class: "legend reading" }, entries.map(({ one, value }) => h("span", { class: "entry" }, key(one.colour, capital(one.name), one.dashed ? "dashed" : panel.kind === "bars" ? "block" : "stroke"), value)), band ? h("span", { class: "entry" }, key(band.colour, "P10 – P90", "pale"), band.value) : null, panel.kind === "bars" && panel.series.length === 1 ? stripLegend(panel) : null,
    data.compare ? key("unknown", data.compare.text, "pale") : null, someMissing(panel, axis) ? key("unknown", say("missing"), "hatched") : null, at);
  const spoken = h("p", { class: "hidden", "aria-live": "polite" });
  const read = (i) => {
    at.textContent = i === null ? "" : pointName(panel, axis, i);
    for (const { one, value } of entries) value.textContent = i === null ? restText(one, panel) : reading(one, axis, panel, i, words());
    if (band) band.value.textContent = i === null ? "" : [band.less[i], band.than[i]].map((v) => (v === null ? say("missing") : amount(v, panel.unit))).join(" – ");
    spoken.textContent = i === null ? "" : `${at.textContent}: ${entries.map(({ one, value }) => `${one.name} ${value.textContent}`).join("; ")}`;
  };
  const label = `${panel.title}. ${panel.series.map((one) => `${one.name} ${one.total.text}${one.difference ? `, ${one.difference.words}` : ""}`).join("; ")}. ${say("plotHelp")}`;
  const tiers = panel.green !== null && panel.series.length === 1 && panel.kind === "bars";
  const look = { kind: panel.kind, unit: panel.unit, period: panel.period, height: 15, label, tierOf: tiers ? (v) => tierOf(panel, v) : null, below: band, scale: scaleOf(panel.series, panel.unit === "1") };
  const differences = drawn.filter((one) => one.difference?.text).map((one) => h("li", {}, h("b", {}, `${capital(one.name)} `), difference(one)));
  return h("div", { class: "single" }, legend, plot(drawn, axis, look, { read, zoom: zoomInto(context) }),
    differences.length ? h("ul", { class: "differences" }, differences) : null, spoken);
}

/** Which side of a band a series is: "p10", "p90", or none. */
const sideOf = (one) => one.quantity.match(/_(p10|p90)_/)?.[1];

/** The band between P10 and P90, to be shaded; null where nobody knows one, for then both are the same everywhere. */
function bandOf(list) {
  const [less, than] = ["p10", "p90"].map((side) => list.find((one) => sideOf(one) === side)?.values);
  if (!less || !than || less.every((v, i) => v === than[i])) return null;
  return { less, than, colour: "expected", name: "band", value: h("b", {}) };
}

const zoomInto = (context) => (from, to) => context.go(null, { from, to, preset: "" });

function someMissing(panel, axis) {
  return panel.series.some((one) => axis.starts.some((_, i) => isMissing(one, axis, i)));
}

/** What stands beside a name while nobody reads values off. */
function restText(one, panel) {
  return panel.unit === "kW" ? "" : one.total.text;
}

function multiples(panel, axis, data, context) {
  const scale = scaleOf(panel.series, panel.unit === "1");
  const groups = Map.groupBy ? Map.groupBy(panel.series, (one) => one.entity) : grouped(panel.series);
  const names = [...new Map(panel.series.map((one) => [one.quantity, one])).values()];
  const top = amount(scale.high, panel.unit);
  const legend = h("div", { class: "legend" }, names.length > 1 ? names.map((one) => key(one.colour, capital(one.name), one.dashed ? "dashed" : "stroke")) : null,
    data.compare ? key("unknown", data.compare.text, "pale") : null, someMissing(panel, axis) ? key("unknown", say("missing"), "hatched") : null, panel.series.some((one) => one.total.value !== null) ? h("span", {}, say("sameScale")(top)) : null);
  const list = h("ul", { class: "small-multiples" }, [...groups.values()].map((own) => {
    const [lead] = own;
    const value = h("span", { class: "figure" });
    const rest = () => value.replaceChildren(h("b", {}, lead.total.text), lead.total.tier ? chip(lead.total.tier, lead.total.tier_word) : "", difference(lead, false) || "");
    rest();
    const read = (i) => (i === null ? rest() : value.replaceChildren(h("small", {}, `${pointName(panel, axis, i)} `), h("b", {}, own.map((one) => reading(one, axis, panel, i, words())).join(" / "))));
    const label = `${lead.entity_name}: ${own.map((one) => `${one.name} ${one.total.text}`).join(", ")}${lead.difference ? `, ${lead.difference.words}` : ""}`;
    const look = { kind: panel.kind, unit: panel.unit, period: panel.period, height: 4.2, small: true, scale, label };
    return h("li", {}, h("div", { class: "caption" }, entityLink(lead, context), value), plot(own, axis, look, { read, zoom: zoomInto(context) }));
  }));
  return [legend, list];
}

function grouped(list) {
  const found = new Map();
  for (const one of list) found.set(one.entity, [...(found.get(one.entity) || []), one]);
  return found;
}

// -- strips and timelines

function tierOf(panel, value) {
  if (panel.green === null) return "load";
  return value >= panel.green ? "green" : value >= panel.yellow ? "yellow" : "red";
}

function strips(panel, data, context) {
  if (panel.kind === "strip" && panel.series.length === 1) return [single({ ...panel, kind: "bars" }, data.axes[panel.period], data, context)];
  const axis = data.axes[panel.period];
  const at = h("p", { class: "at", "aria-live": "polite" }, " ");
  const timeline = panel.kind === "timeline";
  const shown = timeline ? panel.series.filter((one) => one.values.some((v) => v > 0)) : panel.series;
  if (!shown.length) return [h("p", { class: "calm" }, shape("green"), say("nothingHappened"))];
  const legend = timeline ? panel.states.map((state) => key(state.colour, state.word)) : stripLegend(panel);
  return [h("div", { class: "legend" }, legend, key("unknown", say("missing"), "hatched")),
    h("ul", { class: "rows" }, shown.map((one) => row(one, panel, axis, at, context))), at];
}

function stripLegend(panel) {
  if (panel.green === null) return [];
  return [key("green", `≥ ${percent(panel.green)}`), key("yellow", `≥ ${percent(panel.yellow)}`), key("red", `< ${percent(panel.yellow)}`)];
}

function row(one, panel, axis, at, context) {
  const state = (v) => panel.states?.find((x) => x.value === Math.round(v));
  const keyOf = (i) => {
    const v = one.values[i];
    if (v === null) return isMissing(one, axis, i) || (i < axis.elapsed && i >= axis.begins && panel.kind === "strip" && !(measuredAt(one, i) > 0)) ? "missing" : null;
    return panel.states ? state(v)?.colour || "unknown" : tierOf(panel, v);
  };
  const told = (i) => (one.values[i] === null ? say("missing") : panel.states ? state(one.values[i])?.word || "" : amount(one.values[i], panel.unit));
  const label = `${one.entity_name}: ${one.total.text}${one.total.tier_word ? `, ${one.total.tier_word}` : ""}`;
  return h("li", {}, h("span", { class: "name" }, entityLink(one, context)),
    strip(axis.starts.length, axis, { label, period: panel.period }, keyOf, told, { read: (text) => (at.textContent = text ? `${one.entity_name}  ${text}` : " "), zoom: zoomInto(context) }),
    h("span", { class: "figure" }, panel.states ? null : one.total.text, one.total.tier ? shape(one.total.tier) : null));
}

// -- heat maps

function carpets(panel, data, context) {
  if (!panel.carpets.length) return [h("p", { class: "calm" }, shape("unknown"), say("carpetLimit"))];
  const days = data.axes.day.starts;
  const [colour] = panel.carpets.map((one) => one.colour);
  const legend = h("div", { class: "legend" }, h("span", { class: "ramp" }, "0", h("i", { style: { "--c": `var(--${colour})` }, "aria-hidden": "true" }), say("ownPeak")), key("unknown", say("missing"), "hatched"));
  return [legend, h("ul", { class: "carpets" }, panel.carpets.map((one) => {
    const top = one.cells.reduce((a, b) => Math.max(a, b ?? 0), 0) || 1;
    const rest = `${one.text} · ${say("peak")} ${amount(top, panel.unit)}`;
    const at = h("span", { class: "figure", "aria-live": "polite" }, rest);
    const label = `${panel.title}, ${one.entity_name}: ${one.text}. ${say("plotHelp")}`;
    const look = { label, unit: panel.unit, words: words() };
    return h("li", {}, h("div", { class: "caption" }, entityLink(one, context), at),
      carpet(one, days, look, top, { read: (text) => (at.textContent = text || rest), zoom: zoomInto(context) }));
  }))];
}

// -- rankings and tables

function ranking(panel, _data, context) {
  const known = panel.series.filter((one) => one.total.value !== null);
  const top = known.reduce((a, one) => Math.max(a, one.total.value), panel.unit === "1" ? 1 : 1e-9);
  return [h("ol", { class: "ranking" }, panel.series.map((one) => h("li", {},
    h("span", { class: "name" }, entityLink(one, context)),
    h("span", { class: "track", "aria-hidden": "true" }, h("i", { style: { width: `${(100 * Math.max(0, one.total.value ?? 0)) / top}%`, background: `var(--${one.colour})` } })),
    h("span", { class: "figure" }, h("b", {}, one.total.text), chip(one.total.tier, one.total.tier_word), difference(one, false)))))];
}

function table(panel) {
  if (!panel.rows.length) return [h("p", { class: "calm" }, shape("green"), say("nothingHappened"))];
  const tier = { critical: "red", warning: "yellow", info: "info" };
  return [h("div", { class: "scroll tall" }, h("table", { class: "happenings" },
    h("thead", {}, h("tr", {}, say("alertColumns").map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, panel.rows.map((row) => h("tr", {}, h("td", {}, row.since), h("td", {}, row.until || say("stillOpen")),
      h("td", {}, chip(tier[row.severity] || "info", row.severity_word)), h("td", {}, row.entity), h("td", { class: "wide" }, row.title), h("td", {}, row.kwh_text || ""))))))];
}
