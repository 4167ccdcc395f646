import {ask} from "./api.js";
import {el, find} from "./dom.js";

const LONGEST = 200; // characters that are completed
const MOST = 6; // suggestions shown; more would cover the results that appear below them

/** The search box: every change is told at once, the last word is completed (ARIA's combobox with a listbox). */
export class Box {
  /** @param typed called with the text at each change; @param settled when Enter or a choice ends the typing */
  constructor(form, {typed, settled}) {
    Object.assign(this, {typed, settled, input: find("input", form), list: find("[role=listbox]", form), at: -1,
      completed: Promise.resolve([])}); // what the text may become
    this.input.addEventListener("input", () => { this.typed(this.input.value); this.suggest(); });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.close());
    form.addEventListener("submit", (event) => { event.preventDefault(); this.finish(); });
    this.list.addEventListener("pointerdown", (event) => { // before the blur that closes the list
      event.preventDefault();
      this.choose(event.target.closest("[role=option]"));
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
      event.preventDefault();
      this.input.select();
      this.input.focus();
    });
  }

  get value() { return this.input.value; }
  set value(text) { if (this.input.value.trim() !== text) this.input.value = text; }

  async suggest() {
    this.pending?.abort();
    if (!this.value.trim()) return this.close();
    const mine = this.pending = new AbortController();
    this.completed = completions(this.value, mine.signal);
    const texts = await this.completed;
    if (mine === this.pending && !mine.signal.aborted) this.fill(texts.slice(0, MOST));
  }

  fill(texts) {
    if (!texts.length || document.activeElement !== this.input) return this.close();
    const chosen = this.list.hidden ? "" : this.list.children[this.at]?.textContent; // by the arrows, before these came
    this.list.replaceChildren(...texts.map((text, index) => el("li", {role: "option", id: `suggestion-${index}`}, text)));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark(texts.indexOf(chosen));
  }

  close() {
    this.pending?.abort();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (event.isComposing) return;
    if (step && !this.list.hidden) {
      event.preventDefault();
      this.move(step);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (this.list.hidden && this.value) { this.input.value = ""; this.typed(""); }
      this.close();
    } else if (event.key === "Enter" && !this.list.hidden && this.at >= 0) {
      event.preventDefault();
      this.choose(this.list.children[this.at]);
    }
  }

  move(step) {
    const places = this.list.children.length + 1; // one past the end: the box itself
    const next = (this.at + step + places) % places;
    this.mark(next < places - 1 ? next : -1);
  }

  /** Marks the suggestion that Enter would choose; -1 is none. */
  mark(at) {
    this.at = at;
    [...this.list.children].forEach((option, index) => option.setAttribute("aria-selected", index === at));
    if (at >= 0) this.input.setAttribute("aria-activedescendant", this.list.children[at].id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  choose(option) {
    if (!option) return;
    this.input.value = `${option.textContent} `;
    this.typed(this.input.value);
    this.finish();
  }

  finish() {
    this.close();
    this.settled();
  }
}

/** What the text may become as its last word goes on; none where the service cannot say. */
async function completions(text, signal) {
  const address = `search/suggest?q=${encodeURIComponent(text.slice(0, LONGEST))}`;
  const {suggestions} = await ask(address, {signal}).catch(() => ({suggestions: []}));
  return suggestions.filter((completed) => completed !== text.trim().toLowerCase());
}

/** Whether letters typed there are text. */
export function writing(element) {
  return element.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
}
