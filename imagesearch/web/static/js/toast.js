import {remedy} from "./api.js";
import {announce, el, find} from "./dom.js";

/** A line that goes by itself after `seconds`, with one thing to do about it. Returns how to take it away. */
export function toast(text, {action, act, seconds = 6, bad = false} = {}) {
  const gone = () => { clearTimeout(timer); node.remove(); };
  const node = el("div", {class: bad ? "toast bad" : "toast"}, el("p", {}, text),
    action && el("button", {type: "button", class: "link", onclick: () => { gone(); act(); }}, action));
  const timer = setTimeout(gone, 1000 * seconds);
  (find("dialog[open]") ?? document.body).append(holder());
  holder().append(node);
  announce(text);
  return gone;
}

export function complain(error) {
  if (error.name === "AbortError") return;
  toast(error.status === 401 ? "This needs a key." : error.message, {bad: true, seconds: 10, ...remedy(error)});
}

/** An open dialog covers all that is not inside it, so the toasts move in. */
function holder() {
  return find(".toasts");
}
