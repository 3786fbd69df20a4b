// The verdict, the five numbers, and what needs a person.

import { linkTo } from "./address.js";
import { chip, h, heading, s, shape } from "./dom.js";
import { percent, say } from "./say.js";

/** Draw the verdict: one sentence, its tier as colour, word and shape. */
export function verdict(view) {
  return [
    h("div", { class: `judgement ${view.tier}` },
      h("span", { class: "badge" }, shape(view.tier), h("strong", {}, view.tier_word)),
      h("p", { class: "sentence" }, view.sentence),
      measured(view.coverage, view.estimated),
      view.outlook ? h("p", { class: "outlook", title: view.outlook_note }, view.outlook) : null),
  ];
}

/** Write how much of a figure was measured, with a small bar. */
function measured(coverage, estimated) {
  if (coverage === null || coverage === undefined) return null;
  const filled = estimated > 0.0005 ? ` · ${say("estimated")} ${percent(estimated, 1)}` : "";
  const bar = h("i", { class: "meter", "aria-hidden": "true" },
    h("b", { style: { width: `${100 * coverage}%` } }), h("em", { style: { width: `${100 * (estimated || 0)}%` } }));
  return h("span", { class: "measured" }, bar, say("share")(percent(coverage, 1)) + filled);
}

const ARROWS = { up: "M5 1.5 9 8.5H1z", down: "M5 8.5 1 1.5h8z", flat: "M1 4h8v2H1z" };

function trend(view, long = true) {
  if (!view) return null;
  const tone = view.better === null ? "" : view.better ? "better" : "worse";
  return h("span", { class: `trend ${tone}`, title: `${view.text} ${view.against}` },
    s("svg", { viewBox: "0 0 10 10", role: "img", "aria-label": say("trend")[view.direction] }, s("path", { d: ARROWS[view.direction] })),
    h("span", { class: "change" }, view.text), long ? h("span", { class: "against" }, view.against) : null);
}

/** Draw the five numbers. */
export function numbers(views) {
  return views.map((view) =>
    h("a", { class: "number", href: linkTo(view.leads_to), "data-leads": view.leads_to, title: view.note },
      h("span", { class: "title" }, view.title),
      h("span", { class: "value" }, h("strong", {}, view.text), view.unit ? h("small", {}, view.unit) : null, chip(view.tier, view.tier_word)),
      trend(view.trend),
      h("span", { class: "lines" }, view.lines.map((line) =>
        h("span", { class: "line" }, h("span", {}, line.label), h("b", {}, line.text), trend(line.trend, false)))),
      h("span", { class: "basis" }, h("span", {}, view.window), measured(view.coverage, view.estimated))));
}

const TIER_OF_SEVERITY = { critical: "red", warning: "yellow", info: "info" };

function alert(view) {
  const tier = TIER_OF_SEVERITY[view.severity] || "info";
  return h("li", { class: `alert ${tier}` },
    h("span", { class: "sign" }, shape(tier), h("span", { class: "word" }, view.severity_word)),
    h("div", { class: "story" },
      h("h3", {}, view.title),
      view.detail ? h("p", {}, view.detail) : null,
      view.advice ? h("p", { class: "advice" }, h("b", {}, say("advice")), " ", view.advice) : null,
      (view.handled_text ?? []).map((text) => h("p", { class: "handled" }, text))),
    h("dl", { class: "facts" },
      h("div", {}, h("dt", {}, say("since")), h("dd", {}, h("time", { datetime: view.since }, view.since_text), h("small", {}, view.age_text))),
      view.kwh_text ? h("div", { class: "stake" }, h("dt", {}, view.kwh_name), h("dd", {}, view.kwh_text, view.money_text ? h("small", {}, view.money_text) : null)) : null));
}

/** Draw open alerts in words; of many, those the service chose, and how many there are besides. */
export function alerts(view) {
  return [
    heading(say("alerts"), view.more ? say("someAlerts")(view.items.length, view.open.toLocaleString("en")) : say("alertsNote"), h("a", { href: linkTo("alerts") }, say("details"))),
    view.items.length ? h("ol", { class: "alerts" }, view.items.map(alert)) : h("p", { class: "calm" }, shape("green"), say("noAlerts")),
    view.more ? h("p", { class: "calm" }, h("a", { href: linkTo("alerts") }, view.more_text)) : null,
  ].filter(Boolean);
}
