import {Problem} from "./api.js";
import {captionField} from "./caption.js";
import {announce, el, find, plural} from "./dom.js";
import {complain} from "./toast.js";

const AT_ONCE = 2; // files on their way; the service describes one on each of two cores

/** Files on their way to the service, each with its progress and what became of it. */
export class Uploads {
  /** @param stored called with an image that is new; @param changed with one whose caption was edited */
  constructor(tray, {stored, changed}) {
    Object.assign(this, {tray, stored, changed, queue: [], active: 0, all: 0, ended: none()});
    this.list = find("ol", tray);
    this.title = find("h2", tray);
    find(".shut", tray).addEventListener("click", () => this.shut());
    addEventListener("beforeunload", (event) => { if (this.busy) event.preventDefault(); });
  }

  get busy() {
    return this.active + this.queue.length > 0;
  }

  get done() {
    return Object.values(this.ended).reduce((sum, count) => sum + count);
  }

  add(files) {
    if (!files.length) return;
    this.tray.hidden = false;
    for (const file of files) this.queue.push({file, ...row(file)});
    this.list.prepend(...this.queue.slice(-files.length).map((entry) => entry.node));
    this.all += files.length;
    this.next();
  }

  shut() {
    this.tray.hidden = true;
    if (!this.busy) { this.list.replaceChildren(); this.all = 0; this.ended = none(); }
  }

  next() {
    while (this.active < AT_ONCE && this.queue.length) this.start(this.queue.shift());
    this.title.textContent = this.busy ? `Adding ${Math.min(this.all, this.done + 1)} of ${this.all}`
      : tally(this.ended);
  }

  async start(entry) {
    this.active++;
    let end = "refused";
    try {
      const {status, image} = await send(entry.file, (share) => { entry.progress(share); });
      end = status === 200 ? "already there" : "stored";
      this.outcome(entry, status === 202 ? "stored, being described" : end, image);
      if (status !== 200) this.stored(image);
    } catch (error) {
      entry.say(`Refused: ${error.message}`, "bad");
      if (error.status === 401) complain(error);
      announce(`${entry.file.name} was refused: ${error.message}`);
    }
    this.active--;
    this.ended[end]++;
    this.next();
  }

  outcome(entry, text, image) {
    entry.say(text, text === "already there" ? "known" : "good");
    entry.body.append(captionField(image, this.changed));
    announce(`${entry.file.name}: ${text}. ${image.caption ?? ""}`);
  }
}

/** How many files came to which end. */
const none = () => ({stored: 0, "already there": 0, refused: 0});

/** "3 files stored, 1 refused" */
function tally(ended) {
  const given = Object.entries(ended).filter(([, count]) => count);
  return given.map(([end, count], index) => `${index ? count : plural(count, "file")} ${end}`).join(", ");
}

/** A file's line in the tray. */
function row(file) {
  const bar = el("progress", {max: 1, value: 0, "aria-label": `Sending ${file.name}`});
  const state = el("p", {class: "state"}, "waiting");
  const preview = el("img", {alt: "", width: 48, height: 48});
  const body = el("div", {class: "body"}, el("p", {class: "name"}, file.name || "pasted picture"), bar, state);
  const url = URL.createObjectURL(file);
  preview.addEventListener("load", () => URL.revokeObjectURL(url));
  preview.addEventListener("error", () => { URL.revokeObjectURL(url); preview.className = "blank"; });
  preview.src = url;
  return {
    body, node: el("li", {}, preview, body),
    progress(share) {
      if (share < 1) { bar.value = share; state.textContent = "sending"; return; }
      bar.removeAttribute("value");
      state.textContent = "being looked at";
    },
    say(text, kind) {
      bar.remove();
      state.textContent = text;
      state.className = `state ${kind}`;
    },
  };
}

/** Sends one file. fetch tells nothing of the bytes on their way, XMLHttpRequest does. */
function send(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("image", file, file.name || "pasted.png");
    request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.upload.onload = () => progress(1);
    request.onerror = () => reject(new Problem({status: 0, detail: "the service does not answer"}));
    request.onload = () => {
      if (request.status < 300) resolve({status: request.status, image: request.response});
      else reject(new Problem({status: request.status, title: request.statusText, ...request.response}));
    };
    request.responseType = "json";
    request.open("POST", "upload");
    request.setRequestHeader("Accept", "application/json");
    request.send(form);
  });
}
