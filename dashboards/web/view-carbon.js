// See views.js. Everything shown is declared in dashboards/panels/; panels.js draws it.

import { drawPanels, loadPanels } from "./panels.js";

export const id = "carbon";
export const load = loadPanels("carbon");
export const draw = drawPanels;
