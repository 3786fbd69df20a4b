// Today as a curve. Plotly draws it; every step, gap and shade is laid out here so that nothing is drawn through a hole.

import { linkTo } from "./address.js";
import { fluid, h, heading, key, rem, s } from "./dom.js";
import { kilowatts, say } from "./say.js";
import { colour, plain } from "./theme.js";

let plotly = null;

/** Fetch Plotly's own bundle once; the page does not wait for it. */
function library() {
  plotly ??= new Promise((resolve, reject) => {
    const script = h("script", { src: "static/vendor/plotly.min.js" });
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => {
      plotly = null;
      script.remove();
      reject(new Error("no plotly"));
    });
    document.head.append(script);
  });
  return plotly;
}

/** Turn the values of some slots into the corners of steps; a run that ends is followed by a break. */
function steps(values, wanted) {
  const x = [];
  const y = [];
  values.forEach((value, i) => {
    if (value === null || !wanted(i)) {
      if (x.length && y.at(-1) !== null) x.push(i), y.push(null);
      return;
    }
    x.push(i, i + 1);
    y.push(value, value);
  });
  return { x, y };
}

function line(series, wanted, estimated) {
  return {
    ...steps(series.values, wanted),
    type: "scatter",
    mode: "lines",
    hoverinfo: "skip",
    connectgaps: false,
    opacity: estimated ? 0.65 : 1,
    line: { color: colour(series.colour), width: (series.dashed ? 0.1 : 0.125) * rem(), dash: estimated ? "2px,2px" : series.dashed ? "5px,4px" : "solid" },
  };
}

/** Shade where less came than was expected, slot by slot. */
function shortfall(view) {
  const [expected, actual] = ["expected_kwh", "generation_kwh"].map((id) => view.series.find((c) => c.id === id));
  if (!expected || !actual) return null;
  const x = [];
  const y = [];
  expected.values.forEach((want, i) => {
    const got = actual.values[i];
    if (want === null || got === null || got >= want) return;
    x.push(i, i + 1, i + 1, i, i, null);
    y.push(got, got, want, want, got, null);
  });
  return { x, y, type: "scatter", mode: "none", fill: "toself", fillcolor: colour("pv", 0.26), hoverinfo: "skip" };
}

function missing(view, top) {
  const x = [];
  const y = [];
  for (const [first, last] of view.missing) {
    x.push(first, last, last, first, first, null);
    y.push(0, 0, top, top, 0, null);
  }
  return { x, y, type: "scatter", mode: "none", fill: "toself", hoverinfo: "skip",
    fillpattern: { shape: "/", size: 6, solidity: 0.22, fgcolor: plain("muted"), bgcolor: "rgba(0,0,0,0)" } };
}

/** An unseen line that answers the pointer with all values of a slot. */
function answers(view, top) {
  const x = view.labels.map((_, i) => i + 0.5);
  const text = view.labels.map((label, i) => {
    const until = view.labels[i + 1] || "24:00";
    const rows = view.series.map((c) => {
      const value = c.values[i];
      const mark = value !== null && value !== undefined && c.estimated[i] ? ` (${say("estimated")})` : "";
      return `${c.name}  <b>${kilowatts(value)}</b>${mark}`;
    });
    return [`<b>${label}–${until}</b>`, ...rows].join("<br>");
  });
  const known = view.labels.map((_, i) => (i < view.series[0].values.length ? top / 2 : null));
  return { x, y: known, text, type: "scatter", mode: "markers", marker: { opacity: 0, size: 1 }, hovertemplate: "%{text}<extra></extra>" };
}

function marks(view, top) {
  return ["alert", "event"].map((kind) => {
    const list = view.marks.filter((m) => m.kind === kind);
    const size = rem() * 0.7;
    return { x: list.map((m) => m.at), y: list.map(() => top * 0.975), text: list.map((m) => escaped(m.text)), type: "scatter", mode: "markers",
      marker: { symbol: kind === "alert" ? "diamond" : "triangle-down", size, color: colour(kind === "alert" ? "red" : "unknown") },
      hovertemplate: "%{text}<extra></extra>" };
  });
}

/** Plotly reads a little markup in hover text: names must not become any. */
function escaped(text) {
  const safe = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return safe.length > 60 ? safe.replace(/(.{42,60}?[\s，。；:：])/g, "$1<br>") : safe;
}

function upright(at, style) {
  return { type: "line", x0: at, x1: at, y0: 0, y1: 1, yref: "paper", ...style };
}

function layout(view, width, height, top) {
  const unit = rem();
  const every = width < 34 * unit ? 16 : 8;
  const ticks = view.labels.map((_, i) => i).filter((i) => i % every === 0);
  const grid = plain("line");
  return {
    width, height,
    margin: { l: unit * 2.6, r: unit * 0.6, t: unit * 1.9, b: unit * 1.7 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: unit * 0.75, color: plain("muted") },
    showlegend: false,
    hovermode: "x",
    hoverdistance: 30,
    hoverlabel: { bgcolor: plain("surface"), bordercolor: plain("line"), align: "left", font: { color: plain("ink"), size: unit * 0.8 } },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: { range: [0, view.labels.length], tickvals: ticks, ticktext: ticks.map((i) => view.labels[i]), showgrid: false, zeroline: false,
      showline: true, linecolor: grid, ticks: "outside", tickcolor: grid, ticklen: 4 },
    yaxis: { range: [0, top], fixedrange: true, gridcolor: grid, zeroline: false, nticks: 6, tickformat: ",~r" },
    shapes: [upright(view.now, { line: { color: plain("muted"), width: 1, dash: "2px,3px" } })],
    annotations: [
      { x: view.now, y: 1, yref: "paper", yanchor: "bottom", text: say("now"), showarrow: false, font: { size: unit * 0.7 } },
      { x: 0, y: 1, xref: "paper", yref: "paper", xanchor: "right", yanchor: "bottom", xshift: -4, yshift: unit * 0.5, text: view.unit, showarrow: false, font: { size: unit * 0.7 } },
    ],
  };
}

/** A round number just above the largest value. */
function ceiling(view) {
  const largest = Math.max(1, ...view.series.flatMap((c) => c.values.filter((v) => v !== null)));
  const power = 10 ** Math.floor(Math.log10(largest));
  return (Math.ceil((largest * 1.06) / (power / 5)) * power) / 5;
}

async function draw(box, view, width) {
  const height = Math.round(19 * rem());
  box.style.setProperty("height", `${height}px`);
  const tool = await library();
  const top = ceiling(view);
  const order = ["import_kwh", "export_kwh", "load_kwh", "expected_kwh", "generation_kwh"];
  const sorted = [...view.series].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  const traces = [
    missing(view, top),
    shortfall(view),
    ...sorted.flatMap((c) => [line(c, (i) => !c.estimated[i], false), line(c, (i) => c.estimated[i], true)]),
    answers(view, top),
    ...marks(view, top),
  ].filter(Boolean);
  await tool.react(box, traces, layout(view, width, height, top), { displayModeBar: false, responsive: false, showTips: false });
}

/** Draw the whole section; `view.shortfall` says in words what the shading shows. */
export function today(view) {
  const chart = h("div", { class: "chart", role: "img", "aria-label": spokenSummary(view) });
  const failed = h("p", { class: "note", hidden: true }, say("noCurve"));
  const show = (width) => draw(chart, view, width).catch(() => (failed.hidden = false));
  const seen = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 40) show(width);
  });
  seen.observe(chart);
  const legend = h("div", { class: "legend" }, view.series.map((c) => key(c.colour, c.name, c.dashed ? "dashed" : "stroke")),
    key("pv", say("gap"), "pale"), key("unknown", say("estimated"), "dotted"), key("unknown", say("missing"), "hatched"));
  return [
    heading(view.title, view.note, h("a", { href: linkTo("energy", { preset: "today" }) }, say("details"))),
    h("div", { class: "under" }, legend, view.shortfall ? h("p", { class: view.shortfall.kwh > 0 ? "gapword" : "gapword fine" }, view.shortfall.text) : null),
    chart, failed,
  ];
}

function spokenSummary(view) {
  const last = view.series.map((c) => `${c.name} ${kilowatts(c.values.filter((v) => v !== null).at(-1))}`).join("; ");
  return `${view.title}. ${last}${view.shortfall ? `. ${view.shortfall.text}` : ""}`;
}
