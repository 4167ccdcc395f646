import {ask} from "./api.js";
import {el} from "./dom.js";

/** Who made a picture that was collected from the web, and on which terms; empty for all others. */
export function credit(image) {
  const lines = el("ul", {class: "credit"});
  ask(`${image.url}/origins`).then(({origins}) => lines.append(...origins.map(line)), () => {});
  return lines;
}

function line({url, title, author, licence, licence_url, page}) {
  return el("li", {}, link(page ?? url, title ?? new URL(url).host), author && ` by ${author}`, licence && ", ",
    licence && (licence_url ? link(licence_url, licence) : licence));
}

function link(href, text) {
  return el("a", {href, target: "_blank", rel: "noopener noreferrer"}, text);
}
