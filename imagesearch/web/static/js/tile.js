import {el, icon} from "./dom.js";
import {marked, why} from "./match.js";

/** Addresses and true widths of a picture's thumbnails, as an <img> takes them. */
export function srcset(image, sizes) {
  const across = Math.min(1, image.width / image.height);
  return sizes.map((size) => `${image.thumbnail_url}?size=${size} ${Math.max(1, Math.round(size * across))}w`).join(", ");
}

/** What it shows, or why that is not said. */
export function caption(image) {
  return image.caption ?? (image.status === "failed" ? "could not be described" : "not described yet");
}

/** A picture of the grid, as tile.html sends the first ones; scored ones say why they were found. */
export function tile({image, score, matched}, position, total) {
  const across = Math.max(1, image.width / image.height); // the cell is square, and filled
  const words = caption(image);
  const photo = el("img", {
    alt: words, width: image.width, height: image.height, decoding: "async",
    sizes: `(max-width: 600px) ${Math.round(50 * across)}vw, ${Math.round(240 * across)}px`,
    srcset: srcset(image, [320, 640]), src: `${image.thumbnail_url}?size=320`,
  });
  const open = el("a", {class: "open", href: `?image=${encodeURIComponent(image.id)}`}, photo);
  if (image.colours.length) open.style.backgroundColor = image.colours[0].hex;
  return el("li", {class: "tile", "data-id": image.id, "aria-posinset": position + 1, "aria-setsize": total},
    open,
    el("button", {type: "button", class: "plain more-like", title: "More like this",
      "aria-label": `More like this: ${words}`}, icon("like")),
    el("p", {class: "caption"}, marked(words, matched?.words ?? [])),
    score !== undefined && el("p", {class: "why"}, why({image, score, matched})));
}

/** Stops a picture that is no longer shown from loading on: a browser has six connections, and searches need one. */
export function discard(node) {
  const photo = node.querySelector("img");
  photo?.removeAttribute("srcset");
  photo?.removeAttribute("src");
  node.remove();
}
