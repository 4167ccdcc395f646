/** The page: what is searched for is in the address bar, what was found is in the grid, the rest follows. */
import {ask, Problem} from "./api.js";
import * as asked from "./asked.js";
import {Box} from "./box.js";
import * as chips from "./chips.js";
import {Deletions} from "./deletion.js";
import {announce, find} from "./dom.js";
import {receive} from "./drop.js";
import {Grid} from "./grid.js";
import * as searches from "./query.js";
import * as summary from "./summary.js";
import {complain} from "./toast.js";
import {Uploads} from "./uploads.js";
import {Viewer} from "./viewer.js";

const SETTLED = 1500; // ms without typing after which the next letter begins a new entry of the history
const PAUSE = 40; // ms; letters that come quicker are one search, a first one is sent at once
const QUIET = 400; // ms without a letter before more than the first pictures is asked for: the next letter comes first
const RETRY = 3000; // ms before a page that failed is asked for again
const FIRST = {priority: "high"}; // before the thumbnails that wait for a connection
const KEPT = 20; // results kept for the back button

const lent = new Map(); // pictures that are searched by, by the name the address bar has for them
const kept = new Map(); // what was found, by address
let query = searches.read(location.search);
let found = {hits: [], next: null, total: 0, cutoff: null};
let asking = null; // the request under way
let typing = 0; // when the last letter was typed
let renewing = false; // whether the letters begin a new entry of the history
let pause = 0; // the timer that waits for the next letter
let running = null; // the search that typing began
let outdated = false; // whether a lesson has changed pictures that are shown
let opener = null; // what had the focus before the viewer opened

const grid = new Grid(find(".grid"), more);
const box = new Box(find(".search"), {typed, settled});
const uploads = new Uploads(find(".tray"), {stored, changed});
const deletions = new Deletions(hide);
const viewer = new Viewer(find(".viewer"), {
  step, closed, changed, like, taught, tagged, remove: (image) => deletions.add(image)});

// ---- searching -------------------------------------------------------------------------------------------

/** Goes to a search: a new entry of the history, or (`replace`) the present one changed. `letters` came by typing. */
function go(next, {replace = false, letters = false} = {}) {
  remember();
  if (searches.everything(next)) kept.delete(searches.address(next)); // new pictures come to that one
  if (!letters) box.value = next.q; // an answer must not overwrite what is typed meanwhile
  const url = searches.address(next);
  history[replace ? "replaceState" : "pushState"](null, "", url);
  return run(next);
}

/** Goes to what `move` makes of the search that is asked for by now, whatever is shown yet. */
function turn(move) {
  const next = move(query);
  if (next) go(next);
}

function typed(text) {
  clearTimeout(pause);
  asking?.abort();
  const since = Date.now() - typing;
  renewing ||= since > SETTLED;
  typing = Date.now();
  pause = setTimeout(() => {
    if (text.trim() && !searches.wordy(text)) return;
    const words = text.trim() ? {like: "", picture: ""} : {};
    running = go({...query, ...words, q: text.trim(), strictness: "", min_score: ""}, {replace: !renewing, letters: true});
    renewing = false;
  }, since > PAUSE ? 0 : PAUSE);
}

/** Enter: on to what was found. */
async function settled() {
  typing = 0;
  await new Promise((over) => { setTimeout(over, PAUSE); });
  await running;
  find(".open", grid.list)?.focus();
}

async function run(next) {
  asking?.abort();
  asking = new AbortController();
  query = next;
  const before = kept.get(searches.address(query));
  try {
    const answer = before ?? await fetchFirst(asking.signal);
    show(answer);
    scrollTo(0, before?.scroll ?? 0);
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  }
}

async function fetchFirst(signal) {
  if (!query.picture) return completed(page(await ask(searches.endpoint(query), {signal, ...FIRST})), signal);
  const picture = lent.get(query.picture);
  if (!picture) throw new Problem({status: 0, detail: "This search was by a picture that was only lent for it. Drop it on the search box again."});
  return page(await ask(searches.endpoint(query), {method: "POST", body: lending(picture), signal}));
}

/** While a word is being typed its likeliest completion is searched for, where the letters so far find nothing. */
async function completed(answer, signal) {
  if (answer.hits.length || !query.q || Date.now() - typing > SETTLED) return answer;
  const [word] = await box.completed;
  if (!word || signal.aborted) return answer;
  return {...page(await ask(searches.endpoint({...query, q: word}), {signal, ...FIRST})), word};
}

function lending(picture) {
  const form = new FormData();
  form.append("image", picture, picture.name || "picture.png");
  return form;
}

/** A listing has no scores, results have. */
function page(answer) {
  const hits = answer.results ?? answer.images.map((image) => ({image}));
  return {hits, next: answer.next, total: answer.total, cutoff: answer.cutoff ?? null};
}

/** The next page of what is shown, as the end comes near; whether there was one. */
async function more() {
  const here = found;
  const {next} = found;
  if (!next) return false;
  while (Date.now() - typing < QUIET) await new Promise((over) => { setTimeout(over, QUIET); });
  if (found !== here) return true;
  const picture = lent.get(query.picture);
  try {
    const options = picture ? {method: "POST", body: lending(picture)} : {};
    const answer = page(await ask(searches.larger(next), {...options, signal: asking?.signal}));
    if (found !== here) return true;
    found.next = answer.next;
    grid.extend(fresh(answer.hits));
    return true;
  } catch (error) {
    complain(error);
    if (error.name !== "AbortError") await new Promise((over) => { setTimeout(over, RETRY); });
    return found !== here;
  }
}

/** Without those that are shown already (an upload came between) or just deleted. */
function fresh(hits) {
  const shown = new Set(grid.hits.map(({image}) => image.id));
  return hits.filter(({image}) => !deletions.waiting.has(image.id) && !shown.has(image.id));
}

function remember() {
  if (outdated || found.query !== query) return; // a lesson changed it, or its answer is still under way
  kept.set(searches.address(query), {...found, hits: grid.hits, scroll: scrollY});
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

// ---- showing ---------------------------------------------------------------------------------------------

function show(answer) {
  outdated = false;
  found = {...answer, query, hits: answer.hits.filter(({image}) => !deletions.waiting.has(image.id))};
  grid.show(found.hits, found.total);
  headline();
}

/** All that stands around the grid. */
function headline() {
  const text = summary.title(query, found, grid.hits.length);
  find("h1").textContent = text;
  document.title = query.q ? `${query.q} · Image search` : "Image search";
  chips.draw(find(".chips"), query, grid.hits, toggle);
  picture();
  find(".cutoff").replaceChildren();
  if (searches.ranked(query) && grid.hits.length) summary.cutoff(find(".cutoff"), query, found.cutoff, turn);
  empty();
  announce(text);
}

function empty() {
  const place = find(".empty");
  place.hidden = grid.hits.length > 0;
  if (place.hidden) return;
  if (searches.everything(query)) summary.invite(place);
  else summary.nothing(place, query, found.cutoff, turn);
}

function fail(error) {
  found = {hits: [], next: null, total: 0, cutoff: null};
  grid.show([], 0);
  headline();
  summary.fault(find(".empty"), error, turn);
  announce(error.message);
}

function picture() {
  const {like: id, picture: name} = query;
  const shown = grid.hits.find((hit) => hit.image.id === id);
  asked.show(find(".query"), id || name, {
    file: lent.get(name), load: async () => shown?.image ?? ask(`images/${encodeURIComponent(id)}`),
    back: () => go({...query, like: "", picture: "", strictness: "", min_score: ""})});
}

function toggle(kind, value) {
  const held = query[kind].includes(value);
  go({...query, [kind]: held ? query[kind].filter((other) => other !== value) : [...query[kind], value]});
}

// ---- pictures come, change and go ------------------------------------------------------------------------

function stored(image) {
  kept.clear(); // the new one may belong to any of them
  if (searches.everything(query)) {
    found.total++;
    grid.insert({image});
    headline();
  }
  if (image.status === "pending") setTimeout(() => look(image), 1000);
}

/** Until a picture is described. */
async function look(image) {
  const now = await ask(image.url).catch(() => null);
  if (now?.status === "pending") setTimeout(() => look(now), 1500);
  else if (now) changed(now);
}

function changed(image) {
  grid.update(image);
  for (const {hits} of kept.values()) for (const hit of hits) if (hit.image.id === image.id) hit.image = image;
  if (viewer.id === image.id) viewer.show(image, around(grid.index(image.id)));
}

/** A lesson may have changed the tags of any picture: what is kept is asked for again when it is looked at. */
function taught() {
  kept.clear();
  outdated = true;
}

function tagged(tag) {
  viewer.close();
  go({...searches.empty(), tag: [tag]});
}

async function refresh(image) {
  const now = outdated && await ask(image.url).catch(() => null);
  if (now) changed(now);
}

function hide(image) {
  const index = grid.index(image.id);
  const hit = grid.hits[index];
  const where = query;
  if (viewer.id === image.id) leave(index);
  grid.remove(image.id);
  for (const results of kept.values()) drop(image, results);
  if (hit && found.total !== null) found.total--;
  headline();
  return () => {
    kept.clear();
    if (hit && where === query) {
      grid.restore(hit, index);
      if (found.total !== null) found.total++;
      headline();
    } else if (where !== query) {
      run(query); // it may belong to this one too
    }
  };
}

/** Takes a picture out of results that are kept; of everything it was one, however few are there so far. */
function drop(image, results) {
  const left = results.hits.filter((other) => other.image.id !== image.id);
  const held = left.length < results.hits.length || searches.everything(results.query);
  if (held && results.total !== null) results.total--;
  results.hits = left;
}

/** On from a picture that goes: to its neighbour, or out of the viewer. */
function leave(index) {
  if (grid.hits.length < 2) return viewer.close();
  step(index + 1 < grid.hits.length ? 1 : -1);
}

function like(image) {
  viewer.close();
  go({...searches.empty(), like: image.id});
}

function seek(picture) {
  const name = `${Date.now()}`;
  lent.set(name, picture);
  go({...searches.empty(), picture: name});
}

// ---- the viewer ------------------------------------------------------------------------------------------

const around = (index) => ({before: index > 0, after: index >= 0 && index < grid.hits.length - 1});
const opened = () => new URLSearchParams(location.search).get("image");

function pictureAddress(id) {
  const base = searches.address(query);
  return `${base}${base.startsWith("?") ? "&" : "?"}image=${encodeURIComponent(id)}`;
}

function lookAt(index) {
  const {image} = grid.hits[index];
  opener = document.activeElement;
  history.pushState({viewer: true}, "", pictureAddress(image.id));
  viewer.show(image, around(index));
  refresh(image);
}

function step(by) {
  const index = grid.index(viewer.id) + by;
  if (!viewer.open || index < 0 || index >= grid.hits.length) return;
  const {image} = grid.hits[index];
  history.replaceState(history.state, "", pictureAddress(image.id));
  viewer.show(image, around(index));
  announce(image.caption ?? "");
  refresh(image);
  if (index > grid.hits.length - 10) grid.ask();
}

/** The dialog is gone, by whatever way: the address bar follows, and the focus goes to the picture's tile. */
function closed() {
  if (opened()) history.state?.viewer ? history.back() : history.replaceState(null, "", searches.address(query));
  const index = grid.index(viewer.image.id);
  (index < 0 ? opener : grid.link(index))?.focus({preventScroll: true});
}

/** What the address bar says about the viewer. */
async function follow() {
  const id = opened();
  if (!id) return viewer.close();
  const index = grid.index(id);
  const image = index < 0 ? await ask(`images/${encodeURIComponent(id)}`).catch(complain) : grid.hits[index].image;
  if (image?.id) viewer.show(image, around(index));
}

// ---- wiring ----------------------------------------------------------------------------------------------

grid.list.addEventListener("click", (event) => {
  const cell = event.target.closest(".tile");
  if (!cell || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const index = grid.index(cell.dataset.id);
  if (event.target.closest(".more-like")) { event.preventDefault(); like(grid.hits[index].image); }
  else if (event.target.closest(".open")) { event.preventDefault(); lookAt(index); }
});
find(".brand").addEventListener("click", (event) => { event.preventDefault(); go(searches.empty()); });
addEventListener("popstate", async () => {
  const next = searches.read(location.search);
  if (searches.address(next) !== searches.address(query)) { remember(); box.value = next.q; await run(next); }
  follow();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && find(".menu").open) find(".menu").open = false;
});
addEventListener("click", (event) => {
  if (!event.target.closest(".menu")) find(".menu").open = false;
});
receive({add: (files) => uploads.add(files), seek});

history.scrollRestoration = "manual";
box.value = query.q;
if (searches.everything(query)) {
  found = {...page(JSON.parse(find("#listing").textContent)), query};
  grid.adopt(found.hits, found.total);
  headline();
} else {
  await run(query);
}
await follow();
document.documentElement.dataset.ready = "true";
performance.mark("usable");
if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {});
