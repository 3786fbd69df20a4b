// See views.js. The panels are declared in dashboards/panels/ and drawn by panels.js; the faults found stand before them.

import { get } from "./asking.js";
import { drawFindings } from "./findings.js";
import { drawPanels, loadPanels } from "./panels.js";
import { drawStanding } from "./standing.js";

const loadBoard = loadPanels("pv");

export const id = "pv";

export async function load(range, language, signal) {
  const days = new URLSearchParams({ from: range.from, to: range.to, lang: language });
  if (range.array) days.set("array", range.array);
  const all = range.all ? "&all=1" : "";
  const [board, found, standing] = await Promise.all([loadBoard(range, language, signal), get(`api/v1/findings?${days}`, signal), get(`api/v1/expectation?${days}${all}`, signal)]);
  return board && { ...board, found, standing };
}

export function draw(data, context) {
  const panels = drawPanels(data, context);
  // Where nobody answered for the faults nothing is said of them: "none found" would be a claim.
  if (data.found) panels.splice(1, 0, drawFindings(data.found, context));
  // After the curves of what is expected: what that stands on.
  if (data.standing?.arrays.length) panels.splice(data.found ? 4 : 3, 0, drawStanding(data.standing, context));
  return panels;
}
