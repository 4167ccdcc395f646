import {el, icon} from "./dom.js";

/**
 * The picture that is searched by, above the results.
 * @param load gives the stored image; @param file is the one that was lent; @param back leads to a search by words
 */
export async function show(place, name, {load, file, back}) {
  place.hidden = !name;
  if (!name || place.dataset.name === name) return;
  place.dataset.name = name;
  const photo = el("img", {alt: "", width: 56, height: 56});
  const words = el("p", {}, "Pictures like this one");
  place.replaceChildren(photo, words, el("button", {type: "button", class: "plain",
    "aria-label": "Search by words again", onclick: back}, icon("close")));
  if (file) {
    photo.src = URL.createObjectURL(file);
    return;
  }
  const image = await load().catch(() => null); // what is wrong with it is said where the results would be
  if (image) photo.src = `${image.thumbnail_url}?size=320`;
  if (image?.caption) words.textContent = `Like “${image.caption}”`;
}
