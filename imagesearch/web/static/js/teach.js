import {ask, learns, patch, post} from "./api.js";
import {el, icon, percent, plural} from "./dom.js";
import {complain, toast} from "./toast.js";

/** A picture's tags: each can be taken off, one typed is added, and where the service learns, what it would say. */
export function teaching(image, {changed, shown}) {
  const list = el("ul", {class: "tags", "aria-label": "Tags"}, image.tags.map((tag) => el("li", {class: tag.source},
    tag.name, tag.confidence === null ? null : el("small", {}, percent(tag.confidence)),
    el("button", {type: "button", "aria-label": `Take off the tag ${tag.name}`, onclick: () => act({remove: [tag.name]})},
      icon("close")))));
  const field = el("input", {type: "text", maxLength: 100, "aria-label": "Add a tag", placeholder: "Add a tag"});
  const form = el("form", {class: "add-tag", onsubmit: (event) => {
    event.preventDefault();
    if (field.value.trim()) act({add: [field.value.trim()]});
  }}, field);
  const suggestions = el("div", {class: "suggested"});
  const act = (lesson) => teach(image, lesson, changed).catch(complain);
  suggest(image, suggestions, act, shown);
  return el("section", {class: "teach"}, el("h2", {}, "Tags"), list, suggestions, form);
}

/** What the taggers would say now, each to accept or reject by one click. */
async function suggest(image, place, act, shown) {
  if (!learns()) return;
  const answer = await ask(`${image.url}/tags/suggested`).catch(() => null);
  const known = new Set(image.tags.map((tag) => tag.name));
  const found = (answer?.tags ?? []).filter((tag) => !known.has(tag.name)).slice(0, 8);
  if (!found.length || !shown(image)) return;
  place.append(el("p", {class: "source"}, "Would you say so?"), el("ul", {class: "tags"}, found.map((tag) =>
    el("li", {class: "model"}, tag.name, el("small", {}, percent(tag.confidence)),
      el("button", {type: "button", "aria-label": `Yes, ${tag.name}`, onclick: () => act({add: [tag.name]})}, icon("yes")),
      el("button", {type: "button", "aria-label": `No, not ${tag.name}`, onclick: () => act({remove: [tag.name]})},
        icon("close"))))));
}

/** Teaches where the service learns, else changes the tags of this picture alone. */
async function teach(image, lesson, changed) {
  if (!learns()) {
    const kept = image.tags.filter((tag) => !lesson.remove?.includes(tag.name));
    changed(await patch(image, {tags: [...kept, ...(lesson.add ?? [])]}));
    return;
  }
  const learnt = await post(`${image.url}/feedback`, lesson);
  changed(await ask(image.url));
  const reached = learnt.changed ?? 0;
  toast(`Learnt. ${reached ? `${plural(reached, "other picture")} changed.` : "No other picture changed."}`, {
    action: "Undo", act: () => undo(learnt, image, changed).catch(complain), seconds: 12});
}

async function undo(learnt, image, changed) {
  await ask(learnt.undo_url, {method: "DELETE"});
  changed(await ask(image.url));
  toast("Forgotten again.");
}
