import {patch} from "./api.js";
import {el} from "./dom.js";
import {complain} from "./toast.js";

/** A picture's caption as a field that saves itself on Enter and when it is left. */
export function captionField(image, changed) {
  const field = el("textarea", {
    class: "caption-field", rows: 1, maxLength: 2000, "aria-label": `Caption of ${image.filename}`,
    placeholder: "Say what it shows", value: image.caption ?? "",
  });
  const save = async () => {
    const text = field.value.trim();
    if (!text || text === (image.caption ?? "")) { field.value = image.caption ?? ""; return; }
    try {
      image = await patch(image, {caption: text});
      changed(image);
    } catch (error) {
      complain(error);
    }
  };
  field.addEventListener("change", save);
  field.addEventListener("keydown", (event) => {
    event.stopPropagation(); // letters typed here are no shortcuts
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); field.blur(); }
    if (event.key === "Escape") { event.preventDefault(); field.value = image.caption ?? ""; field.blur(); }
  });
  return field;
}
