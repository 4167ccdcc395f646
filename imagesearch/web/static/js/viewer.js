import {writing} from "./box.js";
import {details} from "./details.js";
import {find} from "./dom.js";
import {caption} from "./tile.js";
import {Zoom} from "./zoom.js";

const SHOWN = new Set(["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"]); // formats that browsers show themselves

const MAGNIFIED = 4; // times; a thumbnail-sized picture on a large screen is shown no larger than that

/** One picture, large, with what is known of it. The page decides what comes before and after. */
export class Viewer {
  /** @param step called with -1 or 1; @param closed when the dialog is gone; the rest goes to the details */
  constructor(dialog, {step, closed, ...actions}) {
    Object.assign(this, {dialog, step, actions, photo: find(".frame img", dialog), pane: find(".details", dialog)});
    const button = find("button.zoom", dialog);
    this.zoom = new Zoom(find(".frame", dialog), {swiped: step, changed: (zoomed) => {
      button.setAttribute("aria-pressed", zoomed);
      if (zoomed) this.sharpen();
    }});
    button.addEventListener("click", () => this.zoom.step());
    find(".close", dialog).addEventListener("click", () => dialog.close());
    find(".previous", dialog).addEventListener("click", () => step(-1));
    find(".next", dialog).addEventListener("click", () => step(1));
    dialog.addEventListener("close", () => { document.body.append(find(".toasts")); closed(); });
    dialog.addEventListener("keydown", (event) => this.key(event));
  }

  get open() { return this.dialog.open; }
  get id() { return this.open ? this.image.id : null; }

  /** @param around whether there is a picture before, and one after */
  show(image, {before, after}) {
    const same = this.open && this.image?.id === image.id;
    this.image = image;
    this.ends(before, after);
    if (!same) this.picture(image);
    this.pane.replaceChildren(...details(image, {...this.actions, shown: (fresh) => this.id === fresh.id}));
    if (!same) this.pane.scrollTop = 0;
    if (!this.open) {
      this.dialog.showModal();
      this.dialog.append(find(".toasts"));
      find(".close", this.dialog).focus();
    }
  }

  close() {
    if (this.open) this.dialog.close();
  }

  ends(before, after) {
    find(".previous", this.dialog).disabled = !before;
    find(".next", this.dialog).disabled = !after;
  }

  /** At once with the grid's own thumbnail, which is there already, then as sharp as the screen can show it. */
  picture(image) {
    this.zoom.place(1, 0, 0);
    this.sharp = false;
    Object.assign(this.photo, {
      alt: caption(image), width: image.width, height: image.height, src: `${image.thumbnail_url}?size=320`,
    });
    this.photo.style.maxWidth = `min(100%, ${MAGNIFIED * image.width}px)`;
    this.photo.style.maxHeight = `min(100%, ${MAGNIFIED * image.height}px)`;
    this.dialog.setAttribute("aria-label", `Picture: ${image.caption ?? image.filename}`);
    this.replace(`${image.thumbnail_url}?size=${this.longest(image) > 640 ? 1024 : 640}`);
  }

  /** Pixels of the screen along the picture's longer side when all of it is shown. */
  longest({width, height}) {
    const scale = Math.min(innerWidth / width, innerHeight / height, MAGNIFIED);
    return devicePixelRatio * scale * Math.max(width, height);
  }

  /** The original in place of the thumbnail, once someone looks closer. */
  sharpen() {
    if (this.sharp || !SHOWN.has(this.image.format)) return;
    this.sharp = true;
    this.replace(this.image.file_url);
  }

  /** Another file of the same picture, without a blank in between; what cannot be shown changes nothing. */
  async replace(url) {
    const {image} = this;
    const next = new Image();
    next.src = url;
    const shown = await next.decode().then(() => true, () => false);
    if (shown && this.image === image && (!this.sharp || url === image.file_url)) this.photo.src = url;
  }

  key(event) {
    if (writing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), z: () => this.zoom.step(),
      "+": () => this.zoom.to(this.zoom.scale * 1.5), "-": () => this.zoom.to(this.zoom.scale / 1.5),
      Delete: () => this.actions.remove(this.image), l: () => this.actions.like(this.image),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  }
}
