import {ask, patch} from "./api.js";
import {captionField} from "./caption.js";
import {credit} from "./credit.js";
import {el, icon, percent, swatch} from "./dom.js";
import {bound} from "./match.js";
import {teaching} from "./teach.js";
import {complain} from "./toast.js";

const DATE = new Intl.DateTimeFormat("en-GB", {dateStyle: "long", timeStyle: "short"});

/** What is known of a picture, as the viewer's side shows it. */
export function details(image, actions) {
  return [
    captionField(image, actions.changed),
    el("p", {class: "source"}, source(image), image.caption_source === "user" && el("button", {
      type: "button", class: "link", onclick: () => rewrite(image, actions)}, "write one for me")),
    credit(image),
    el("div", {class: "doing"}, ...buttons(image, actions)),
    teaching(image, actions),
    image.characteristics.length ? part("What it shows", el("ul", {class: "bounds"},
      image.characteristics.map((found) => el("li", {}, bound(found),
        el("small", {}, found.source === "user" ? "yours" : "from the caption"))))) : null,
    image.colours.length ? part("Colours", palette(image.colours)) : null,
    part("File", facts(image)),
  ].filter(Boolean);
}

function source(image) {
  if (image.status === "pending") return "Being described…";
  if (image.caption_source === "user") return "Your words. ";
  return image.caption_model ? `Written by ${image.caption_model}; type to change it.` : "";
}

async function rewrite(image, {changed}) {
  try {
    changed(await patch(image, {caption: null}));
  } catch (error) {
    complain(error);
  }
}

function buttons(image, {like, remove}) {
  return [
    el("button", {type: "button", class: "plain", onclick: () => like(image)}, icon("like"), "More like this"),
    image.caption && el("button", {type: "button", class: "plain hear", onclick: () => hear(image)},
      icon("hear"), "Play the caption"),
    el("a", {class: "plain", href: image.file_url, download: image.filename}, icon("download"), "Download"),
    el("button", {type: "button", class: "plain", onclick: () => remove(image)}, icon("delete"), "Delete"),
  ];
}

let voice;

/** Plays the caption; a second click stops it. */
function hear(image) {
  const playing = voice && !voice.ended && !voice.paused;
  voice?.pause();
  if (playing && voice.dataset.id === image.id) return;
  voice = new Audio(`${image.audio_url}?of=${encodeURIComponent(image.updated_at)}`); // another caption, another file
  voice.dataset.id = image.id;
  voice.play().catch(() => ask(image.audio_url, {method: "HEAD"}).then(
    () => complain(new Error("This browser cannot play the caption.")), complain));
}

function part(title, ...content) {
  return el("section", {}, el("h2", {}, title), ...content);
}

function palette(colours) {
  const bar = el("div", {class: "palette", "aria-hidden": "true"}, colours.map(({hex, share}) => {
    const band = el("span");
    band.style.backgroundColor = hex;
    band.style.flexGrow = 100 * share; // a sum below 1 would not fill the bar
    return band;
  }));
  return el("div", {}, bar, el("ul", {class: "legend"}, colours.map(({name, hex, share}) =>
    el("li", {}, swatch(hex), `${name} ${percent(share)}`))));
}

function facts(image) {
  const rows = {
    Name: image.filename, Size: `${image.width} × ${image.height}, ${size(image.bytes)}`, Format: image.format,
    Added: DATE.format(new Date(image.created_at)),
  };
  return el("dl", {}, Object.entries(rows).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
