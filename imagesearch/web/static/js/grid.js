import {discard, tile} from "./tile.js";

const SPARE = 2; // rows kept ready above and below the screen
const AHEAD = 12; // rows before the end at which the next page is asked for

/**
 * An even grid of which only the rows around the screen exist, so that ten thousand pictures cost what fifty do.
 * All cells have one height; padding stands for the rows that are not there.
 */
export class Grid {
  /** @param more called when the end comes near; promises whether something came */
  constructor(list, more) {
    Object.assign(this, {list, more, hits: [], total: null, live: new Map(), photos: new Map(), frame: 0, waiting: false});
    addEventListener("scroll", () => this.soon(), {passive: true});
    new ResizeObserver(() => this.soon()).observe(list);
    list.addEventListener("keydown", (event) => this.walk(event));
  }

  /** Takes over the tiles that the server sent. */
  adopt(hits, total) {
    Object.assign(this, {hits, total});
    [...this.list.children].forEach((node, index) => this.live.set(index, node));
    this.draw();
  }

  show(hits, total) {
    const before = [...this.live.values()];
    this.photos = new Map(before.map((node) => [node.dataset.id, node.querySelector(".open")]));
    this.live.clear();
    this.list.replaceChildren(); // tiles of the server's that were never adopted
    Object.assign(this, {hits, total});
    this.list.classList.toggle("scored", hits[0]?.score !== undefined);
    this.draw();
    this.photos.clear();
    before.forEach(discard);
  }

  extend(hits) {
    this.hits.push(...hits);
    this.draw();
  }

  insert(hit) {
    this.redraw(() => this.hits.unshift(hit), +1);
  }

  remove(id) {
    const index = this.index(id);
    if (index >= 0) this.redraw(() => this.hits.splice(index, 1), -1);
    return index;
  }

  restore(hit, index) {
    this.redraw(() => this.hits.splice(Math.min(index, this.hits.length), 0, hit), +1);
  }

  /** A picture's new state, wherever it is shown. */
  update(image) {
    const index = this.index(image.id);
    if (index < 0) return;
    this.hits[index].image = image;
    const old = this.live.get(index);
    if (old) {
      const fresh = this.make(index);
      old.replaceWith(fresh);
      this.live.set(index, fresh);
    }
  }

  index(id) {
    return this.hits.findIndex((hit) => hit.image.id === id);
  }

  /** The link of a picture, scrolled to and drawn if need be. */
  link(index) {
    const {columns, height, top} = this.shape();
    const y = top + Math.floor(index / columns) * height;
    if (y < scrollY + 80 || y + height > scrollY + innerHeight) scrollTo(0, y - innerHeight / 3);
    this.draw();
    return this.live.get(index)?.querySelector(".open");
  }

  redraw(change, by) {
    change();
    if (this.total !== null) this.total += by;
    this.clear();
    this.draw();
  }

  clear() {
    this.live.forEach(discard);
    this.live.clear();
  }

  soon() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  /** A photo that is on the screen already moves over as it is: built anew it would flicker at every letter typed. */
  make(index) {
    const node = tile(this.hits[index], index, this.total ?? -1);
    const photo = this.photos.get(node.dataset.id);
    if (photo) node.querySelector(".open").replaceWith(photo);
    return node;
  }

  /** Columns, height of a row with its gap, and where the list begins on the page. */
  shape() {
    const style = getComputedStyle(this.list);
    const gap = parseFloat(style.rowGap);
    const cell = this.list.querySelector(".tile");
    return {
      columns: style.gridTemplateColumns.split(" ").length, gap,
      height: (cell ? cell.getBoundingClientRect().height : 300) + gap,
      top: this.list.getBoundingClientRect().top + scrollY,
    };
  }

  draw() {
    if (!this.hits.length) return this.pad(0, 0);
    if (!this.live.size) this.put(0, 1); // the first cell tells the height
    const {columns, gap, height, top} = this.shape();
    const rows = Math.ceil(this.hits.length / columns);
    const from = Math.max(0, Math.min(rows - 1, Math.floor((scrollY - top) / height) - SPARE));
    const to = Math.max(from + 1, Math.min(rows, Math.ceil((scrollY - top + innerHeight) / height) + SPARE));
    this.put(from * columns, Math.min(this.hits.length, to * columns));
    this.pad(from * height, Math.max(0, (rows - to) * height - (to < rows ? 0 : gap)));
    if (rows - to < AHEAD) this.ask();
  }

  /** Makes tiles [from, to) the ones that exist, in order. One that has the focus stays. */
  put(from, to) {
    for (const [index, node] of this.live) {
      if (index < from || index >= to) {
        discard(node);
        this.live.delete(index);
      }
    }
    let after = null;
    for (let index = from; index < to; index++) {
      let node = this.live.get(index);
      if (!node) {
        node = this.make(index);
        this.live.set(index, node);
        if (after) after.after(node); else this.list.prepend(node);
      }
      after = node;
    }
  }

  pad(above, below) {
    this.list.style.paddingTop = `${above}px`;
    this.list.style.paddingBottom = `${below}px`;
  }

  async ask() {
    if (this.waiting) return;
    this.waiting = true;
    const came = await this.more();
    this.waiting = false;
    if (came) this.soon(); // a large screen may want still more
  }

  /** Arrow keys walk over the grid. */
  walk(event) {
    const here = event.target.closest(".tile");
    const {columns} = this.shape();
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key];
    if (!here || !step || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = this.index(here.dataset.id) + step;
    if (to < 0 || to >= this.hits.length) return;
    event.preventDefault();
    this.link(to)?.focus({preventScroll: true});
  }
}
