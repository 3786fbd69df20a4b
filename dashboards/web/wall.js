// The wall screen: big, no controls, turning through the views. ?wall=1&every=20; any key or click ends it.

const TURN = ["overview", "energy", "pv", "buildings", "carbon"];

let timer = null;
let shown = false;
let lock = null;

function leave(event) {
  if (event.type === "keydown" && ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  ending();
}

let ending = () => {};

/** Follow the state: begin, turn to the next view, or end. */
export function wall(state, { change }) {
  document.documentElement.classList.toggle("wall", state.wall);
  clearTimeout(timer);
  ending = () => change({ wall: false }, true);
  if (state.wall !== shown) {
    const act = state.wall ? "addEventListener" : "removeEventListener";
    for (const name of ["keydown", "click"]) window[act](name, leave, true);
    awake(state.wall);
    shown = state.wall;
  }
  if (!state.wall) return;
  const next = TURN[(TURN.indexOf(state.view) + 1) % TURN.length];
  timer = setTimeout(() => change({ view: next, array: "", building: "" }, true), state.every * 1000);
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
