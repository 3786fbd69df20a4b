// The wall screen: big, no controls, turning through the views. ?wall=1&every=20; any key or click ends it.

import { fit, unfit } from "./fitting.js";

const TURN = ["overview", "energy", "pv", "buildings", "carbon"];

let timer = null;
let shown = false;
let lock = null;
let waiting = false;

/** Fit what was drawn, once pictures have got their widths. */
export function settle() {
  if (!shown || waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (shown) fit();
  });
}

const sizes = new ResizeObserver(settle);

function leave(event) {
  if (event.type === "keydown" && ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  ending();
}

let ending = () => {};

/** Follow the state: begin, turn to the next view, or end. Return whether it began or ended just now. */
export function wall(state, { change }) {
  document.documentElement.classList.toggle("wall", state.wall);
  clearTimeout(timer);
  ending = () => change({ wall: false }, true);
  const changed = state.wall !== shown;
  if (changed) {
    const act = state.wall ? "addEventListener" : "removeEventListener";
    for (const name of ["keydown", "click"]) window[act](name, leave, true);
    awake(state.wall);
    shown = state.wall;
    for (const id of ["page", "content", "view"]) sizes[state.wall ? "observe" : "unobserve"](document.getElementById(id));
    if (!shown) unfit();
  }
  if (!state.wall) return changed;
  const next = TURN[(TURN.indexOf(state.view) + 1) % TURN.length];
  timer = setTimeout(() => change({ view: next, array: "", building: "" }, true), state.every * 1000);
  return changed;
}

/** Keep the screen from going dark, where the browser lets us. */
async function awake(yes) {
  try {
    if (yes) lock = await navigator.wakeLock?.request("screen");
    else await lock?.release();
  } catch {
    lock = null; // a screen that sleeps is no fault of the page
  }
}
