// The shell: reads the address, shows the view it names, asks again when something changed, says so when nobody answers.
// What a view is stands in views.js.

import { choosing, PRESETS, read, resolved, stepped, wider, write } from "./address.js";
import { get } from "./asking.js";
import { h } from "./dom.js";
import { banner, clockFace, empty, footer, navigation, switches } from "./frame.js";
import { keyHelp, shortcuts } from "./keys.js";
import { listen } from "./live.js";
import { drawOverview, forget, loadOverview } from "./overview.js";
import { rangeBar } from "./range.js";
import { learnRights } from "./rights.js";
import { say, speak, spoken } from "./say.js";
import { chosen, onTheme, paint, turn } from "./theme.js";
import { setClock } from "./times.js";
import { moduleOf, VIEWS } from "./views.js";
import { settle, wall } from "./wall.js";

const EVERY_MS = 15_000;
const CLOCK_MS = 30_000;
const PATIENCE_MS = 10_000;

const at = (id) => document.getElementById(id);
let state = read();
let meta = null;
let timer = null;
let asking = null;
let drawn = ""; // what stands in #view: its address
let given = ""; // and what it was drawn from

// -- where we are

/** Change some of the state: a new address, a new view. `quietly` leaves no step to go back to. */
function change(parts, quietly = false) {
  const moved = parts.view && parts.view !== state.view;
  state = { ...state, swapped: false, ...parts };
  const address = write(state);
  if (address !== location.pathname + location.search) history[quietly ? "replaceState" : "pushState"](null, "", address);
  show({ focus: moved && !quietly });
}

/** Where a view with some other parameters would be; a filter belongs to one view only. */
function addressOf(view, parameters = {}) {
  const kept = view === state.view ? {} : { array: "", building: "", all: false };
  const days = view === "overview" ? { from: "", to: "", preset: "month", compare: "" } : {};
  return write({ ...state, ...kept, ...days, view, ...parameters });
}

function go(view, parameters = {}) {
  const kept = view && view !== state.view ? { array: "", building: "", all: false } : {};
  change({ ...kept, view: view || state.view, ...parameters });
}

/** Follow links to views without leaving the page. */
function follow(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const to = new URL(link.href);
  if (link.hasAttribute("download") || to.origin !== location.origin || to.pathname !== location.pathname || (to.hash && to.search === location.search)) return;
  event.preventDefault();
  const before = state.view;
  history.pushState(null, "", to.pathname + to.search);
  state = read();
  show({ focus: before !== state.view || !at("views").contains(link) });
  scrollTo(0, 0);
}

const language = () => state.lang || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

// -- showing

/** Write the page's own words that are not part of any view. */
function words() {
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  at("theme").textContent = say("theme")[chosen()];
  at("help").setAttribute("aria-label", say("keys"));
}

function choose(code) {
  forget();
  meta = null;
  drawn = "";
  change({ lang: code }, true);
}

async function show({ focus = false } = {}) {
  if (spoken() !== language()) forget();
  speak(language());
  words();
  navigation(state.view, addressOf);
  at("view-title").textContent = say("views")[state.view];
  document.documentElement.dataset.view = state.view;
  title();
  if (meta) range();
  if (focus) {
    at("view-title").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  if (wall(state, { change })) {
    forget(); // links lead nowhere on a wall, and somewhere else again afterwards
    drawn = "";
  }
  await ask();
}

function title() {
  const parts = [state.view === "overview" ? "" : say("views")[state.view], meta?.park.name, "Parkwatt"];
  document.title = parts.filter(Boolean).join(" · ");
}

/** Draw the range bar where the view has one. */
function range(ranged = state.view !== "overview" && !["reports", "corrections"].includes(state.view)) {
  const bar = at("range");
  bar.hidden = !ranged || state.wall;
  const has = bar.contains(document.activeElement) ? document.activeElement : null;
  const kept = has && (has.id ? `#${has.id}` : `[data-preset="${has.dataset.preset}"]`);
  bar.replaceChildren(...(ranged ? rangeBar(state, meta, change).filter(Boolean) : []));
  if (kept) bar.querySelector(kept)?.focus();
  at("swapped").textContent = ranged && state.swapped ? say("swapped")(state.from, state.to) : "";
}

function known(news) {
  meta = { ...meta, ...news };
  if (!document.documentElement.dataset.role) learnRights(); // nobody answered when the page began
  paint(meta.colours);
  setClock(meta.zone, language());
  clockFace(meta);
  switches(meta.languages, choose);
  footer(meta);
  banner(meta, false);
  title();
  at("loading").hidden = true;
  at("empty").hidden = !meta.empty;
  if (meta.empty) empty();
}

/** Bring what the address names up to date; what stands there stays until the new is there. */
async function ask() {
  clearTimeout(timer);
  asking?.abort();
  const own = (asking = new AbortController());
  const patience = setTimeout(() => own.abort(), PATIENCE_MS);
  at("page").setAttribute("aria-busy", "true");
  const answered = await (state.view === "overview" ? first(own) : other(own));
  clearTimeout(patience);
  if (asking !== own) return; // a later question took over
  at("page").setAttribute("aria-busy", "false");
  if (!answered) banner(meta, true);
  timer = setTimeout(state.view === "overview" || !answered ? ask : tick, state.view === "overview" || !answered ? EVERY_MS : CLOCK_MS);
}

/** Ask only what time it is and how the data fare: views hear of changes. */
async function tick() {
  const news = await get(`api/v1/meta?lang=${spoken()}`);
  if (news) known(news);
  else banner(meta, true);
  timer = setTimeout(tick, CLOCK_MS);
}

async function first(own) {
  const view = await loadOverview(spoken(), own.signal);
  if (asking !== own) return true;
  if (!view) return false;
  known(view.meta);
  at("content").hidden = meta.empty;
  at("view").hidden = true;
  range(false);
  at("compared").hidden = true;
  if (!meta.empty) drawOverview(view);
  settle();
  return true;
}

async function other(own) {
  if (!meta?.arrays || meta.language !== spoken()) {
    const news = await get(`api/v1/meta?lang=${spoken()}`, own.signal);
    if (asking !== own) return true;
    if (!news) return false;
    known(news);
  }
  at("content").hidden = true;
  if (meta.empty) {
    at("view").hidden = true;
    return true;
  }
  const view = await moduleOf(state.view).catch(() => null);
  if (asking !== own) return true;
  if (!view) return place(h("p", { class: "calm" }, say("noView")), "");
  range(view.ranged !== false);
  const [from, to] = resolved(state, meta.today);
  const asked = { from, to, preset: state.preset, compare: state.compare, array: state.array, building: state.building, all: state.all };
  const data = await view.load(asked, spoken(), own.signal);
  if (asking !== own) return true;
  if (data === null || data === undefined) return unanswered(own);
  banner(meta, false);
  draw(view, data, asked);
  return true;
}

function draw(view, data, asked) {
  const key = location.search;
  const text = JSON.stringify(data);
  if (drawn === key && given === text) return;
  if (drawn === key && inUse()) return; // never move what somebody works with; the next change draws it
  const opened = drawn === key ? [...at("view").querySelectorAll("details")].map((d) => d.open) : [];
  at("view").hidden = false;
  at("compared").hidden = !data.compare?.text;
  at("compared").textContent = data.compare?.text ? say("comparedWith")(data.compare.text) : "";
  at("view-title").textContent = [say("views")[state.view], data.filter?.name].filter(Boolean).join(" · ");
  const context = { range: asked, language: spoken(), meta, reload: again, go, address: addressOf, knows: (name) => VIEWS.includes(name) };
  at("view").replaceChildren(...view.draw(data, context));
  [...at("view").querySelectorAll("details")].forEach((d, i) => opened[i] && (d.open = true));
  [drawn, given] = [key, text];
  settle();
}

/** Whether a form of the view is being filled in, a plot read, or a dialog open. */
function inUse() {
  const has = document.activeElement;
  const within = at("view").contains(has);
  return Boolean(document.querySelector("dialog[open]") || (within && has.matches("input, select, textarea, .plot")) || at("view").querySelector(".plot:hover"));
}

/** The view has no answer: because nobody answers at all, or because the question makes no sense here. */
async function unanswered(own) {
  const news = await get(`api/v1/meta?lang=${spoken()}`, own.signal);
  if (asking !== own) return true;
  if (news) known(news);
  if (news || drawn !== location.search) place(h("p", { class: "calm" }, say("noAnswer")), "");
  return Boolean(news);
}

function place(node, key) {
  at("view").hidden = false;
  at("view").replaceChildren(h("section", { class: "panel" }, node, h("p", {}, h("button", { type: "button", on: { click: again } }, say("reload")))));
  [drawn, given] = [key, ""];
  return true;
}

function again() {
  given = "";
  return ask();
}

// -- keys and what happens by itself

const byRange = (act) => () => meta && state.view !== "overview" && act();
const free = ([from, to]) => change({ from, to, preset: "" });
const days = () => resolved(state, meta.today);
const COMPARES = ["", "week", "month", "year"];
const preset = (name) => byRange(() => change(choosing(name, meta.today)));

shortcuts({
  ...Object.fromEntries(VIEWS.map((view, i) => [String(i + 1), () => go(view, view === "overview" ? { from: "", to: "", preset: PRESETS[3] } : {})])),
  t: preset("today"),
  m: preset("month"),
  y: preset("year"),
  "[": byRange(() => free(stepped(days(), -1))),
  "]": byRange(() => stepped(days(), 1)[0] <= meta.today && free(stepped(days(), 1))),
  "-": byRange(() => free(wider(days(), meta.today))),
  c: byRange(() => change({ compare: COMPARES[(COMPARES.indexOf(state.compare) + 1) % COMPARES.length] })),
  w: () => change({ wall: true }),
  "?": keyHelp,
});
onTheme(words);
at("theme").addEventListener("click", turn);
at("help").addEventListener("click", keyHelp);
document.addEventListener("click", follow);
document.addEventListener("parkwatt:corrected", again);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") ask();
  else clearTimeout(timer);
});
addEventListener("popstate", () => {
  const before = state.view;
  state = read();
  show({ focus: before !== state.view });
});
speak(language());
show().then(() => listen(ask));
