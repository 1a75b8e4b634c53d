// Two layers that cross-fade. A layer is shown only once what is on it has been decoded.

const PATIENCE = 8000; // ms for an advert to be ready

export class Stage {
  #root;
  #shown = null;

  constructor(root) {
    this.#root = root;
    // What the page's own policy blocks fires "load" all the same.
    document.addEventListener("securitypolicyviolation", (event) => {
      if (event.effectiveDirective === "frame-src") this.#blocked(event.blockedURI);
    });
  }

  /** A layer with an advert, decoded but not visible yet. Throws where it cannot be shown; `blocked` is the
   * address in the error that the page's own policy forbids. */
  async prepare(advert, media) {
    const address = await media.address(advert);
    const layer = document.createElement("div");
    layer.className = "layer";
    layer.dataset.advert = advert.id;
    const make = { image, video, html }[advert.kind];
    try {
      await within(make(layer, address, advert), PATIENCE);
    } catch (error) {
      layer.remove();
      throw error;
    }
    if (!layer.isConnected) this.#root.append(layer);
    return layer;
  }

  /** Tell the page elsewhere that is being loaded that it is blocked. The browser names the address alone, and that may be
   * one that the page leads on to. */
  #blocked(address) {
    const coming = this.#root.querySelectorAll(".layer:not(.shown) iframe[sandbox]");
    for (const frame of coming) frame.dispatchEvent(new CustomEvent("blocked", { detail: address }));
  }

  /** Fade to a layer; the one before it goes once it is covered. */
  async show(layer, fade) {
    const before = this.#shown;
    if (layer !== this.#root.lastElementChild) this.#root.append(layer); // a page that is moved is loaded again
    layer.getBoundingClientRect(); // so that it fades rather than jumps
    layer.classList.add("shown");
    layer.querySelector("video")?.play().catch(() => {});
    this.#shown = layer;
    for (const other of this.#root.children) {
      if (other !== layer && other !== before) other.remove();
    }
    if (before && before !== layer) setTimeout(() => before.remove(), fade + 100);
  }

  /** Nothing but the slate. */
  clear() {
    this.#root.replaceChildren();
    this.#shown = null;
  }
}

async function image(layer, address) {
  const node = new Image();
  node.alt = "";
  node.src = address;
  try {
    await node.decode();
  } catch {
    throw new Error("the browser cannot decode its image");
  }
  layer.append(node);
}

function video(layer, address, advert) {
  const node = document.createElement("video");
  Object.assign(node, { muted: true, playsInline: true, preload: "auto", src: address });
  node.loop = advert.slot_ms > advert.duration_ms;
  layer.append(node);
  return new Promise((resolve, reject) => {
    node.addEventListener("canplaythrough", resolve, { once: true });
    node.addEventListener("error", () => reject(new Error("the browser cannot play its video")), { once: true });
    node.load();
  });
}

function html(layer, address, advert) {
  const node = document.createElement("iframe");
  node.title = advert.id;
  node.referrerPolicy = "no-referrer";
  node.tabIndex = -1;
  // Our own file is sandboxed by the policy it is served with, which also holds for the copy kept in the browser; by
  // the attribute the browser would not look there.
  if (advert.foreign) node.sandbox = "allow-scripts";
  node.src = address;
  layer.append(node);
  document.getElementById("stage").append(layer); // a page loads only within the document
  const blocked = "its address, or one that it leads on to, is not among those that the screen's page lets in";
  return new Promise((resolve, reject) => {
    node.addEventListener("load", resolve, { once: true });
    node.addEventListener("blocked", ({ detail }) => reject(Object.assign(new Error(blocked), { blocked: detail })));
  });
}

function within(promise, ms) {
  let timer = 0;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it was not ready in time")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
