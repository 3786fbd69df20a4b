// The faults that were found, each with what it cost and the picture that shows it.

import { capital, h, heading, key, shape } from "./dom.js";
import { plot, pointName, reading } from "./plot.js";
import { say } from "./say.js";

const WORDS = {
  zh: { title: "发现的故障", note: "每条附证据图：实测与应有对比", sure: "把握", open: "仍在持续", over: "已结束", advice: "建议", basis: "依据", evidence: "证据", marked: "故障时段", notes: "仅作说明，不告警" },
  en: { title: "Faults found", note: "each with its evidence: measured against expected", sure: "confidence", open: "goes on", over: "over", advice: "What to do", basis: "Compared with", evidence: "Evidence", marked: "the fault", notes: "noted only, no alarm" },
};
const SHOWN = 12;

/** Draw the section: a list, the picture of the first open, the others on request; and what nobody has searched. */
export function drawFindings(found, context) {
  const list = found.findings;
  const words = WORDS[context.language] ?? WORDS.en;
  const box = h("section", { class: "panel span-12 findings", id: "panel-findings", "aria-label": words.title }, heading(words.title, words.note));
  if (!list.length) box.append(h("p", { class: "calm" }, shape(found.searched ? "green" : "unknown"), capital(found.none_text)));
  else box.append(h("ul", { class: "findings" }, list.slice(0, SHOWN).map((one, i) => finding(one, i === 0, words, context))));
  if (list.length > SHOWN) box.append(h("details", { class: "more" }, h("summary", {}, say("showAll")(list.length)), h("ul", { class: "findings" }, list.slice(SHOWN).map((one) => finding(one, false, words, context)))));
  if (list.length && found.unsearched) box.append(h("p", { class: "note" }, capital(found.unsearched)));
  return box;
}

function finding(one, open, words, context) {
  const tier = one.annotation ? "info" : one.end ? "unknown" : one.lost_kwh > 0 ? "red" : "yellow";
  const state = one.annotation ? words.notes : one.end ? words.over : words.open;
  const box = h("details", { class: "finding", open }, h("summary", {},
    shape(tier), h("span", { class: "what" }, h("b", {}, `${one.entity_name}: ${one.kind}`), h("small", {}, `${one.since} – ${one.until ?? ""}`)),
    h("span", { class: "figure" }, h("b", {}, one.lost_text), one.money_text ? h("small", {}, ` ${one.money_text}`) : null), h("span", { class: "sure" }, `${state} · ${words.sure} ${one.confidence_text}`)));
  const fill = () => {
    if (!box.open || box.querySelector(".evidence")) return;
    box.append(h("div", { class: "evidence" }, h("p", {}, one.details), one.picture ? evidence(one, words, context) : null, h("p", { class: "advice" }, h("b", {}, `${words.advice}: `), one.advice), one.rung_text ? h("p", { class: "note" }, `${words.basis}: ${one.rung_text}`) : null));
  };
  box.addEventListener("toggle", fill);
  fill();
  return h("li", {}, box);
}

function evidence(one, words, context) {
  const { picture } = one;
  const axis = { starts: picture.starts, end: picture.end, begins: 0, elapsed: picture.starts.length };
  const series = (part, colour, dashed) => ({ ...part, colour, dashed, coverage: part.values.map((v) => (v === null ? 0 : 1)), estimated: 0 });
  // What should have come is a line over bars of what came; over time both are lines.
  const bars = picture.kind === "bars";
  const list = [series(picture.measured, "pv", false), series(picture.expected, bars ? "unknown" : "expected", true)];
  const at = h("span", { class: "at", "aria-live": "polite" });
  const label = `${words.evidence}: ${one.title}`;
  const look = { kind: picture.kind, unit: picture.unit, period: picture.period, height: 9, label, stretch: picture.mark };
  const told = { missing: say("missing"), estimated: say("estimated"), before: "", share: (v) => say("share")(v) };
  const read = (i) => (at.textContent = i === null ? "" : `${pointName(look, axis, i)}: ${list.map((part) => `${part.name} ${reading(part, axis, look, i, told)}`).join(" / ")}`);
  const zoom = picture.period === "hour" ? () => {} : (from, to) => context.go(null, { from, to, preset: "" });
  return h("div", { class: "single" }, h("div", { class: "legend" }, list.map((part) => key(part.colour, part.name, part.dashed && !bars ? "dashed" : bars ? "block" : "stroke")), key("red", words.marked, "pale"), at), plot(list, axis, look, { read, zoom }));
}
