import {find} from "./dom.js";

/**
 * Pictures that come by dropping, pasting, choosing or the camera.
 * @param add gets the files to store; @param seek gets one to search by, dropped on the search box
 */
export function receive({add, seek}) {
  const box = find(".search");
  const choose = (input, button) => button.addEventListener("click", () => find(input).click());
  document.querySelectorAll(".add").forEach((button) => choose(".choose", button));
  choose(".shoot", find(".take"));
  choose(".lend", find(".by-picture"));
  for (const input of document.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (input.matches(".lend")) seek(files[0]); else add(files);
    });
  }
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) { event.preventDefault(); add(files); }
  });
  drops(box, add, seek);
}

function drops(box, add, seek) {
  let depth = 0; // enter and leave come for every element passed
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  const show = (event) => {
    document.body.classList.toggle("dropping", depth > 0);
    box.classList.toggle("target", depth > 0 && box.contains(event.target));
  };
  addEventListener("dragenter", (event) => { if (carries(event)) { depth++; show(event); } });
  addEventListener("dragleave", (event) => { if (carries(event)) { depth--; show(event); } });
  addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); show(event); } });
  addEventListener("drop", async (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    const wanted = box.contains(event.target);
    depth = 0;
    show(event);
    const files = await unpack(event.dataTransfer);
    if (wanted && files.length) seek(files[0]); else add(files);
  });
}

/** The files of a drop, folders looked through. */
async function unpack(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = await Promise.all(entries.map(walk));
  return found.flat().filter((file) => !file.name.startsWith("."));
}

async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => { entry.file(resolve, reject); })];
  const reader = entry.createReader();
  const files = [];
  for (;;) { // a reader gives at most 100 entries at a time
    const batch = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!batch.length) return files;
    for (const child of batch) files.push(...await walk(child));
  }
}
