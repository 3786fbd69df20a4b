// Why the balance of some days differs from their plan: one sentence, a waterfall, and every part in numbers.

import { get } from "./asking.js";
import { fluid, h, heading, key, picture, rem, s } from "./dom.js";

export const id = "why";

const WORDS = {
  zh: {
    title: "为什么与计划不同", note: (n) => `每一步是一个原因使净余额增减的电量；各步相加恰为差额（计入 ${n} 天）`, parts: "各项明细", cause: "原因", where: "位置",
    better: "增加净余额", worse: "减少净余额", unexplained: "原因不明", unit: "kWh", found: "发现本身",
    method: "各项为 Shapley 值：在所有替换顺序上取平均，没有哪一种顺序优先。“原因不明”由实测发电量与各项原因所解释的发电量单独算出，不是余数。",
  },
  en: {
    title: "Why it differs from plan", note: (n) => `each step is what one cause did to the balance; together they are the whole difference (${n} ${n === 1 ? "day" : "days"})`, parts: "All parts", cause: "Cause", where: "Where",
    better: "made the balance better", worse: "made it worse", unexplained: "unexplained", unit: "kWh", found: "its finding",
    method: "The parts are Shapley values: means over every order in which the causes could be put in, so that no order is privileged. What is unexplained comes from measured generation and the generation the causes explain; it is not a remainder.",
  },
};

export function load(range, language, signal) {
  return get(`api/v1/why?from=${range.from}&to=${range.to}&lang=${language}`, signal);
}

export function draw(data, context) {
  const w = WORDS[context.language];
  const said = h("p", { class: data.refused || data.withheld ? "note" : "lead", id: "why-sentence" }, unbroken(data.sentence));
  const notes = data.notes.length ? h("ul", { class: "note" }, data.notes.map((n) => h("li", {}, n))) : null;
  const keys = data.steps.length ? [key("export", w.better), key("import", w.worse), key("unknown", w.unexplained, "hatched")] : [];
  const shown = h("section", { class: "panel", id: "why" }, heading(w.title, data.days ? w.note(data.days) : null, ...keys),
    said, data.steps.length ? fluid((width) => waterfall(data, width, w), "waterfall") : null, notes);
  return data.steps.length ? [shown, table(data, w)] : [shown];
}

/** Keep a number and its unit on one line. */
const unbroken = (text) => text.replaceAll(" kWh", "\u00a0kWh");

/** One row per step: its name, its bar between the running totals, its energy. Narrow pages write the name above the bar. */
function waterfall(data, width, w) {
  const unit = rem();
  const narrow = width < unit * 36;
  const names = narrow ? 0 : Math.min(width * 0.38, Math.max(...data.steps.map((x) => broad(x.name))) * unit * 0.78 + unit);
  const figures = unit * 6.2;
  const row = unit * (narrow ? 2.7 : 1.9);
  const bar = unit * 1.05;
  const ends = data.steps.flatMap((x) => [x.start, x.end]);
  const low = Math.min(0, ...ends);
  const span = Math.max(0, ...ends) - low || 1;
  const x = (v) => names + ((v - low) / span) * (width - names - (narrow ? 1 : figures));
  const top = (n) => n * row + (narrow ? unit * 1.25 : (row - bar) / 2);
  const label = `${data.period}: ${data.steps.map((step) => `${step.name} ${step.text}`).join("; ")}`;
  return picture(width, data.steps.length * row + unit * 0.4, label, (hatch) => [
    // A line must not run through the names that stand above the bars.
    s("path", { d: narrow ? data.steps.map((_, n) => `M${r(x(0))} ${r(top(n))}v${r(bar)}`).join("") : `M${r(x(0))} 0V${r(data.steps.length * row)}`, class: "axis zero" }),
    ...data.steps.flatMap((step, n) => {
      const [a, b] = [x(Math.min(step.start, step.end)), x(Math.max(step.start, step.end))];
      const next = !narrow && n + 1 < data.steps.length ? s("path", { d: `M${r(x(step.end))} ${r(top(n) + bar)}V${r(top(n + 1))}`, class: "axis zero" }) : null;
      const text = narrow ? n * row + unit * 1.0 : n * row + row / 2 + unit * 0.27;
      return [next, s("rect", { x: r(a), y: r(top(n)), width: r(Math.max(1.5, b - a)), height: r(bar), rx: 1.5, ...look(step, hatch) }, s("title", {}, [step.name, step.text, step.found].filter(Boolean).join(" "))),
        s("text", { x: 0, y: r(text), class: whole(step) ? "strong" : "" }, cut(step.name, narrow ? width - figures : names, unit)),
        s("text", { x: r(width), y: r(text), class: `end${whole(step) ? " strong" : ""}` }, step.text)];
    }),
  ]);
}

const whole = (step) => step.kind === "plan" || step.kind === "actual";
const r = (v) => Math.round(v * 10) / 10;
/** How broad a text is, in letters: Chinese characters count two. */
const broad = (text) => [...text].reduce((sum, c) => sum + (c > "\u1100" ? 1.2 : 0.62), 0);

function cut(text, room, unit) {
  let kept = text;
  while (kept.length > 3 && broad(kept) * unit * 0.78 > room) kept = kept.slice(0, -1);
  return kept === text ? text : `${kept.slice(0, -1)}…`;
}

function look(step, hatch) {
  if (step.kind === "unexplained") return { fill: hatch, stroke: "var(--muted)" };
  if (whole(step)) return { fill: "var(--muted)" };
  return { fill: step.kwh > 0 ? "var(--export)" : "var(--import)" };
}

function table(data, w) {
  const apart = data.details.some((p) => p.found); // findings that say another number than their part
  const row = (name, where, text, found = "") => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, where), h("td", {}, text), apart ? h("td", {}, found) : null);
  return h("section", { class: "panel" }, h("details", {}, h("summary", {}, w.parts),
    h("div", { class: "scroll", tabindex: 0 }, h("table", {},
      h("thead", {}, h("tr", {}, [w.cause, w.where, w.unit, ...(apart ? [w.found] : [])].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, data.details.map((p) => row(p.name, p.where, p.text, p.found ? p.found_text : "")), row(w.unexplained, "", data.steps.at(-2).text)))),
    h("p", { class: "note" }, w.method)));
}
