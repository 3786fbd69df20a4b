// The page: ask the service every 15 s, redraw what changed, say so when it does not answer.

import { get } from "./asking.js";
import { corrections } from "./corrections.js";
import { today } from "./curve.js";
import { h } from "./dom.js";
import { power } from "./flow.js";
import { coverage, events, month } from "./ledger.js";
import { arrays, buildings } from "./multiples.js";
import { say, speak, spoken } from "./say.js";
import { alerts, numbers, verdict } from "./summary.js";
import { chosen, onTheme, paint, turn } from "./theme.js";

const EVERY_MS = 15_000;
const PATIENCE_MS = 10_000;
const SECTIONS = { verdict, numbers, power, today, alerts, arrays, buildings, month, coverage, events, corrections };

const at = (id) => document.getElementById(id);
const shown = new Map();
let last = null;
let timer = null;
let asking = null;

function preferred() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked === "zh" || asked === "en") return asked;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

function choose(code) {
  const address = new URL(location.href);
  address.searchParams.set("lang", code);
  history.replaceState(null, "", address);
  speak(code);
  shown.clear();
  words();
  ask();
}

/** Write the page's own words that are not part of any section. */
function words() {
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  at("languages").setAttribute("aria-label", say("language"));
  at("theme").textContent = say("theme")[chosen()];
}

function switches(languages) {
  const names = { zh: "中文", en: "English" };
  at("languages").hidden = languages.length < 2;
  at("languages").replaceChildren(...languages.map((code) =>
    h("button", { type: "button", lang: code === "zh" ? "zh-CN" : "en", "aria-pressed": String(code === spoken()), on: { click: () => choose(code) } }, names[code] || code)));
}

function banner(view, failed) {
  const lines = [];
  if (failed) lines.push(say("gone")(last?.meta.now_text));
  else if (view.meta.silent) lines.push(say("silent")(view.meta.last_data_text));
  const collector = failed ? null : view.meta.collector;
  if (collector?.connected === false) lines.push(say("unplugged"));
  if (collector?.error) lines.push(`(${collector.error})`);
  const box = at("banner");
  const text = lines.join(" ");
  if (box.textContent !== text) box.textContent = text;
  box.hidden = !text;
  document.documentElement.classList.toggle("stopped", Boolean(failed || view?.meta.silent));
}

function redraw(view) {
  for (const [id, draw] of Object.entries(SECTIONS)) {
    const given = JSON.stringify(view[id]);
    if (shown.get(id) === given) continue;
    const opened = at(id).querySelector("details")?.open;
    at(id).replaceChildren(...draw(view[id], view.meta.now_text));
    if (opened) at(id).querySelector("details").open = true;
    shown.set(id, given);
  }
}

function empty() {
  at("empty").replaceChildren(h("h2", {}, say("emptyTitle")), h("p", {}, say("emptyText")),
    h("ol", {}, say("emptySteps").map(([what, command]) => h("li", {}, h("span", {}, what), h("code", {}, command)))));
}

function footer(meta) {
  const parts = [meta.notice ? h("p", { class: "notice" }, meta.notice) : null];
  const facts = [`Parkwatt`, `${say("digest")} ${meta.digest}`];
  if (meta.collector) {
    facts.push(`${say("collector")} ${meta.collector.connected ? say("connected") : say("disconnected")}`);
    if (meta.collector.received !== undefined) facts.push(say("received")(Number(meta.collector.received).toLocaleString("en")));
    if (meta.collector.quarantined) facts.push(say("quarantined")(Number(meta.collector.quarantined).toLocaleString("en")));
    for (const [name, one] of Object.entries(meta.collector.shards ?? {})) facts.push(`${name} ${one.connected ? say("connected") : say("disconnected")}`);
    const counts = { ...meta.collector.checks, ...Object.fromEntries(["broker_dropped", "forgotten", "pauses", "renewed", "restarts"].map((code) => [code, meta.collector[code]])) };
    for (const [code, count] of Object.entries(counts)) {
      if (count) facts.push(`${say("checks")[code] ?? code} ${Number(count).toLocaleString("en")}`);
    }
  }
  parts.push(h("p", {}, facts.join(" · ")));
  at("foot").replaceChildren(...parts.filter(Boolean));
}

function show(view) {
  last = view;
  paint(view.meta.colours);
  document.title = `${view.meta.park.name} · Parkwatt`;
  at("park-name").textContent = view.meta.park.name;
  at("clock").textContent = view.meta.now_text;
  at("clock").dateTime = view.meta.now;
  at("zone").textContent = `${view.meta.zone} (${view.meta.offset})`;
  switches(view.meta.languages);
  at("loading").hidden = true;
  at("empty").hidden = !view.meta.empty;
  at("content").hidden = view.meta.empty;
  if (view.meta.empty) empty();
  else redraw(view);
  footer(view.meta);
  banner(view, false);
  at("page").setAttribute("aria-busy", "false");
}

async function ask() {
  clearTimeout(timer);
  asking?.abort();
  const own = (asking = new AbortController());
  const patience = setTimeout(() => own.abort(), PATIENCE_MS);
  const view = await get(`api/v1/overview?lang=${spoken()}`, own.signal);
  clearTimeout(patience);
  if (asking !== own) return; // a later question took over
  timer = setTimeout(ask, EVERY_MS);
  if (view) show(view);
  else banner(last, true);
}

speak(preferred());
onTheme(() => {
  words();
  shown.delete("today"); // Plotly cannot follow CSS
  if (last && !last.meta.empty) redraw(last);
});
at("theme").addEventListener("click", turn);
document.addEventListener("parkwatt:corrected", ask);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") ask();
  else clearTimeout(timer);
});
ask();
