import {ask, learns, patch, post} from "./api.js";
import {announce, el, icon, percent, plural} from "./dom.js";
import {complain} from "./toast.js";

const SUGGESTED = 8; // likely tags offered at once

let last = null; // the last lesson: its image's id, and the service's answer

/** A picture's tags, each accepted or rejected by a click; one typed is added; and what the last lesson changed. */
export function teaching(image, actions) {
  const act = (lesson) => teach(image, lesson, actions).catch(complain);
  const suggestions = el("div", {class: "suggested"});
  suggest(image, suggestions, act, actions.shown);
  return el("section", {class: "teach"}, el("h2", {}, "Tags"),
    image.tags.length ? el("ul", {class: "tags", "aria-label": "Tags"}, surest(image.tags).map((tag) => chip(tag, act)))
      : null,
    suggestions, adding(act), last?.id === image.id ? learnt(last.answer, actions) : null);
}

/** A person's tags, then the models', the surest first. */
const surest = (tags) => tags.toSorted((one, other) => (other.confidence ?? 1) - (one.confidence ?? 1));

/** A person's tag can be taken off; a model's can be accepted, too. */
function chip({name, source, confidence}, act) {
  const guess = source === "model";
  return el("li", {class: source}, name, confidence === null ? null : el("small", {}, percent(confidence)),
    guess && learns() ? button(`Yes, ${name}`, "yes", () => act({add: [name]})) : null,
    button(guess ? `No, not ${name}` : `Take off the tag ${name}`, "close", () => act({remove: [name]})));
}

function button(label, sign, onclick) {
  return el("button", {type: "button", "aria-label": label, title: label, onclick}, icon(sign));
}

function adding(act) {
  const field = el("input", {type: "text", maxLength: 100, "aria-label": "Add a tag", placeholder: "Add a tag"});
  return el("form", {class: "add-tag", onsubmit: (event) => {
    event.preventDefault();
    if (field.value.trim()) act({add: [field.value.trim()]});
  }}, field);
}

/** What the taggers would say now. */
async function suggest(image, place, act, shown) {
  if (!learns() || image.status !== "ready") return;
  const {tags} = await ask(`${image.url}/tags/suggested`).catch(() => ({tags: []}));
  const known = new Set(image.tags.map((tag) => tag.name));
  const found = tags.filter((tag) => !known.has(tag.name)).slice(0, SUGGESTED);
  if (!found.length || !shown(image)) return;
  place.append(el("p", {class: "source"}, "Would you say so?"), el("ul", {class: "tags", "aria-label": "Suggested tags"},
    found.map((tag) => chip({...tag, source: "model"}, act))));
}

/** Teaches where the service learns, else changes the tags of this picture alone. */
async function teach(image, lesson, {changed, taught}) {
  if (!learns()) {
    const kept = image.tags.filter((tag) => !lesson.remove?.includes(tag.name));
    changed(await patch(image, {tags: [...kept, ...(lesson.add ?? [])]}));
    return;
  }
  const answer = await post(`${image.url}/feedback`, lesson);
  last = {id: image.id, answer};
  announce(`Learnt. ${effect(answer)}`);
  taught();
  changed(answer.image);
}

/** What a lesson changed, with undo. */
function learnt(answer, actions) {
  const [{tag}] = answer.lessons;
  const reached = answer.changes.some((change) => change.gained);
  return el("div", {class: "lesson"}, el("p", {}, effect(answer)), el("p", {},
    el("button", {type: "button", class: "link", onclick: () => undo(answer, actions).catch(complain)}, "Undo"),
    reached ? el("button", {type: "button", class: "link", onclick: () => actions.tagged(tag)}, "Show them") : null));
}

function effect({lessons, changes}) {
  const said = changes.filter((change) => change.gained || change.lost).map(({tag, gained, lost}) => [
    gained && `${plural(gained, "other picture")} gained “${tag}”`, lost && `${plural(lost, "other picture")} lost “${tag}”`,
  ].filter(Boolean).join(", "));
  const [{tag, correct}] = lessons;
  return `${correct ? "Learnt" : "Unlearnt"} “${tag}”: ${said.join("; ") || "no other picture changed"}.`;
}

async function undo({lessons}, {changed, taught}) {
  last = null;
  let answer;
  for (const lesson of lessons.toReversed()) answer = await ask(`lessons/${lesson.id}`, {method: "DELETE"});
  announce("Forgotten again.");
  taught();
  if (answer.image) changed(answer.image);
}
