/**
 * A new element. Names with a dash and `class`, `role`, `for`, `href` are attributes, `onX` listens, the rest are
 * properties. Children that are strings become text, whatever they hold: a caption can never be markup.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.includes("-") || ATTRIBUTES.has(name)) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const ATTRIBUTES = new Set(["class", "role", "for", "href", "list"]);
const SVG = "http://www.w3.org/2000/svg";

/** One of the line icons of icons.html. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// Nearer to how the words are used of things in photos than CSS's own brown, green and so on.
const TONES = {
  red: "#d23b30", orange: "#ef8d22", yellow: "#f1cf3b", green: "#3f9142", turquoise: "#2fb5ac", blue: "#3572c6",
  purple: "#7e4aa6", pink: "#ee8fb2", brown: "#8a5a34", tan: "#c8a878", beige: "#eee0c4", grey: "#8d8d8d",
  gray: "#8d8d8d",
};

/** A dot of a colour, by name or #hex; the browser ignores what is not a colour. */
export function swatch(colour) {
  const dot = el("span", {class: "swatch", "aria-hidden": "true"});
  dot.style.backgroundColor = TONES[colour.split(" ").at(-1)] ?? colour;
  return dot;
}

export const find = (selector, root = document) => root.querySelector(selector);

/** Said by a screen reader, seen by no one. */
export function announce(text) {
  find(".news").textContent = text;
}

export const percent = (share) => `${Math.round(100 * share)} %`;

export function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
