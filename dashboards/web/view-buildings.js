// See views.js. Everything shown is declared in dashboards/panels/; panels.js draws it.

import { drawPanels, loadPanels } from "./panels.js";

export const id = "buildings";
export const load = loadPanels("buildings");
export const draw = drawPanels;
