/* The page's shell and its thumbnails at hand: the app opens at once, and without the service says so itself. */
const SHELL = "shell-{{ version }}";
const THUMBNAILS = "thumbnails";
const MOST = 2000; // thumbnails kept, about 60 MB; the oldest go first
const START = {{ url_for('gallery.index') | tojson }};
const FILES = {{ shell | tojson }};

addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(
    names.filter((name) => name !== SHELL && name !== THUMBNAILS).map((name) => caches.delete(name)),
  )).then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const {request} = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (/\/images\/[^/]+\/thumbnail$/.test(url.pathname)) event.respondWith(thumbnail(event));
  else if (FILES.includes(url.pathname)) event.respondWith(shell(event));
  else if (request.mode === "navigate" && url.pathname === START) event.respondWith(start(request));
});

/** Thumbnails never change under their address. */
async function thumbnail(event) {
  const {request} = event;
  const cache = await caches.open(THUMBNAILS);
  const held = await cache.match(request);
  if (held) return held;
  const answer = await fetch(request);
  if (answer.ok) event.waitUntil(keep(cache, request, answer.clone()));
  return answer;
}

let stored = 0; // since the browser started this worker, which it ends whenever it is idle

async function keep(cache, request, answer) {
  await cache.put(request, answer);
  if (stored++ % 100) return; // the first looks too: most visits keep fewer than a hundred
  const all = await cache.keys();
  await Promise.all(all.slice(0, Math.max(0, all.length - MOST)).map((old) => cache.delete(old)));
}

/** What is held now, and the newer one for the next time. */
async function shell({request}) {
  const cache = await caches.open(SHELL);
  return await cache.match(request) ?? fetch(request);
}

/** The page itself is always asked for; without an answer the last one is shown. */
async function start(request) {
  const cache = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    const everything = new URL(request.url).search === ""; // a search's page holds no pictures of its own
    if (answer.ok && !answer.redirected && everything) await cache.put(START, answer.clone());
    return answer;
  } catch (error) {
    const held = await cache.match(START);
    if (held) return held;
    throw error;
  }
}
