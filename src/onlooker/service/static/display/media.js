// The campaign's files, fetched before they are needed and kept in the browser.

const CACHE = "onlooker-media";

export class Media {
  #blobs = new Map(); // url -> object URL of an image or a video
  #coming = new Map(); // url -> promise of it
  #pages = new Set(); // urls of pages that are kept

  /** Fetch all of the adverts, one after another, and forget what no longer belongs to them. */
  async prefetch(adverts) {
    const wanted = new Set(adverts.map((advert) => advert.url));
    for (const [url, blob] of this.#blobs) {
      if (wanted.has(url)) continue;
      // It may be on the screen still; its fade is over in seconds.
      setTimeout(() => URL.revokeObjectURL(blob), 120000);
      this.#blobs.delete(url);
    }
    for (const advert of adverts) {
      try {
        await this.#kept(advert);
      } catch {
        // Named when its turn comes.
      }
    }
    if ("caches" in self) {
      const cache = await caches.open(CACHE);
      for (const request of await cache.keys()) {
        const url = new URL(request.url);
        if (!wanted.has(url.pathname) && url.pathname.startsWith("/display/media/")) {
          const folder = [...wanted].some((each) => url.pathname.startsWith(each.replace(/[^/]+$/, "")));
          if (!folder) await cache.delete(request);
        }
      }
    }
  }

  /** Whether an advert can be shown without the server. */
  ready(advert) {
    return this.#blobs.has(advert.url) || this.#pages.has(advert.url);
  }

  /** An address under which an advert's file can be shown at once. Throws where it cannot be had. */
  async address(advert) {
    if (advert.foreign) return advert.url;
    await this.#kept(advert);
    return this.#blobs.get(advert.url) ?? advert.url;
  }

  /** Have an advert's file fetched anew next time. */
  forget(advert) {
    const blob = this.#blobs.get(advert.url);
    if (blob) URL.revokeObjectURL(blob);
    this.#blobs.delete(advert.url);
    this.#pages.delete(advert.url);
    if ("caches" in self) caches.open(CACHE).then((cache) => cache.delete(advert.url));
  }

  async #kept(advert) {
    if (advert.foreign || this.ready(advert)) return;
    if (!this.#coming.has(advert.url)) {
      const coming = this.#fetch(advert).finally(() => this.#coming.delete(advert.url));
      this.#coming.set(advert.url, coming);
    }
    await this.#coming.get(advert.url);
  }

  async #fetch(advert) {
    const cache = "caches" in self ? await caches.open(CACHE) : null;
    let answer = await cache?.match(advert.url);
    if (!answer) {
      answer = await fetch(advert.url);
      if (!answer.ok) throw new Error(`its file cannot be had (${answer.status})`);
      try {
        await cache?.put(advert.url, answer.clone());
      } catch {
        // No room: it is kept in memory alone.
      }
    }
    if (advert.kind === "html") this.#pages.add(advert.url);
    else this.#blobs.set(advert.url, URL.createObjectURL(await answer.blob()));
  }
}
