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

export const complain = (error) => error.name === "AbortError" || toast(error.message, {bad: true, seconds: 10});

/** An open dialog covers all that is not inside it, so the toasts move in. */
function holder() {
  return find(".toasts");
}
