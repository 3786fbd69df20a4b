// Alerts: what is open and who is on it, what is silenced until when, and the past.

import { get, post } from "./asking.js";
import { fluid, h, heading, picture, rem, s, shape } from "./dom.js";
import { author, choice, field, openForm, styles } from "./forms.js";
import { wordsOf } from "./say-handling.js";

export const id = "alerts";

const TIER = { critical: "red", warning: "yellow", info: "info" };
const ROWS = 30;
const chosen = { severity: "", rule: "", entity: "", state: "" };

export async function load(range, language, signal) {
  const [data] = await Promise.all([get(`api/v1/alerts/view?from=${range.from}&to=${range.to}&lang=${language}`, signal), styles()]);
  return data && { ...data, range };
}

export function draw(data, context) {
  const w = wordsOf(context.language);
  const box = h("div", { class: "filtered" });
  const fill = () => box.replaceChildren(open(data, w, context), silences(data, w, context), timeline(data, w), history(data, w, context));
  fill();
  return [filters(data, w, fill), box];
}

function filters(data, w, changed) {
  const of = { severity: data.severities, rule: data.rules, entity: data.entities, state: data.states };
  return h("form", { class: "panel sieve", on: { submit: (e) => e.preventDefault() } }, Object.entries(of).map(([name, options]) => {
    const select = choice([{ id: "", name: w.all }, ...options], chosen[name]);
    select.addEventListener("change", () => {
      chosen[name] = select.value;
      changed();
    });
    return h("label", {}, h("span", {}, w.filters[name]), select);
  }));
}

function fits(alert) {
  return (!chosen.severity || alert.severity === chosen.severity) && (!chosen.rule || alert.rule === chosen.rule) &&
    (!chosen.entity || alert.entity_id === chosen.entity) && (!chosen.state || alert.state === chosen.state);
}

// -- open alerts

function open(data, w, context) {
  const shown = data.open.filter(fits);
  return h("section", { class: "panel", id: "open-alerts" }, heading(w.open, w.openNote),
    shown.length ? h("ol", { class: "alerts" }, shown.map((a) => one(a, data, w, context)))
      : h("p", { class: "calm" }, data.open.length ? w.noMatch : [shape("green"), w.noOpen]));
}

function one(a, data, w, context) {
  const tier = TIER[a.severity] || "info";
  return h("li", { class: `alert ${tier}` },
    h("span", { class: "sign" }, shape(tier), h("span", { class: "word" }, a.severity_word)),
    h("div", { class: "story" }, h("h3", {}, a.title), a.detail ? h("p", {}, a.detail) : null,
      a.advice ? h("p", { class: "advice" }, h("b", {}, w.advice), " ", a.advice) : null,
      marks(a), acts(a),
      h("p", { class: "acting" }, buttons(a, data, w, context))),
    h("dl", { class: "facts" },
      h("div", {}, h("dt", {}, w.since), h("dd", {}, h("time", { datetime: a.since }, a.since_text), h("small", {}, a.age_text))),
      a.kwh_text ? h("div", { class: "stake" }, h("dt", {}, a.kwh_name), h("dd", {}, a.kwh_text, a.money_text ? h("small", {}, a.money_text) : null)) : null));
}

function marks(a) {
  return a.handled_text.length ? h("ul", { class: "marks" }, a.handled_text.map((text, n) =>
    h("li", { class: a.acknowledged && n === 0 ? "taken" : "quiet-mark" }, text))) : null;
}

function acts(a) {
  const current = a.acknowledged ? a.acts.findLast((act) => act.kind === "ack") : null; // stands above already
  const shown = a.acts.filter((act) => act !== current);
  return shown.length ? h("ol", { class: "acts-done" }, shown.map((act) =>
    h("li", {}, h("time", { datetime: act.at }, act.at_text), " ", act.author ? h("b", {}, act.author) : null, " ", act.word, act.text ? h("span", { class: "said" }, ` “${act.text}”`) : null))) : null;
}

function buttons(a, data, w, context) {
  const button = (text, act) => h("button", { type: "button", "data-needs": "operator", "aria-label": `${text} ${a.title}`, on: { click: act } }, text);
  const is_open = a.state === "firing";
  return [
    is_open && !a.acknowledged ? button(w.ack, () => acting(a, "ack", w, context)) : null,
    is_open && a.acknowledged ? button(w.unack, () => acting(a, "unack", w, context)) : null,
    button(w.comment, () => acting(a, "comment", w, context)),
    is_open ? button(w.silence, () => silencing(data, w, context, a)) : null,
  ];
}

function acting(a, what, w, context) {
  const texts = { ack: [w.ackTitle, w.ackNote, w.ackSave, w.said], unack: [w.unack.replace("…", ""), w.unackNote, w.record, w.said], comment: [w.commentTitle, w.commentNote, w.record, w.text] };
  const [title, note, save, label] = texts[what];
  openForm({
    title, note,
    fields: [h("p", { class: "about" }, a.title), author(w.who), field("text", label, h("input", { maxlength: 500, required: what === "comment" }))],
    texts: { save, cancel: w.cancel, busy: w.busy },
    send: (values) => post(`api/v1/alerts/${what}?lang=${context.language}`, { fingerprint: a.fingerprint, active_at: a.since, ...values }),
    done: () => context.reload(),
  });
}

// -- silences

function silences(data, w, context) {
  const order = (x) => (x.in_force ? 0 : x.planned ? 1 : 2);
  const shown = [...data.silences].sort((a, b) => order(a) - order(b)).slice(0, 20);
  return h("section", { class: "panel", id: "silences" },
    heading(w.silences, w.silencesNote, h("button", { type: "button", "data-needs": "operator", on: { click: () => silencing(data, w, context) } }, w.silenceAdd)),
    shown.length ? h("ol", { class: "corrected" }, shown.map((x) => silenced(x, w, context))) : h("p", { class: "note" }, w.noSilences));
}

function silenced(x, w, context) {
  const running = x.in_force || x.planned;
  return h("li", { class: running ? null : "past" },
    h("div", {}, h("p", {}, h("b", {}, x.what), " ", h("span", { class: "tag" }, x.in_force ? w.inForce : x.planned ? w.planned : w.over)),
      h("p", {}, w.span(x.start_text, x.until_text)), h("p", { class: "note" }, w.silenceBy(x)), x.ended ? h("p", { class: "note" }, w.endedBy(x.ended)) : null),
    running ? h("button", { type: "button", "data-needs": "operator", "aria-label": `${w.end} ${x.what}`, on: { click: () => ending(x, w, context) } }, w.end) : null);
}

function ending(x, w, context) {
  openForm({
    title: w.endTitle, note: w.endNote,
    fields: [h("p", { class: "about" }, x.what), author(w.who), field("reason", w.reason, h("input", { required: true, maxlength: 500 }))],
    texts: { save: w.record, cancel: w.cancel, busy: w.busy },
    send: (values) => post(`api/v1/silences/${x.id}/end?lang=${context.language}`, values),
    done: () => context.reload(),
  });
}

function silencing(data, w, context, a = null) {
  const any = { id: "", name: w.all };
  openForm({
    title: w.silenceTitle, note: w.silenceNote(data.longest_silence_days),
    fields: [
      field("rule", w.silenceRule, choice([any, ...data.rules], a?.rule ?? "")),
      field("entity", w.silenceEntity, choice([any, ...data.entities], a?.entity_id ?? "")),
      field("start", w.from, h("input", { type: "datetime-local" }), data.zone),
      field("end", w.until, h("input", { type: "datetime-local", required: true }), data.zone),
      author(w.who), field("reason", w.reason, h("input", { required: true, maxlength: 500 }))],
    texts: { save: w.silence.replace("…", ""), cancel: w.cancel, busy: w.busy },
    send: (values) => post(`api/v1/silences?lang=${context.language}`, values),
    done: () => context.reload(),
  });
}

// -- the past

function timeline(data, w) {
  const rows = new Map();
  for (const a of [...data.history.entries].reverse().filter(fits)) {
    const row = rows.get(a.fingerprint) ?? rows.set(a.fingerprint, { name: a.entity, rule: nameOf(data.rules, a.rule), lives: [] }).get(a.fingerprint);
    row.lives.push(a);
  }
  const shown = [...rows.values()].slice(-ROWS);
  if (!shown.length) return h("div", {});
  return h("section", { class: "panel", id: "timeline" }, heading(w.timeline, w.timelineNote),
    h("ul", { class: "lives" }, shown.map((row) => h("li", {},
      h("span", { class: "name" }, h("b", {}, row.name), h("small", {}, row.rule)),
      fluid((width) => strip(row, data, width))))),
    h("p", { class: "ends" }, h("span", {}, data.range.from), h("span", {}, data.range.to)));
}

function strip(row, data, width) {
  const height = Math.round(rem() * 1.3);
  const from = Date.parse(data.starts);
  const to = Date.parse(data.ends);
  const x = (t) => (width * (Math.min(Math.max(t, from), to) - from)) / (to - from);
  const label = `${row.name}, ${row.rule}: ${row.lives.map((a) => `${a.since_long} ${a.duration_text}`).join("; ")}`;
  return picture(width, height, label, s("path", { d: `M0 ${height - 0.5}H${width}`, class: "axis" }), row.lives.map((a) => {
    const left = x(Date.parse(a.since));
    const right = x(a.resolved_at ? Date.parse(a.resolved_at) : Date.parse(data.now));
    return s("g", { class: TIER[a.severity] || "info" }, s("title", {}, `${a.title} · ${a.since_long} · ${a.duration_text}`),
      s("rect", { x: left, y: 2, width: Math.max(3, right - left), height: height - 6, rx: 2, class: a.state === "firing" ? "life open" : "life" }));
  }));
}

function nameOf(options, wanted) {
  return options.find((o) => o.id === wanted)?.name ?? wanted;
}

function history(data, w, context) {
  const list = h("ol", { class: "past" });
  const more = h("button", { type: "button" }, `${w.more}…`);
  let following = data.history.next;
  const add = (entries) => list.append(...entries.filter(fits).map((a) => past(a, data, w, context)));
  more.hidden = !following;
  more.addEventListener("click", async () => {
    more.disabled = true;
    const page = await get(`api/v1/alerts/history?from=${data.range.from}&to=${data.range.to}&lang=${context.language}&after=${encodeURIComponent(following)}`);
    more.disabled = false;
    if (!page) {
      more.textContent = w.failed;
      return;
    }
    following = page.next;
    more.hidden = !following;
    add(page.entries);
  });
  add(data.history.entries);
  return h("section", { class: "panel", id: "alert-history" }, heading(w.history, w.historyNote),
    list.children.length ? list : h("p", { class: "calm" }, data.history.entries.length ? w.noMatch : w.noHistory), h("p", { class: "acting" }, more));
}

function past(a, data, w, context) {
  const tier = TIER[a.severity] || "info";
  const who = [...new Set(a.acts.map((act) => act.author).filter(Boolean))].join(", ");
  return h("li", { class: tier }, h("details", {},
    h("summary", {},
      h("span", { class: "sign" }, shape(tier), h("span", { class: "word" }, a.severity_word)),
      h("span", { class: "when" }, h("time", { datetime: a.since }, a.since_long)),
      h("span", { class: "what" }, a.title),
      h("span", { class: "lasted" }, a.state === "firing" ? h("b", {}, a.state_word, " · ") : null, a.duration_text),
      h("span", { class: "stake" }, a.kwh_text ?? ""),
      h("span", { class: "who-acted" }, who || w.nobody)),
    h("div", { class: "story" }, a.detail ? h("p", {}, a.detail) : null,
      a.resolved_text ? h("p", {}, `${a.since_long} – ${a.resolved_text}`) : null,
      marks(a), acts(a), h("p", { class: "acting" }, buttons(a, data, w, context)))));
}
