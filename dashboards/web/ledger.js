// The month day by day, the data's coverage, and what happened to the meters.

import { linkTo } from "./address.js";
import { fluid, h, heading, key, picture, rem, s, shape } from "./dom.js";
import { rest } from "./everything.js";
import { percent, say, spoken } from "./say.js";

/** Draw the month: generation up, consumption down, the balance as a mark between them. */
export function month(view, now) {
  const legend = [h("a", { href: linkTo("energy") }, say("details")), key(view.colours.generation_kwh, say("generation")), key(view.colours.load_kwh, say("consumption")),
    key("ink", say("balance"), "dot"), key("ink", say("plan"), "mark")];
  return [
    heading(view.title, view.note, ...legend),
    fluid((width) => days(view, width)),
    h("div", { class: "aside" }, netting(view.netting), reports(now)),
    table(view),
  ];
}

function days(view, width) {
  const unit = rem();
  const height = Math.round(13 * unit);
  const left = unit * 3.1;
  const slots = Math.max(view.days.length, 28);
  const step = (width - left) / slots;
  const bar = Math.max(2, Math.min(step * 0.66, unit * 1.5));
  const up = Math.max(1, ...view.days.map((d) => Math.max(d.values.generation_kwh || 0, d.values.net_balance_kwh || 0, d.values.plan || 0)));
  const down = Math.max(1, ...view.days.map((d) => Math.max(d.values.load_kwh || 0, -(d.values.net_balance_kwh || 0), -(d.values.plan || 0))));
  const room = height - unit * 1.9;
  const zero = unit * 0.5 + (room * up) / (up + down);
  const y = (kwh) => zero - (kwh / (up + down)) * room;
  const ticks = scale(Math.max(up, down)).filter((t) => t <= up * 1.02);
  const lower = scale(Math.max(up, down)).filter((t) => t <= down * 1.02 && t > 0).map((t) => -t);
  const mega = Math.max(up, down) >= 10000;
  const label = `${view.title}: ${view.days.map((d) => `${d.name} ${d.text.net_balance_kwh}`).join("; ")}`;
  return picture(width, height, label,
    [...ticks, ...lower].map((t) => [s("path", { d: `M${left} ${y(t)}H${width}`, class: t === 0 ? "axis zero" : "rule" }),
      s("text", { x: left - 6, y: y(t) + unit * 0.25, class: "tick end" }, Math.abs(mega ? t / 1000 : t).toLocaleString("en"))]).flat(),
    s("text", { x: left - 6, y: height - unit * 0.3, class: "tick end" }, mega ? "MWh" : "kWh"),
    (hatch) => view.days.map((d, i) => column(d, left + step * i, step, bar, { y, zero, hatch, height, unit, top: unit * 0.5, room })));
}

function column(d, x0, step, bar, box) {
  const { y, zero, hatch, height, unit } = box;
  const x = x0 + (step - bar) / 2;
  const mid = x0 + step / 2;
  const { generation_kwh: made, load_kwh: used, net_balance_kwh: net, plan } = d.values;
  const pale = d.estimated > 0.05 ? 0.5 : d.partial ? 0.72 : 1;
  const tip = `${d.name}${d.partial ? ` (${say("partial")})` : ""}: ${say("generation")} ${d.text.generation_kwh}, ${say("consumption")} ${d.text.load_kwh}, ${say("balance")} ${d.text.net_balance_kwh} · ${say("share")(d.coverage_text)}`;
  const r = Math.min(unit * 0.28, bar * 0.42);
  return s("g", {}, s("title", {}, tip), s("rect", { x: x0, y: 0, width: step, height, fill: "transparent" }),
    made === null ? s("rect", { x, y: box.top, width: bar, height: zero - box.top, fill: hatch }) : s("rect", { x, y: y(made), width: bar, height: zero - y(made), fill: "var(--pv)", opacity: pale }),
    used === null ? s("rect", { x, y: zero, width: bar, height: box.top + box.room - zero, fill: hatch }) : s("rect", { x, y: zero, width: bar, height: y(-used) - zero, fill: "var(--load)", opacity: pale }),
    plan === null ? null : ["halo", "plan"].map((name) => s("path", { d: `M${x - bar * 0.2} ${y(plan)}h${bar * 1.4}`, class: name })),
    net === null ? null : s("circle", { cx: mid, cy: y(net), r, class: "net" }),
    d.day === 1 || d.day % 5 === 0 || (d.partial && (step > unit * 1.3 || d.day % 5 > 1)) ? s("text", { x: mid, y: height - unit * 0.3, class: "tick middle" }, d.day) : null);
}

function scale(largest) {
  const raw = largest / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((n) => n * power >= raw) * power;
  return [0, 1, 2, 3, 4, 5].map((n) => n * step);
}

function netting(rows) {
  return h("div", { class: "netting" }, h("h3", {}, say("netting")),
    h("dl", {}, rows.map((r) => h("div", {}, h("dt", {}, r.name),
      h("dd", {}, h("i", { class: "share", "aria-hidden": "true" }, h("b", { style: { width: `${Math.min(100, 100 * (r.value || 0))}%` } })), h("span", {}, r.text))))));
}

function reports(now) {
  const [year, number] = now.slice(0, 7).split("-").map(Number);
  const before = number === 1 ? `${year - 1}-12` : `${year}-${String(number - 1).padStart(2, "0")}`;
  const link = (text, path) => h("a", { href: path, download: "" }, text);
  return h("div", { class: "reports" }, h("h3", {}, say("reports")),
    [before, now.slice(0, 7)].map((m) => h("p", {}, h("span", {}, m), link("PDF", `api/v1/reports/${m}/${spoken()}.pdf`), link("XLSX", `api/v1/reports/${m}/xlsx`), link("JSON", `api/v1/reports/${m}/json`))));
}

function table(view) {
  const cells = (row) => view.columns.map((c) => h("td", {}, row.text[c.id]));
  return h("details", { class: "days" }, h("summary", {}, say("allDays")),
    h("div", { class: "scroll", tabindex: 0 }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("day")), view.columns.map((c) => h("th", { scope: "col" }, c.name)), h("th", { scope: "col" }, say("measured")))),
      h("tbody", {}, view.days.map((d) => h("tr", { class: d.weekend ? "weekend" : "" }, h("th", { scope: "row" }, h("a", { href: linkTo("energy", { from: d.date, to: d.date }) }, d.name), d.partial ? h("small", {}, ` ${say("partial")}`) : null), cells(d), h("td", {}, d.coverage_text)))),
      h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, say("total")), cells(view.total), h("td", {}, view.total.coverage_text))))));
}

/** Draw the coverage strip: one row per meter, one cell per day, filled as high as it was measured. */
export function coverage(view) {
  return [
    heading(view.title, view.note, h("a", { href: linkTo("data") }, say("details")), key("load", `≥ ${percent(view.green)}`, "soft"), key("yellow", `${percent(view.yellow)}–${percent(view.green)}`), key("red", `< ${percent(view.yellow)}`), key("unknown", say("missing"), "hatched")),
    h("ul", { class: "strips" }, view.meters.map((m) => h("li", { class: "strip" },
      h("span", { class: "name" }, m.name),
      fluid((width) => strip(m, view, width)),
      h("b", { class: "figure" }, m.mean_text)))),
    h("p", { class: "span" }, h("span", {}, view.days[0]), h("span", {}, view.days.at(-1))),
    rest(view),
  ].filter(Boolean);
}

function strip(meter, view, width) {
  const height = Math.round(rem() * 1.1);
  const step = width / meter.values.length;
  const gap = step > 8 ? 2 : 1;
  const tone = (v) => (v >= view.green ? "var(--load)" : v >= view.yellow ? "var(--yellow)" : "var(--red)");
  return picture(width, height, `${meter.name}: ${say("mean")} ${meter.mean_text}`, (hatch) => meter.values.map((v, i) => {
    const x = step * i;
    const w = Math.max(1, step - gap);
    const filled = v === null ? 0 : Math.round(v * height);
    return s("g", {}, s("title", {}, `${view.days[i]}: ${v === null ? say("noService") : say("share")(percent(v, 1))}`),
      v === null ? s("rect", { x, y: height - 1, width: w, height: 1, class: "none" }) : s("rect", { x, y: 0, width: w, height, fill: v < 0.995 ? hatch : "transparent" }),
      filled ? s("rect", { x, y: height - filled, width: w, height: filled, fill: tone(v), opacity: v >= view.green ? 0.5 : 1 }) : null);
  }));
}

/** List what happened to the park's data this month. */
export function events(views) {
  return [
    heading(say("events")),
    views.length ? h("ol", { class: "events" }, views.map((e) => h("li", {}, h("time", { datetime: e.at }, e.when), h("span", {}, e.text)))) : h("p", { class: "calm" }, shape("green"), say("noEvents")),
  ];
}
