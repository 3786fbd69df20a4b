// See views.js. Everything shown is declared in dashboards/panels/; panels.js draws it.

import { drawPanels, loadPanels } from "./panels.js";

export const id = "pv";
export const load = loadPanels("pv");
export const draw = drawPanels;
