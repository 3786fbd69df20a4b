// Curves and bars over time, as SVG: gaps stay gaps, estimates are lighter, what is compared with is paler.
// The pointer or the arrow keys read values off; dragging, or Shift with the arrows, chooses a range to zoom into.

import { fluid, h, picture, rem, s } from "./dom.js";
import { amount, minus } from "./say.js";
import { dayOf, ticks, when } from "./times.js";

const LIGHT = 0.05; // more of a value than this filled: drawn as an estimate

const share = (column, i) => (Array.isArray(column) ? column[i] : column);

/** Whether nothing came though it should have. */
export function isMissing(series, axis, i) {
  return i >= axis.begins && i < axis.elapsed && series.values[i] === null && !(share(series.coverage, i) > 0);
}

/** Whether a value is more filled than measured would allow to draw as measured. */
export function isEstimated(series, i) {
  return share(series.estimated, i) > LIGHT;
}

/** The share of a point that was measured. */
export function measuredAt(series, i) {
  return share(series.coverage, i);
}

/** The scale of some series: from zero unless a value lies below, its top a round number. */
export function scaleOf(list, ratio) {
  const values = list.flatMap((one) => [...one.values, ...(one.before || [])]).filter((v) => v !== null);
  const low = values.reduce((a, b) => Math.min(a, b), 0);
  const high = values.reduce((a, b) => Math.max(a, b), ratio ? 0.1 : 1e-6);
  const step = niceStep((high - low) / 5);
  return { low: Math.floor(low / step + 1e-9) * step, high: Math.ceil(high / step - 1e-9) * step, step };
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough - 1e-12);
}

/**
 * Draw one plot. `look`: { kind, unit, period, height (rem), scale, small, label }; `act`: { read(i or null), zoom(from, to) },
 * or instead of zoom span(first, last), which takes the points themselves.
 *
 * A look may also have `holes` ([first, last + 1] of each, where they are not the first series' own), `below`: { less, than,
 * colour, name } (shades where one series of values lies below another: a shortfall, or the band that `name` says), `now`: { at, text }, `marks`: [{ at, kind, text }]
 * and `stretch` ([first, last + 1], shaded), all in points of the axis.
 */
export function plot(list, axis, look, act) {
  const box = h("div", { class: `plot ${look.small ? "small" : ""}`, tabindex: 0, role: "img", "aria-label": look.label });
  let draw = null;
  box.append(fluid((width) => {
    draw = drawing(list, axis, look, width);
    return draw.svg;
  }));
  watch(box, () => draw, axis, act);
  return box;
}

function drawing(list, axis, look, width) {
  const unit = rem();
  const height = Math.round(look.height * unit);
  const scale = look.scale || scaleOf(list, look.unit === "1");
  const left = look.small ? 0 : unit * (inMwh(Math.max(scale.high, -scale.low), look.unit) ? 3.6 : 2.9);
  const bottom = look.small ? 1 : unit * 1.35;
  const top = look.small ? 2 : look.now ? unit * 1.9 : unit * 0.5;
  const size = axis.starts.length;
  const x = (i) => left + (i / size) * (width - left - 1);
  const y = (v) => top + ((scale.high - v) / (scale.high - scale.low || 1)) * (height - top - bottom);
  const place = { x, y, size, left, top, bottom: height - bottom, width, height, step: x(1) - x(0), zero: y(Math.max(0, scale.low)) };
  const cursor = s("g", { class: "cursor", visibility: "hidden" }, s("path", { class: "hair" }), s("rect", { class: "brush", y: top, height: height - bottom - top }));
  const svg = picture(width, height, "", marked(look, place), grid(scale, look, place, unit), (hatch) => holes(look.holes || runs(list[0], axis), place, hatch), shortfall(look.below, place),
    list.map((one, n) => before(one, place, look, n, list.length)), list.map((one, n) => drawn(one, place, look, n, list.length)),
    s("path", { d: `M${left} ${place.zero}H${width}`, class: "axis zero" }),
    look.small ? null : times(axis, look, place, unit), now(look, place, unit), marks(look.marks || [], place, unit), cursor);
  svg.removeAttribute("role");
  svg.removeAttribute("aria-label");
  svg.setAttribute("aria-hidden", "true");
  return { svg, cursor, place };
}

function grid(scale, look, place, unit) {
  if (look.small) return null;
  const parts = [];
  for (let v = scale.low; v <= scale.high + scale.step / 2; v += scale.step) {
    parts.push(s("path", { d: `M${place.left} ${place.y(v)}H${place.width}`, class: "axis" }));
    parts.push(s("text", { x: place.left - unit * 0.4, y: place.y(v) + unit * 0.25, class: "tick end" }, tickText(v, look.unit, scale.step)));
  }
  return parts;
}

/** Shade a stretch of the axis, from one index until before another: `look.stretch`. */
function marked(look, place) {
  if (!look.stretch || look.stretch[1] <= look.stretch[0]) return null;
  const [from, to] = look.stretch.map(place.x);
  return s("rect", { x: from, y: place.top, width: to - from, height: place.bottom - place.top, class: "marked" });
}

const inMwh = (value, unit) => unit === "kWh" && Math.abs(value) >= 10_000;

function tickText(value, unit, step) {
  if (unit === "1") return minus(`${Math.round(value * 1000) / 10}%`);
  const digits = step >= 1 || value === 0 ? 0 : Math.min(3, Math.ceil(-Math.log10(step)));
  const text = inMwh(value, unit) ? `${+(value / 1000).toFixed(1)} MWh` : step >= 1 && step % 1 ? String(value) : value.toLocaleString("en", { maximumFractionDigits: Math.max(digits, step % 1 ? 1 : 0) });
  return minus(text);
}

function times(axis, look, place, unit) {
  const found = ticks(look.period, axis.starts, Math.max(2, Math.floor((place.width - place.left) / (unit * 3.8))));
  return found.flatMap(({ at, text }) => {
    const x = look.kind === "bars" && (look.period === "day" || look.period === "month") ? place.x(at + 0.5) : place.x(at);
    const room = text.length * unit * 0.24;
    const anchor = x + room > place.width ? "end" : x - room < place.left - unit ? "" : "middle";
    return [s("path", { d: `M${x} ${place.bottom}v4`, class: "axis zero" }), s("text", { x, y: place.bottom + unit * 1.15, class: `tick ${anchor}` }, text)];
  });
}

/** The runs where nothing came. */
function runs(series, axis) {
  const found = [];
  for (let i = 0; i < axis.starts.length; i += 1) {
    if (!isMissing(series, axis, i)) continue;
    if (found.at(-1)?.[1] === i) found.at(-1)[1] = i + 1;
    else found.push([i, i + 1]);
  }
  return found;
}

function holes(found, place, hatch) {
  return found.map(([first, last]) => s("rect", { x: place.x(first), y: place.top, width: place.x(last) - place.x(first), height: place.bottom - place.top, fill: hatch, class: "hole" }));
}

/** Shade, point by point, where one thing stayed below another. */
function shortfall(below, place) {
  if (!below) return null;
  let d = "";
  below.than.forEach((want, i) => {
    const got = below.less[i];
    if (want === null || got === null || got === undefined || got >= want) return;
    d += `M${r(place.x(i))} ${r(place.y(want))}H${r(place.x(i + 1))}V${r(place.y(got))}H${r(place.x(i))}z`;
  });
  return d ? s("path", { d, fill: `var(--${below.colour})`, class: below.name || "shortfall" }) : null;
}

/** Where now is; the unit stands beside it, over the axis. */
function now({ now: at, unit: of }, place, unit) {
  if (!at) return null;
  const x = place.x(at.at);
  const within = at.at >= 0 && at.at <= place.size;
  return [s("text", { x: place.left - unit * 0.4, y: unit * 0.75, class: "tick end" }, of),
    within ? s("path", { d: `M${x} ${place.top - unit * 0.3}V${place.bottom}`, class: "now" }) : null,
    within ? s("text", { x: Math.min(x, place.width - unit), y: unit * 1.3, class: "tick middle" }, at.text) : null];
}

/** A mark as a legend shows it. */
export function sign(kind) {
  return s("svg", { viewBox: "-1.3 -1.3 2.6 2.6", class: "sign-key", "aria-hidden": "true" }, s("path", { d: SIGNS[kind], class: `sign ${kind}` }));
}

const SIGNS = { alert: "M0 -1 1 0 0 1 -1 0z", event: "M-1 -0.8H1L0 0.9z" };

function marks(list, place, unit) {
  return list.filter((one) => one.at >= 0 && one.at <= place.size).map((one) =>
    s("path", { d: SIGNS[one.kind], transform: `translate(${place.x(one.at)} ${place.top}) scale(${unit * 0.38})`, class: `sign ${one.kind}` }, s("title", {}, one.text)));
}

const paint = (one) => `var(--${one.colour})`;

function drawn(one, place, look, n, of) {
  if (look.kind === "bars" && place.step >= 3) {
    const tiers = look.tierOf ? ["green", "yellow", "red"] : [""];
    return tiers.flatMap((tier) => [false, true].map((light) => bars(one.values, place, n, of, (i) => isEstimated(one, i) === light && (!tier || look.tierOf(one.values[i]) === tier),
      { fill: tier ? `var(--${tier})` : paint(one), class: light ? "bar light" : "bar" }, one.before ? SHIFTED : PLAIN)));
  }
  const filled = look.kind === "bars" || (look.small && n === 0);
  const area = filled ? s("path", { d: steps(one.values, place, () => true, true), fill: paint(one), class: "area" }) : null;
  const line = (light) => s("path", { d: steps(one.values, place, (i) => isEstimated(one, i) === light, false), stroke: paint(one),
    class: `line${one.dashed ? " dashed" : ""}${light ? " light" : ""}` });
  return [area, line(false), line(true)];
}

function before(one, place, look, n, of) {
  if (!one.before || one.dashed) return null;
  if (look.kind === "bars" && place.step >= 3) return bars(one.before, place, n, of, () => true, { fill: paint(one), class: "bar before" }, BEHIND);
  return s("path", { d: steps(one.before, place, () => true, false), stroke: paint(one), class: "line before" });
}

// How broad a bar is, and how far from the middle of its room: a bar stands before the paler one it is compared with.
const PLAIN = [1, 0];
const SHIFTED = [0.72, 0.14];
const BEHIND = [0.72, -0.14];

function bars(values, place, n, of, wanted, attributes, [broad, aside] = PLAIN) {
  const room = Math.min((place.step * 0.74) / of, rem() * 2.8);
  const wide = room * broad;
  const start = (place.step - room * of) / 2;
  let d = "";
  values.forEach((v, i) => {
    if (v === null || !wanted(i)) return;
    const x = place.x(i) + start + room * (n + 0.5 + aside) - wide / 2;
    const [a, b] = [place.y(v), place.zero];
    d += `M${r(x)} ${r(Math.min(a, b))}h${r(wide)}v${r(Math.max(0.5, Math.abs(a - b)))}h${r(-wide)}z`;
  });
  return d ? s("path", { d, ...attributes }) : null;
}

const r = (v) => Math.round(v * 10) / 10;

/** Steps: a value holds for its whole period. A hole breaks the line. */
function steps(values, place, wanted, closed) {
  let d = "";
  let open = false;
  const shut = (i) => {
    if (open && closed) d += `V${r(place.zero)}H${r(place.x(open.from))}z`;
    open = false;
    return i;
  };
  values.forEach((v, i) => {
    if (v === null || !wanted(i)) return shut(i);
    if (open) d += `V${r(place.y(v))}H${r(place.x(i + 1))}`;
    else d += `M${r(place.x(i))} ${r(place.y(v))}H${r(place.x(i + 1))}`;
    open = open || { from: i };
    return i;
  });
  shut(values.length);
  return d;
}

// -- reading values off, and zooming

function watch(box, drawing, axis, act) {
  const last = axis.starts.length - 1;
  let at = null;
  let anchor = null;
  let pressed = false;
  const show = () => {
    const draw = drawing();
    if (!draw) return;
    const { place, cursor } = draw;
    cursor.setAttribute("visibility", at === null ? "hidden" : "visible");
    if (at !== null) {
      const chosen = anchor !== null && anchor !== at;
      const [a, b] = anchor === null ? [at, at] : [Math.min(anchor, at), Math.max(anchor, at)];
      cursor.firstChild.setAttribute("d", `M${place.x(at + 0.5)} ${place.top}V${place.bottom}`);
      cursor.lastChild.setAttribute("x", place.x(a));
      cursor.lastChild.setAttribute("width", chosen || pressed ? place.x(b + 1) - place.x(a) : 0);
    }
    act.read(at);
  };
  const under = (event) => {
    const draw = drawing();
    const area = draw.svg.getBoundingClientRect();
    const { place } = draw;
    const i = Math.floor((((event.clientX - area.left) * (place.width / area.width) - place.left) / (place.width - place.left)) * place.size);
    return Math.max(0, Math.min(last, i));
  };
  const zoom = (i, j) => act.span ? act.span(Math.min(i, j), Math.max(i, j)) : act.zoom(dayOf(axis.starts[Math.min(i, j)]), dayOf((axis.starts[Math.max(i, j) + 1] ?? axis.end) - 1));
  const clear = () => {
    [at, anchor, pressed] = [null, null, false];
    show();
  };
  box.addEventListener("pointerdown", (event) => {
    if (!drawing() || (event.pointerType === "mouse" && event.button !== 0)) return;
    at = under(event);
    if (event.pointerType === "mouse") {
      [anchor, pressed] = [at, true];
      box.setPointerCapture(event.pointerId);
    }
    show();
  });
  box.addEventListener("pointermove", (event) => {
    if (!drawing() || (event.pointerType !== "mouse" && !event.pressure)) return;
    at = under(event);
    show();
  });
  box.addEventListener("pointerup", () => {
    if (!pressed) return;
    const [i, j] = [anchor, at];
    [anchor, pressed] = [null, false];
    show();
    if (i !== j) zoom(i, j);
  });
  box.addEventListener("pointerleave", () => (pressed ? null : clear()));
  box.addEventListener("pointercancel", clear);
  box.addEventListener("blur", clear);
  box.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (move !== undefined) {
      if (!event.shiftKey) anchor = null;
      else if (anchor === null) anchor = at ?? Math.max(0, Math.min(last, axis.elapsed - 1));
      const from = at ?? Math.max(0, Math.min(last, axis.elapsed - 1));
      at = at === null && !event.shiftKey ? from : Math.max(0, Math.min(last, from + move));
      show();
    } else if (event.key === "Enter" && at !== null) zoom(anchor ?? at, at);
    else if (event.key === "Escape" && at !== null) clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Say a point's value in words: the value, whether estimated or how little was measured, and the one compared with. */
export function reading(one, axis, look, i, words) {
  const value = one.values[i];
  if (value === null) return isMissing(one, axis, i) ? words.missing : "–";
  const measured = measuredAt(one, i);
  const marks = isEstimated(one, i) ? ` (${words.estimated})` : measured < 0.995 && measured > 0 ? ` (${words.share(measured)})` : "";
  const earlier = one.before && one.before[i] !== null && one.before[i] !== undefined ? ` · ${words.before} ${amount(one.before[i], look.unit)}` : "";
  return `${amount(value, look.unit)}${marks}${earlier}`;
}

/** Name the point of an axis. */
export function pointName(look, axis, i) {
  return when(look.period, axis.starts[i]);
}
