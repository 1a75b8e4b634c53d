// Within the browser, between the page and the server: the page, what belongs to it and the adverts, for when the
// server is away. What it has of the page is as new as the last time the server answered.

const PAGE = "onlooker-page";
const MEDIA = "onlooker-media";
const SHELL = [
  "/display",
  "/static/document.css",
  "/static/icon.svg",
  "/static/icons.svg",
  "/static/display/display.css",
  "/static/display/anew.js",
  "/static/display/main.js",
  "/static/display/media.js",
  "/static/display/plays.js",
  "/static/display/seat.js",
  "/static/display/server.js",
  "/static/display/stage.js",
  "/notice/qr.svg",
];

addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(PAGE);
      await cache.addAll(SHELL.map((url) => new Request(url, { cache: "no-store" })));
      await skipWaiting();
    })(),
  );
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith("/display/media/")) event.respondWith(kept(event.request));
  else if (SHELL.includes(url.pathname)) event.respondWith(newest(event.request, url.pathname));
});

/** What is kept, else from the server: an advert's address changes with its file. */
async function kept(request) {
  const cache = await caches.open(MEDIA);
  const found = await cache.match(request.url);
  if (found) return found;
  const answer = await fetch(request);
  // What a page among the adverts brings along is kept with it.
  if (answer.status === 200) await cache.put(request.url, answer.clone()).catch(() => {});
  return answer;
}

/** From the server, else what is kept. */
async function newest(request, path) {
  const cache = await caches.open(PAGE);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(4000) });
    if (answer.ok) {
      await cache.put(path, answer.clone());
      return answer;
    }
    if (answer.status < 500) return answer;
  } catch {
    // Away.
  }
  return (await cache.match(path)) ?? Response.error();
}
