// See views.js. The panels are declared in dashboards/panels/ and drawn by panels.js; the faults found stand before them.

import { get } from "./asking.js";
import { drawFindings } from "./findings.js";
import { drawPanels, loadPanels } from "./panels.js";

const loadBoard = loadPanels("pv");

export const id = "pv";

export async function load(range, language, signal) {
  const asked = new URLSearchParams({ from: range.from, to: range.to, lang: language });
  if (range.array) asked.set("array", range.array);
  const [board, found] = await Promise.all([loadBoard(range, language, signal), get(`api/v1/findings?${asked}`, signal)]);
  return board && { ...board, found };
}

export function draw(data, context) {
  const panels = drawPanels(data, context);
  // Where nobody answered for the faults nothing is said of them: "none found" would be a claim.
  if (data.found) panels.splice(1, 0, drawFindings(data.found, context));
  return panels;
}
