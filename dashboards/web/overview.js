// The first screen: verdict, numbers, power now, today, what needs a person. Redraws only what changed.

import { get } from "./asking.js";
import { corrections } from "./corrections.js";
import { today } from "./curve.js";
import { power } from "./flow.js";
import { coverage, events, month } from "./ledger.js";
import { arrays, buildings } from "./multiples.js";
import { alerts, numbers, verdict } from "./summary.js";

const SECTIONS = { verdict, numbers, power, today, alerts, arrays, buildings, month, coverage, events, corrections };
const shown = new Map();

/** Ask for all of it. */
export function loadOverview(language, signal) {
  const all = new URLSearchParams(location.search).get("all") === "1" ? "&all=true" : "";
  return get(`api/v1/overview?lang=${language}${all}`, signal);
}

/** Whether somebody reads or points at a plot in there: it is drawn anew when they have done. Nobody does on a wall. */
function inUse(place) {
  const plot = place.querySelector(".plot");
  return Boolean(plot) && !document.documentElement.classList.contains("wall") && (plot.matches(":hover") || place.contains(document.activeElement));
}

/** Draw what is new. */
export function drawOverview(view) {
  for (const [id, draw] of Object.entries(SECTIONS)) {
    const given = JSON.stringify(view[id]);
    if (shown.get(id) === given) continue;
    const place = document.getElementById(id);
    if (shown.has(id) && inUse(place)) continue;
    const opened = place.querySelector("details")?.open;
    place.replaceChildren(...draw(view[id], view.meta.now_text));
    if (opened) place.querySelector("details").open = true;
    shown.set(id, given);
  }
}

/** Draw every section anew at the next turn. */
export function forget() {
  shown.clear();
}
