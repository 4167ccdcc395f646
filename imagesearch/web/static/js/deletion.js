import {ask} from "./api.js";
import {complain, toast} from "./toast.js";

const SECONDS = 8; // to think better of it

/**
 * Deletes with an undo: the picture leaves the page now and the service when the time for the undo is over, or when
 * the page is left. Nothing is lost where the page crashes in between: the picture is still there.
 */
export class Deletions {
  /** @param hide takes the picture off the page and returns how to put it back */
  constructor(hide) {
    Object.assign(this, {hide, waiting: new Map()});
    addEventListener("pagehide", () => [...this.waiting.values()].forEach((now) => now(true)));
  }

  add(image) {
    const back = this.hide(image);
    const settle = () => { clearTimeout(timer); this.waiting.delete(image.id); gone(); };
    const now = async (leaving) => {
      settle();
      try {
        await ask(image.url, {method: "DELETE", keepalive: leaving === true});
      } catch (error) {
        if (error.status !== 404) { back(); complain(error); }
      }
    };
    const timer = setTimeout(now, 1000 * SECONDS);
    const gone = toast("Deleted", {seconds: SECONDS, action: "Undo", act: () => { settle(); back(); }});
    this.waiting.set(image.id, now);
  }
}
