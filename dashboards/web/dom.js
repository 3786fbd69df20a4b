// Building blocks of the page. Data only ever become text nodes or attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(2)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** Make an HTML element. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

let pictures = 0;

/** Make a picture with its own hatch patterns; `label` is what a screen reader says. */
export function picture(width, height, label, ...children) {
  const hatch = `hatch-${(pictures += 1)}`;
  const svg = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label, class: "picture" },
    s("defs", {}, s("pattern", { id: hatch, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("rect", { width: 5, height: 5, class: "hatch-ground" }), s("rect", { width: 1.6, height: 5, class: "hatch-line" }))),
    ...children.map((child) => (typeof child === "function" ? child(`url(#${hatch})`) : child)).flat(),
  );
  return svg;
}

const SHAPES = {
  green: () => [s("circle", { cx: 8, cy: 8, r: 6.5 }), s("path", { d: "M4.8 8.2l2.2 2.2 4.2-4.6", class: "cut" })],
  yellow: () => [s("path", { d: "M8 1.4 15 14H1z" }), s("path", { d: "M8 5.8v4M8 11.6v.6", class: "cut" })],
  red: () => [s("path", { d: "M8 .8 15.2 8 8 15.2.8 8z" }), s("path", { d: "M8 4.4v4.4M8 10.8v.7", class: "cut" })],
  info: () => [s("circle", { cx: 8, cy: 8, r: 6.5 }), s("path", { d: "M8 7.2v4M8 4.6v.5", class: "cut" })],
  unknown: () => [s("circle", { cx: 8, cy: 8, r: 6, class: "ring" })],
};

/** Draw a tier's shape; the word stands beside it. */
export function shape(tier) {
  return s("svg", { viewBox: "0 0 16 16", class: `shape ${tier}`, "aria-hidden": "true" }, ...(SHAPES[tier] || SHAPES.unknown)());
}

/** Write a tier as shape, word and colour. */
export function chip(tier, word) {
  return tier ? h("span", { class: `chip ${tier}` }, shape(tier), word) : null;
}

/** Head of a section: title, note, and whatever stands on the right. */
export function heading(title, note, ...right) {
  return h("header", { class: "head" }, h("h2", {}, title), note ? h("p", { class: "note" }, note) : null,
    right.length ? h("div", { class: "right" }, ...right) : null);
}

/** One entry of a legend. */
export function key(colour, name, kind = "block") {
  return h("span", { class: "key" }, h("i", { class: `swatch ${kind}`, style: { "--c": `var(--${colour})` }, "aria-hidden": "true" }), name);
}

/** Keep a drawing as wide as its box: draw now, and again when the box changes its width. */
export function fluid(draw, name = "") {
  const box = h("div", { class: `fluid ${name}` });
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width < 40 || width === drawn) return;
    drawn = width;
    box.replaceChildren(draw(width));
  }).observe(box);
  return box;
}

/** Size of the root font in pixels: drawings grow with the text on a wall screen. */
export function rem() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/** Begin a phrase as a sentence begins. */
export const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
