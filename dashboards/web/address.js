// The address holds the whole view, so that it can be shared, kept and gone back to.
//
//   ?view=pv&from=2026-10-01&to=2026-10-31&compare=month&array=roof-1&all=1&lang=zh&wall=1&every=20
//
// A range that ends today is kept by its name (?range=month), so that a kept address stays current; others by their days.

import { VIEWS } from "./views.js";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const COMPARE = ["week", "month", "year"];
export const PRESETS = ["today", "yesterday", "7d", "month", "lastmonth", "year", "12m"];
const ROLLING = ["today", "7d", "month", "year", "12m"];
const START = "month";

/** Read what the address asks for; what makes no sense is left out. */
export function read() {
  const asked = new URLSearchParams(location.search);
  const one = (name, allowed) => (allowed.includes(asked.get(name)) ? asked.get(name) : "");
  const day = (name) => (DAY.test(asked.get(name) || "") ? asked.get(name) : "");
  const [from, to] = [day("from"), day("to")];
  const free = from && to;
  const swapped = Boolean(free && from > to);
  return {
    view: one("view", VIEWS) || "overview",
    lang: one("lang", ["zh", "en"]),
    from: free ? (swapped ? to : from) : "",
    to: free ? (swapped ? from : to) : "",
    swapped, // the days were given the wrong way round: the page says that it turned them
    preset: free ? "" : one("range", ROLLING) || START,
    compare: one("compare", COMPARE),
    array: asked.get("array") || "",
    building: asked.get("building") || "",
    all: asked.get("all") === "1",
    wall: asked.get("wall") === "1",
    every: Math.min(3600, Math.max(5, Number(asked.get("every")) || 20)),
  };
}

/** Write a state as an address, shortest form first. */
export function write(state) {
  const asked = new URLSearchParams();
  const set = (name, value) => value && asked.set(name, value);
  if (state.view !== "overview") set("view", state.view);
  if (state.from && state.to) {
    set("from", state.from);
    set("to", state.to);
  } else if (state.preset !== START) set("range", state.preset);
  set("compare", state.compare);
  set("array", state.array);
  set("building", state.building);
  set("all", state.all && "1");
  set("lang", state.lang);
  if (state.wall) {
    set("wall", "1");
    if (state.every !== 20) set("every", state.every);
  }
  const text = asked.toString();
  return `${location.pathname}${text ? `?${text}` : ""}`;
}

/** Where a view is from here; its range and filters are what `parameters` say. */
export function linkTo(view, parameters = {}) {
  return write({ ...read(), from: "", to: "", preset: START, compare: "", array: "", building: "", all: false, view, ...parameters });
}

/** A free range of two days, in whichever order they were given. */
export function between(from, to) {
  return from <= to ? { from, to, preset: "" } : { from: to, to: from, preset: "", swapped: true };
}

// -- days, as plain calendar arithmetic on "2026-10-01"

const at = (day) => new Date(`${day}T00:00:00Z`);
const written = (date) => date.toISOString().slice(0, 10);

/** Return the day some days later. */
export function plus(day, days) {
  const date = at(day);
  date.setUTCDate(date.getUTCDate() + days);
  return written(date);
}

/** Return how many days a range has, both ends counted. */
export function length(from, to) {
  return Math.round((at(to) - at(from)) / 86_400_000) + 1;
}

function month(day, shift) {
  const date = at(day);
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + shift);
  return written(date);
}

/** Return the days a preset stands for. */
export function days(preset, today) {
  return {
    today: [today, today],
    yesterday: [plus(today, -1), plus(today, -1)],
    "7d": [plus(today, -6), today],
    month: [month(today, 0), today],
    lastmonth: [month(today, -1), plus(month(today, 0), -1)],
    year: [`${today.slice(0, 4)}-01-01`, today],
    "12m": [plus(month(today, -11), 0), today],
  }[preset];
}

/** Return the state's days: its own, or its preset's. */
export function resolved(state, today) {
  if (state.from && state.to) return [state.from, state.to];
  return days(state.preset, today);
}

/** Name the preset a range is, or "". */
export function named([from, to], today) {
  return PRESETS.find((p) => String(days(p, today)) === String([from, to])) || "";
}

/** What choosing a preset means for the state. */
export function choosing(preset, today) {
  if (ROLLING.includes(preset)) return { preset, from: "", to: "" };
  const [from, to] = days(preset, today);
  return { preset: "", from, to };
}

/** Return the range before or after: whole months step by months, everything else by its own length. */
export function stepped([from, to], direction) {
  const whole = from.endsWith("-01") && plus(to, 1).endsWith("-01");
  if (whole) {
    const months = (Number(plus(to, 1).slice(0, 4)) - Number(from.slice(0, 4))) * 12 + Number(plus(to, 1).slice(5, 7)) - Number(from.slice(5, 7));
    const first = month(from, direction * months);
    return [first, plus(month(first, months), -1)];
  }
  if (from.endsWith("-01") && from.slice(0, 7) === to.slice(0, 7)) {
    const first = month(from, direction); // a month to date steps to whole months
    return [first, plus(month(first, 1), -1)];
  }
  const size = length(from, to);
  return [plus(from, direction * size), plus(to, direction * size)];
}

/** Return about three times the range, with the same middle, not beyond today. */
export function wider([from, to], today) {
  const size = length(from, to);
  const last = plus(to, size) > today && to <= today ? today : plus(to, size);
  return [plus(last, -(size * 3 - 1)), last];
}
