// Instants as the park's own clock shows them.

let zone = "UTC";
let language = "en";
let made = {};

/** Set whose clock and which language. */
export function setClock(newZone, newLanguage) {
  if (zone === newZone && language === newLanguage) return;
  [zone, language, made] = [newZone, newLanguage, {}];
}

function by(name, options) {
  const locale = name === "iso" ? "en-CA" : language === "zh" ? "zh-CN" : "en-GB";
  return (made[name] ??= new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }));
}

const date = (seconds) => new Date(seconds * 1000);

/** The local day, "2026-10-01". */
export function dayOf(seconds) {
  return by("iso", { year: "numeric", month: "2-digit", day: "2-digit" }).format(date(seconds));
}

/** The local clock, "14:30". */
export function clock(seconds) {
  return by("clock", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(date(seconds));
}

/** A day without its year, for an axis. */
export function shortDay(seconds) {
  return by("day", { day: "numeric", month: language === "zh" ? "numeric" : "short" }).format(date(seconds));
}

/** A day with weekday and year, for reading a value off. */
export function longDay(seconds) {
  return by("long", { weekday: "short", day: "numeric", month: language === "zh" ? "numeric" : "short", year: "numeric" }).format(date(seconds));
}

/** A month, with its year where asked for. */
export function monthName(seconds, year) {
  return by(year ? "year" : "month", { month: "short", ...(year ? { year: "numeric" } : {}) }).format(date(seconds));
}

/** A point of an axis in full. */
export function when(period, seconds) {
  if (period === "month") return monthName(seconds, true);
  return period === "day" ? longDay(seconds) : `${shortDay(seconds)} ${clock(seconds)}`;
}

/** Places and words of an axis's ticks, at most `most` of them. */
export function ticks(period, starts, most) {
  const wanted = candidates(period, starts);
  const fitting = wanted.find((list) => list.length <= most) || wanted.at(-1).filter((_, i, all) => i % Math.ceil(all.length / most) === 0);
  return fitting.map((i) => ({ at: i, text: word(period, starts, i) }));
}

function candidates(period, starts) {
  const hourly = period === "hour";
  const all = starts.map((_, i) => i);
  if (period === "month") return [1, 2, 3, 6, 12].map((n) => all.filter((i) => i % n === 0));
  if (period === "day") {
    const stepped = [1, 2, 5, 7].map((n) => all.filter((i) => i % n === 0));
    const isos = starts.length > 62 ? starts.map(dayOf) : [];
    const months = all.filter((i) => isos[i]?.endsWith("-01"));
    return starts.length > 62 ? [months, ...[2, 3, 6].map((n) => months.filter((_, i) => i % n === 0))] : stepped;
  }
  const hours = starts.length <= 200 ? starts.map((t) => clock(t)) : [];
  const every = (n) => all.filter((i) => hours[i]?.endsWith(":00") && Number(hours[i].slice(0, 2)) % n === 0);
  const midnights = all.filter((i) => i === 0 || ((hourly || i % 4 === 0) && clock(starts[i]) === "00:00"));
  const days = [1, 2, 5, 7].map((n) => midnights.filter((_, i) => i % n === 0));
  return starts.length <= 200 ? [every(1), every(2), every(3), every(6), every(12), ...days] : days;
}

function word(period, starts, i) {
  if (period === "month") return monthName(starts[i], i === 0 || dayOf(starts[i]).slice(5, 7) === "01");
  if (period === "day") return starts.length > 62 ? monthName(starts[i], dayOf(starts[i]).slice(5, 7) === "01") : shortDay(starts[i]);
  const at = clock(starts[i]);
  return at === "00:00" ? shortDay(starts[i]) : at;
}
