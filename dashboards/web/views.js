// The views of the page, and what a view is.
//
// A view is an ES module `view-NAME.js`, fetched when it is first shown:
//
//   export const id = "alerts";
//   export async function load(range, language, signal) {}   what draw() needs, or null where the service did not answer well
//   export function draw(data, context) {}                   an array of nodes, each usually a <section class="panel">
//   export const ranged = false;                             (may be left out: true) whether the range bar belongs to it
//
//   range    { from, to } local days of the park, "2026-10-01", both included; `preset` ("month", ...) or ""; `compare`
//            ("", "week", "month", "year"); `array` and `building`, ids or ""; `all`, whether every entity is wanted
//   context  { range, language, meta, reload(), go(view, parameters), address(view, parameters), knows(view) }; `meta` is what /api/v1/meta answers (park, zone, now,
//            colours); go("pv", { array: "roof-1", from: "2026-10-01", to: "2026-10-31" }) changes the address and shows it
//            (a view of null stays where it is); address() is the same as a link's href, which the shell follows by itself
//
// `load` asks through get() of asking.js. The shell draws the view's heading, shows the range bar, keeps the old drawing until
// the new data are there, asks again when the service says that something changed (never while a form of the view is in use),
// and says so when the service does not answer. A view's words are its own: { zh: ..., en: ... }[context.language].

const MODULES = {
  energy: () => import("./view-energy.js"),
  why: () => import("./view-why.js"),
  pv: () => import("./view-pv.js"),
  buildings: () => import("./view-buildings.js"),
  carbon: () => import("./view-carbon.js"),
  alerts: () => import("./view-alerts.js"),
  data: () => import("./view-data.js"),
  reports: () => import("./view-reports.js"),
  corrections: () => import("./view-corrections.js"),
};

/** Every view in the order of the navigation; the overview stands in the page itself. */
export const VIEWS = ["overview", ...Object.keys(MODULES)];

/** Fetch a view's module. */
export function moduleOf(view) {
  return MODULES[view]();
}
