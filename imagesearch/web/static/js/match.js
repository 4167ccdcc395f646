import {el, percent, swatch} from "./dom.js";

const LOOKS_LIKE = 0.5; // of a calibrated probability: from here on the picture itself speaks for the match
const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu;
const ACCENT = /[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]/gu; // not what tells ガ from カ
const ENDINGS = /(?:'s|ings?|edly|ed|ies|es|s|y|e)$/u;
const IRREGULAR = new Map(Object.entries({
  ran: "run", sat: "sit", stood: "stand", held: "hold", rode: "ride", threw: "throw", caught: "catch", swam: "swim",
  ate: "eat", drove: "drive", flew: "fly", wore: "wear", fell: "fall", men: "man", women: "woman",
  children: "child", people: "person", feet: "foot", gray: "grey",
}));

/** A word without its ending, near enough to the service's stemmer to mark the same words. */
function stem(word) {
  const plain = word.toLowerCase().normalize("NFKD").replace(ACCENT, "").normalize("NFC");
  const root = (IRREGULAR.get(plain) ?? plain).replace(ENDINGS, "");
  const single = root.replace(/([b-df-hj-np-tv-z])\1$/u, "$1"); // running → run
  return single.length < 2 ? plain : single;
}

/** A text as nodes, its words that hit in <mark>. */
export function marked(text, words) {
  const wanted = new Set(words.map(stem));
  const nodes = [];
  let end = 0;
  for (const {0: word, index} of wanted.size ? text.matchAll(WORD) : []) {
    if (!wanted.has(stem(word))) continue;
    nodes.push(text.slice(end, index), el("mark", {}, word));
    end = index + word.length;
  }
  return [...nodes, text.slice(end)].filter((node) => node !== "");
}

/** Why a picture was found, in a line: its score, then what spoke for it. */
export function why({image, score, matched}) {
  const {parts = {}, words = [], tags = [], characteristics = []} = matched ?? {};
  const said = words.filter((word) => !marked(image.caption ?? "", [word]).some((node) => node.nodeType));
  const tagged = tags.filter((tag) => !(image.caption ?? "").toLowerCase().includes(tag.toLowerCase()));
  return [
    el("span", {class: "score", title: `Score ${score.toFixed(2)} of 1`}, percent(score)),
    ...characteristics.map(bound),
    ...tagged.map((tag) => el("span", {}, `tag ${tag}`)),
    said.length && !tagged.length && el("span", {}, `says ${said.join(", ")}`),
    parts.visual >= LOOKS_LIKE && el("span", {}, "looks like it"),
    parts.similar !== undefined && el("span", {}, "looks alike"),
  ].filter(Boolean);
}

/** A subject with its colours and actions: `● black dog, run`. */
export function bound({subject, subject_colours: colours, subject_actions: actions}) {
  return el("span", {class: "bound"}, ...colours.map(swatch),
    [[...colours, subject].join(" "), ...actions].join(", "));
}
