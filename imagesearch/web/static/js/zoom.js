const STEPS = [1, 2, 4];
const SWIPE = 60; // pixels sideways that are no accident

/** Zooms the picture in a frame: by button, double click, wheel or keys; drags it when it is larger than the frame. */
export class Zoom {
  /** @param changed told whether the picture is zoomed; @param swiped told -1 or 1 by a finger, on the whole picture */
  constructor(frame, {changed, swiped}) {
    Object.assign(this, {frame, changed, swiped, photo: frame.querySelector("img"), scale: 1, x: 0, y: 0});
    frame.addEventListener("dblclick", (event) => this.step(event));
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.to(this.scale * Math.exp(-event.deltaY / 300), event);
    }, {passive: false});
    frame.addEventListener("pointerdown", (event) => this.drag(event));
  }

  /** On to the next step, after the last back to the whole picture. */
  step(event) {
    this.to(STEPS.find((scale) => scale > this.scale + 0.01) ?? 1, event);
  }

  /** The point under the pointer stays where it is. */
  to(scale, at) {
    scale = Math.max(1, Math.min(8, scale));
    const box = this.frame.getBoundingClientRect();
    const [x, y] = at?.clientX === undefined ? [0, 0]
      : [at.clientX - box.left - box.width / 2, at.clientY - box.top - box.height / 2];
    this.place(scale, x - (x - this.x) * scale / this.scale, y - (y - this.y) * scale / this.scale);
  }

  place(scale, x, y) {
    const limit = (size) => size * (scale - 1) / 2;
    const within = (value, most) => Math.max(-most, Math.min(most, value));
    Object.assign(this, {
      scale, x: within(x, limit(this.frame.clientWidth)), y: within(y, limit(this.frame.clientHeight)),
    });
    this.photo.style.transform = scale === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${scale})`;
    this.frame.classList.toggle("zoomed", scale > 1);
    this.changed(scale > 1);
  }

  drag(start) {
    const pointers = this.pointers ??= new Map();
    pointers.set(start.pointerId, start);
    if (pointers.size > 1 || start.button) return;
    let last = start;
    const move = (event) => {
      const before = pointers.get(event.pointerId);
      pointers.set(event.pointerId, event);
      if (pointers.size === 2 && before) this.pinch(before, event, pointers);
      else if (this.scale > 1 && event.pointerId === last.pointerId) {
        this.place(this.scale, this.x + event.clientX - last.clientX, this.y + event.clientY - last.clientY);
        last = event;
      }
    };
    const end = (event) => {
      pointers.delete(event.pointerId);
      if (pointers.size) return;
      if (event.type === "pointerup" && event.pointerType === "touch" && this.scale === 1) this.swipe(start, event);
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  swipe(from, to) {
    const [across, down] = [to.clientX - from.clientX, to.clientY - from.clientY];
    if (Math.abs(across) > SWIPE && Math.abs(across) > 2 * Math.abs(down)) this.swiped(across < 0 ? 1 : -1);
  }

  pinch(before, now, pointers) {
    const other = [...pointers.values()].find((pointer) => pointer.pointerId !== now.pointerId);
    const apart = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
    this.to(this.scale * apart(now) / Math.max(1, apart(before)), now);
  }
}
