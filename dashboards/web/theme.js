// Light, dark, or as the system has it; and the colours the service names.

const CHOICES = ["auto", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");
let colours = {};
let choice = "auto";
const watchers = [];

try {
  choice = CHOICES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto";
} catch {
  choice = "auto"; // a browser may refuse storage
}

function apply() {
  document.documentElement.dataset.theme = choice;
  for (const watch of watchers) watch();
}

/** Go to the next of system, light, dark. */
export function turn() {
  choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
  try {
    localStorage.setItem("theme", choice);
  } catch {
    // the choice then lasts until the page is closed
  }
  apply();
}

/** Return the choice: auto, light or dark. */
export function chosen() {
  return choice;
}

/** Call `watch` now and whenever the look changes. */
export function onTheme(watch) {
  watchers.push(watch);
  watch();
}

/** Take the colours the service names: one colour per thing, in two tones. */
export function paint(named) {
  if (JSON.stringify(named) === JSON.stringify(colours)) return;
  colours = named;
  for (const [name, tone] of Object.entries(named)) {
    document.documentElement.style.setProperty(`--${name}`, `light-dark(${tone.light}, ${tone.dark})`);
  }
}

system.addEventListener("change", apply);
apply();
