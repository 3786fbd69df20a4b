// Data quality: how much was measured, what happened, who is late, what could not be read, and how collectors fare.

import { get, post } from "./asking.js";
import { fluid, h, heading, key, picture, rem, s, shape } from "./dom.js";
import { openForm, styles } from "./forms.js";
import { percent } from "./say.js";
import { wordsOf } from "./say-handling.js";

export const id = "data";

export async function load(range, language, signal) {
  const [data] = await Promise.all([get(`api/v1/data/view?from=${range.from}&to=${range.to}&lang=${language}`, signal), styles()]);
  return data;
}

export function draw(data, context) {
  const w = wordsOf(context.language);
  return [coverage(data.coverage, w), h("div", { class: "pair" }, lateness(data.lateness, w), events(data.events, w)),
    quarantine(data, w, context), h("div", { class: "pair" }, collectors(data, w), configs(data, w, context))];
}

// -- coverage

function coverage(view, w) {
  return h("section", { class: "panel", id: "coverage-calendar" },
    heading(w.coverage, w.coverageNote, key("load", `≥ ${percent(view.green)}`, "soft"), key("yellow", `${percent(view.yellow)}–${percent(view.green)}`),
      key("red", `< ${percent(view.yellow)}`), key("unknown", w.missing, "hatched")),
    h("ul", { class: "strips" }, view.meters.map((m) => h("li", { class: "strip" }, h("span", { class: "name", title: m.name }, m.name),
      fluid((width) => strip(m, view, width, w)), h("b", { class: "figure" }, m.mean_text)))),
    h("p", { class: "span" }, h("span", {}, view.dates[0]), h("span", {}, view.dates.at(-1))));
}

function strip(meter, view, width, w) {
  const height = Math.round(rem() * 1.1);
  const step = width / meter.values.length;
  const gap = step > 8 ? 2 : step > 3 ? 1 : 0;
  const tone = (v) => (v >= view.green ? "var(--load)" : v >= view.yellow ? "var(--yellow)" : "var(--red)");
  const bad = meter.values.flatMap((v, i) => (v !== null && v < view.yellow ? [`${view.days[i]} ${percent(v, 1)}`] : [])).slice(0, 12);
  return picture(width, height, `${meter.name}: ${w.mean} ${meter.mean_text}${bad.length ? `; ${bad.join(", ")}` : ""}`, (hatch) => meter.values.map((v, i) => {
    const x = step * i;
    const wide = Math.max(0.5, step - gap);
    const filled = v === null ? 0 : Math.round(v * height);
    return s("g", {}, s("title", {}, `${view.dates[i]}: ${v === null ? w.noService : w.share(percent(v, 1))}`),
      v === null ? s("rect", { x, y: height - 1, width: wide, height: 1, class: "none" }) : s("rect", { x, y: 0, width: wide, height, fill: v < 0.995 ? hatch : "transparent" }),
      filled ? s("rect", { x, y: height - filled, width: wide, height: filled, fill: tone(v), opacity: v >= view.green ? 0.5 : 1 }) : null);
  }));
}

// -- lateness and events

function lateness(rows, w) {
  const late = rows.filter((r) => r.late);
  const table = (list) => h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": w.late }, h("table", {},
    h("thead", {}, h("tr", {}, [w.device, w.lastReading, ""].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, list.map((r) => h("tr", {},
      h("th", { scope: "row" }, h("b", {}, r.point), h("small", { class: "note" }, ` ${r.device} · ${w.interval(r.interval)}`)),
      h("td", {}, r.at ? h("time", { datetime: r.at, title: r.at_text }, r.age_text) : w.never),
      h("td", {}, h("span", { class: r.late ? "chip red" : "chip green" }, shape(r.late ? "red" : "green"), r.word)))))));
  return h("section", { class: "panel", id: "lateness" }, heading(w.late, w.lateNote, h("span", {}, `${late.length} / ${rows.length} ${w.lateMark}`)), table(rows));
}

function events(view, w) {
  return h("section", { class: "panel", id: "data-events" }, heading(w.events),
    view.entries.length ? h("ol", { class: "events tall", tabindex: 0, "aria-label": w.events }, view.entries.map((e) => h("li", {}, h("time", { datetime: e.at }, e.when), h("span", {}, e.text))))
      : h("p", { class: "calm" }, shape("green"), w.noEvents),
    view.more ? h("p", { class: "note" }, `+ ${view.more}`) : null);
}

// -- quarantine

function quarantine(data, w, context) {
  const view = data.quarantine;
  const list = h("ol", { class: "kept", tabindex: 0, "aria-label": w.quarantine }, view.entries.map((i) => kept(i, w, context)));
  const more = h("button", { type: "button", hidden: !view.next }, `${w.more}…`);
  let following = view.next;
  more.addEventListener("click", async () => {
    more.disabled = true;
    const page = await get(`api/v1/quarantine?before=${following}&lang=${context.language}`);
    more.disabled = false;
    if (!page) {
      more.textContent = w.failed;
      return;
    }
    following = page.next;
    more.hidden = !following;
    list.append(...page.entries.map((i) => kept(i, w, context)));
  });
  return h("section", { class: "panel", id: "quarantine" }, heading(w.quarantine, w.quarantineNote),
    view.counts.length ? [h("ul", { class: "reasons" }, view.counts.map((c) => reason(c, data, w, context))), list, h("p", { class: "acting" }, more)] : h("p", { class: "calm" }, shape("green"), w.noQuarantine));
}

function reason(c, data, w, context) {
  const numbers = [w.waitingCount(c.waiting.toLocaleString("en")), c.replayed ? w.replayedCount(c.replayed.toLocaleString("en")) : ""].filter(Boolean).join(" · ");
  return h("li", {}, h("div", {}, h("p", {}, h("b", {}, c.what), " ", h("span", { class: "tag" }, numbers)), h("p", { class: "note" }, c.advice)),
    c.waiting ? h("button", { type: "button", "data-needs": "admin", "aria-label": `${w.replay} ${c.what}`, on: { click: () => replaying(c, data, w, context) } }, w.replay) : null);
}

function replaying(c, data, w, context) {
  openForm({
    title: w.replayTitle, note: w.replayNote, fields: [h("p", { class: "about" }, c.what)],
    texts: { save: w.replaySave, cancel: w.cancel, busy: w.busy },
    send: () => post("api/v1/quarantine/replay", { digest: data.digest, reason: c.reason }),
    done: () => context.reload(),
  });
}

function kept(i, w, context) {
  const box = h("div", { class: "message-kept" });
  const details = h("details", {}, h("summary", {}, h("span", { class: "when" }, `#${i.id} ${i.at_text}`), h("span", { class: "what" }, i.what), h("span", { class: "topic" }, i.topic)), box);
  details.addEventListener("toggle", async () => {
    if (!details.open || box.dataset.read) return;
    box.dataset.read = "yes";
    box.replaceChildren(h("p", { class: "note" }, w.loading));
    const one = await get(`api/v1/quarantine/${i.id}?lang=${context.language}`);
    if (one) box.replaceChildren(...shown(one, w));
    else {
      delete box.dataset.read;
      box.replaceChildren(h("p", { class: "note" }, w.failed));
    }
  });
  return h("li", { class: i.replayed_text ? "past" : null }, details);
}

function shown(one, w) {
  const facts = [[w.topic, one.topic], [w.device, one.device], [w.detail, one.detail], [w.advice, one.replayed_text ? "" : one.advice], [w.replayedAt, one.replayed_text]];
  return [h("dl", {}, facts.filter(([, text]) => text).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    h("p", { class: "note" }, w.payload(one.bytes.toLocaleString("en")), one.cut ? ` · ${w.cut}` : ""), h("pre", { tabindex: 0 }, one.payload)];
}

// -- collectors and configurations

function collectors(data, w) {
  return h("section", { class: "panel", id: "collectors" }, heading(w.collectors),
    data.collectors.length ? h("ul", { class: "reasons" }, data.collectors.map((c) => h("li", {}, h("div", {},
      h("p", {}, c.name ? h("b", {}, `${c.name} `) : null, h("span", { class: c.connected ? "chip green" : "chip red" }, shape(c.connected ? "green" : "red"), c.connected ? w.connected : w.disconnected)),
      c.error ? h("p", { class: "told" }, c.error) : null,
      h("p", { class: "note" }, Object.entries(w.counts).map(([name, text]) => `${text} ${Number(c[name] ?? 0).toLocaleString("en")}`).join(" · ")),
      c.last_text ? h("p", { class: "note" }, `${w.lastMessage} ${c.last_text}`) : null)))) : h("p", { class: "calm" }, w.noCollectors),
    Object.keys(data.checks).length ? h("p", { class: "note" }, `${w.checks}: ${Object.entries(data.checks).map(([code, n]) => `${w.checkNames[code] ?? code} ${n.toLocaleString("en")}`).join(" · ")}`) : null);
}

function configs(data, w, context) {
  return h("section", { class: "panel", id: "configs" }, heading(w.configs, w.configsNote),
    h("ol", { class: "configs" }, data.configs.map((c) => h("li", {}, h("time", {}, c.loaded_text), h("code", { title: c.digest }, c.digest.slice(0, 12)), c.running ? h("span", { class: "tag" }, w.running) : null))),
    h("p", { class: "acting" }, h("span", {}, w.correctionsCount(data.corrections)), h("button", { type: "button", on: { click: () => context.go("corrections", {}) } }, w.toCorrections)));
}
