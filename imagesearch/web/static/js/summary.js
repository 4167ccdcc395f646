import {remedy} from "./api.js";
import {el, find, percent, plural} from "./dom.js";
import * as searches from "./query.js";

/** What was found, in a line. `shown` counts the pictures that are in the grid so far. */
export function title(query, {total, word}, shown) {
  const count = total === null ? `${shown}+ pictures` : plural(total, "picture");
  if (word) return `${count} for “${word}”`;
  return searches.ranked(query) && shown ? `${count}, best first` : count;
}

/** Where the results end, and how to move that. `turn` goes to what a move makes of the search. */
export function cutoff(place, query, floor, turn) {
  const moves = [["Loosen", searches.looser], ["Tighten", searches.stricter]];
  place.replaceChildren(floor ? `nothing below ${percent(floor)}` : "however far off", ...moves
    .filter(([, move]) => move(query)).map(([name, move]) => button("link", name, () => turn(move))));
}

const invitation = [...find(".empty").childNodes].map((node) => node.cloneNode(true));

/** Instead of pictures: the invitation of an empty library. */
export function invite(place) {
  place.replaceChildren(...invitation.map((node) => node.cloneNode(true)));
  find(".add", place)?.addEventListener("click", () => find(".choose").click());
}

/** Instead of pictures: that nothing was near enough, and how to loosen that. */
export function nothing(place, query, floor, turn) {
  const ranked = searches.ranked(query);
  const cut = floor ? ` The cut-off for this search is ${percent(floor)}.` : "";
  say(place, ranked ? "Nothing is close enough" : "Nothing matches",
    ranked ? `No picture is near enough to what you asked for.${cut}` : "No picture has all of these together.",
    searches.looser(query) ? ["Loosen the cut-off", () => turn(searches.looser)]
      : ["Show all pictures", () => turn(searches.empty)]);
}

/** Instead of pictures: what went wrong, and what can be done about it. */
export function fault(place, error, turn) {
  const {action = "Show all pictures", act = () => turn(searches.empty)} = remedy(error);
  say(place, "That did not work", error.message, [action, act]);
}

function say(place, heading, text, [action, act]) {
  place.replaceChildren(el("h2", {}, heading), el("p", {}, text), button("strong", action, act));
}

const button = (kind, text, onclick) => el("button", {type: "button", class: kind, onclick}, text);
