// What stands around every view: navigation, banner, clock, footer.

import { signedOut } from "./asking.js";
import { h, s } from "./dom.js";
import { say, spoken } from "./say.js";
import { VIEWS } from "./views.js";

const IN_BAR = ["overview", "pv", "buildings", "alerts"]; // on a phone the rest is one touch further
const ICONS = {
  overview: "M3 11 12 4l9 7M5 10v10h14V10M10 20v-6h4v6",
  energy: "M13 2 5 14h6l-1 8 9-13h-6z",
  why: "M3 5h5v6H3zM9 9h5v8H9zM15 14h6v7h-6z",
  pv: "M5 4h14l3 12H2zM12 4v12M3.6 10h16.8M12 16v4M8 20h8",
  buildings: "M4 21V8l7-4v17M11 21V5l9 4v12M2 21h20M15 12v2M15 16v2",
  carbon: "M7 18a5 5 0 1 1 .9-9.9 6 6 0 0 1 11.3 2.5A3.8 3.8 0 0 1 18 18z",
  alerts: "M12 3a6 6 0 0 0-6 6v5l-2 3h16l-2-3V9a6 6 0 0 0-6-6zM10 20h4",
  data: "M4 20V10M10 20V4M16 20v-8M22 20H2",
  reports: "M6 2h9l4 4v16H6zM15 2v4h4M9 12h7M9 16h7",
  corrections: "M4 20l4-1L20 7l-3-3L5 16zM14 7l3 3",
  more: "M5 12h.1M12 12h.1M19 12h.1",
};

const at = (id) => document.getElementById(id);
const icon = (name) => s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: ICONS[name] }));

/** Draw the navigation; `address(view)` is where each leads. */
export function navigation(current, address) {
  const nav = at("views");
  nav.setAttribute("aria-label", say("nav"));
  const item = (view) => h("li", { class: IN_BAR.includes(view) ? null : "rest" },
    h("a", { href: address(view), "data-view": view, "aria-current": view === current ? "page" : null }, icon(view), h("span", {}, say("views")[view])));
  const hidden = !IN_BAR.includes(current);
  const more = h("button", { type: "button", id: "more", "aria-expanded": "false", "aria-controls": "view-list", class: hidden ? "current" : null,
    on: { click: () => open(!nav.classList.contains("open")) } }, icon("more"), h("span", {}, hidden ? say("views")[current] : say("more")));
  const open = (yes) => {
    nav.classList.toggle("open", yes);
    more.setAttribute("aria-expanded", String(yes));
  };
  nav.classList.remove("open");
  nav.replaceChildren(h("ul", { id: "view-list" }, VIEWS.map(item), h("li", { class: "last" }, more)));
  nav.onkeydown = (event) => {
    if (event.key === "Escape") open(false); // whatever a handler returns must not keep Tab from moving on
  };
}

/** Write language buttons. */
export function switches(languages, choose) {
  const names = { zh: "中文", en: "English" };
  at("languages").hidden = languages.length < 2;
  at("languages").setAttribute("aria-label", say("language"));
  const has = at("languages").contains(document.activeElement) ? document.activeElement.lang : "";
  at("languages").replaceChildren(...languages.map((code) =>
    h("button", { type: "button", lang: code === "zh" ? "zh-CN" : "en", "aria-pressed": String(code === spoken()), on: { click: () => choose(code) } }, names[code] || code)));
  if (has) at("languages").querySelector(`[lang="${has}"]`)?.focus();
}

/** Say what is wrong with the data or the service; nothing where all is well. */
export function banner(meta, failed) {
  const lines = [];
  if (failed && !signedOut()) lines.push(say("gone")(meta?.now_text));
  else if (meta?.silent) lines.push(say("silent")(meta.last_data_text));
  const collector = failed ? null : meta?.collector;
  if (collector?.connected === false) lines.push(say("unplugged"));
  if (collector?.error) lines.push(`(${collector.error})`);
  const box = at("banner");
  const text = lines.join(" ");
  if (box.textContent !== text) box.textContent = text;
  box.hidden = !text;
  document.documentElement.classList.toggle("stopped", Boolean(failed || meta?.silent));
}

/** Write park, clock and zone. */
export function clockFace(meta) {
  at("park-name").textContent = meta.park.name;
  at("clock").textContent = meta.now_text;
  at("clock").dateTime = meta.now;
  at("zone").textContent = `${meta.zone} (${meta.offset})`;
}

/** Say how the collector fares, and which configuration this is. */
export function footer(meta) {
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

/** What a park without data is told. */
export function empty() {
  at("empty").replaceChildren(h("h2", {}, say("emptyTitle")), h("p", {}, say("emptyText")),
    h("ol", {}, say("emptySteps").map(([what, command]) => h("li", {}, h("span", {}, what), h("code", {}, command)))));
}
