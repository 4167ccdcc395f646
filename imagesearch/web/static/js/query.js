/** A search as the address bar holds it, and the API's address for it. */
export const FILTERS = ["subject", "colour", "action", "tag"];
const PAGE = 30; // pictures fetched at first, a screen and more: they come in half the time of a hundred
const MOST = 100; // fetched at once later on; no request may ask for more

export function empty() {
  return {q: "", subject: [], colour: [], action: [], tag: [], like: "", picture: "", strictness: "", min_score: ""};
}

export function read(address) {
  const given = new URLSearchParams(address);
  const query = empty();
  for (const name of Object.keys(query)) {
    query[name] = FILTERS.includes(name) ? given.getAll(name) : (given.get(name) ?? "").trim();
  }
  return query;
}

function parameters(query, names) {
  const found = new URLSearchParams();
  for (const name of names) for (const value of [query[name]].flat()) if (value) found.append(name, value);
  return found;
}

/** `?q=…`, or the bare path for everything. */
export function address(query) {
  const given = parameters(query, Object.keys(query)).toString();
  return given ? `?${given}` : window.location.pathname;
}

/** Whether there is anything to search for: not yet in `"` or `-c`, which may become `"black dog"` and `-cat dog`. */
export const wordy = (text) => /[\p{L}\p{N}]/u.test(text.replace(/(^|\s)-[\p{L}\p{N}_]\S*/gu, " "));

export const filtered = (query) => FILTERS.some((name) => query[name].length);
export const ranked = (query) => Boolean(query.q || query.like || query.picture);
export const everything = (query) => !ranked(query) && !filtered(query);

/** Where the API answers the query; a lent picture is sent to it by POST. */
export function endpoint(query) {
  const given = parameters(query, ranked(query) ? [...FILTERS, "strictness", "min_score"] : FILTERS);
  given.set("limit", PAGE);
  if (query.picture) return `similar?${given}`;
  if (query.like) return `images/${encodeURIComponent(query.like)}/similar?${given}`;
  if (query.q) given.set("q", query.q);
  return `${query.q ? "search" : filtered(query) ? "search/features" : "images"}?${given}`;
}

/** The address of a next page, with as many pictures as one request may have. */
export function larger(next) {
  const url = new URL(next, window.location.href);
  url.searchParams.set("limit", MOST);
  return url.href;
}

/** The same search with a lower cut-off, and how to say so; null when nothing is cut off any more. */
export function looser(query) {
  if (!ranked(query) || query.min_score === "0") return null;
  if (query.min_score || query.strictness === "loose") return {...query, strictness: "", min_score: "0"};
  return {...query, strictness: query.strictness === "strict" ? "" : "loose"};
}

export function stricter(query) {
  if (!ranked(query) || query.strictness === "strict") return null;
  if (query.min_score) return {...query, min_score: "", strictness: "loose"};
  return {...query, strictness: query.strictness === "loose" ? "" : "strict"};
}
