import {el, swatch} from "./dom.js";
import {FILTERS} from "./query.js";

const EACH = 6; // values offered of a kind
const LOOKED_AT = 300; // results that are counted

/** Values of each kind that pictures of the results have, the most frequent first. */
function offered(hits, kind) {
  const counts = new Map();
  for (const {image} of hits.slice(0, LOOKED_AT)) {
    for (const value of new Set(values(image, kind))) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const useful = [...counts].filter(([, count]) => count > 1 || hits.length < 12);
  return useful.sort((one, other) => other[1] - one[1]).slice(0, EACH).map(([value]) => value);
}

function values(image, kind) {
  switch (kind) {
    case "tag": return image.tags.map((tag) => tag.name);
    case "subject": return image.characteristics.map((found) => found.subject);
    case "colour": return image.characteristics.flatMap((found) => found.subject_colours);
    default: return image.characteristics.flatMap((found) => found.subject_actions);
  }
}

/** Fills the row of filters: those in force first, then what would narrow the results. */
export function draw(row, query, hits, toggle) {
  const focused = document.activeElement?.closest?.(".chip")?.dataset.chip;
  const groups = FILTERS.map((kind) => {
    const active = query[kind];
    const more = offered(hits, kind).filter((value) => !active.includes(value));
    const chips = [...active, ...more].map((value) => chip(kind, value, active.includes(value), toggle));
    return chips.length ? el("div", {class: "chip-group", role: "group", "aria-label": kind},
      el("span", {class: "kind", "aria-hidden": "true"}, kind), ...chips) : null;
  }).filter(Boolean);
  row.replaceChildren(...groups);
  if (focused) row.querySelector(`[data-chip="${CSS.escape(focused)}"]`)?.focus({preventScroll: true});
}

function chip(kind, value, pressed, toggle) {
  return el("button", {type: "button", class: "chip", "aria-pressed": String(pressed), "data-chip": `${kind} ${value}`,
    onclick: () => toggle(kind, value)}, kind === "colour" ? swatch(value) : null, value);
}
