// See views.js. Everything shown is declared in dashboards/panels/; panels.js draws it.

import { drawPanels, loadPanels } from "./panels.js";

export const id = "energy";
export const load = loadPanels("park-overview");
export const draw = drawPanels;
