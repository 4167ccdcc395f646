import {remedy} from "./api.js";
import {el, find, percent, plural} from "./dom.js";
import * as searches from "./query.js";

/** What was found, in a line. `shown` counts the pictures that are in the grid so far. */
export function title(query, {total, word}, shown) {
  const count = total === null ? `${shown}+ pictures` : plural(total, "picture");
  if (word) return `${count} for “${word}”`;
  return searches.ranked(query) && shown ? `${count}, best first` : count;
}

/** Where the results end, and how to move that. */
export function cutoff(place, query, floor, go) {
  const moves = [["Loosen", searches.looser(query)], ["Tighten", searches.stricter(query)]];
  place.replaceChildren(floor ? `nothing below ${percent(floor)}` : "however far off", ...moves
    .filter(([, next]) => next).map(([name, next]) => button("link", name, () => go(next))));
}

const invitation = [...find(".empty").childNodes].map((node) => node.cloneNode(true));

/** Instead of pictures: the invitation of an empty library. */
export function invite(place) {
  place.replaceChildren(...invitation.map((node) => node.cloneNode(true)));
  find(".add", place)?.addEventListener("click", () => find(".choose").click());
}

/** Instead of pictures: that nothing was near enough, and how to loosen that. */
export function nothing(place, query, floor, go) {
  const loose = searches.looser(query);
  const ranked = searches.ranked(query);
  const cut = floor ? ` The cut-off for this search is ${percent(floor)}.` : "";
  say(place, ranked ? "Nothing is close enough" : "Nothing matches",
    ranked ? `No picture is near enough to what you asked for.${cut}` : "No picture has all of these together.",
    loose ? ["Loosen the cut-off", () => go(loose)] : ["Show all pictures", () => go(searches.empty())]);
}

/** Instead of pictures: what went wrong, and what can be done about it. */
export function fault(place, error, go) {
  const {action = "Show all pictures", act = () => go(searches.empty())} = remedy(error);
  say(place, "That did not work", error.message, [action, act]);
}

function say(place, heading, text, [action, act]) {
  place.replaceChildren(el("h2", {}, heading), el("p", {}, text), button("strong", action, act));
}

const button = (kind, text, onclick) => el("button", {type: "button", class: kind, onclick}, text);
