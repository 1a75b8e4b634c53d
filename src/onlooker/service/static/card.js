// One picture's card: from the file to the faces, or to the sentence that says why not.

import { announce, button, el, icon } from "./dom.js";
import { annotated, csv, json, save, stem } from "./export.js";
import { Problem, fetchIn } from "./http.js";
import { follow, remove } from "./jobs.js";
import { mark } from "./marks.js";
import { openShare } from "./share.js";
import { submit } from "./upload.js";
import { turned } from "./webp.js";
import { capital, count, megabytes, refusal, result, settings, until } from "./words.js";

const HELP = "It helps when faces are in view from the front, evenly lit, and at least some 30 pixels high.";
const COPY = "You see the server’s copy, kept until the answer goes.";
const NO_COPY = "The server’s copy of it did not come.";

let made = 0;

export class PictureCard {
  /** `onChange` hears each change of `state` (waiting, working, done, failed, gone), `onAgain` the wish to run again. */
  constructor(file, { onChange, onAgain }) {
    Object.assign(this, { file, onChange, onAgain, state: "waiting", analysis: null, job: null, shown: null });
    /** Ids under which the server may hold something of it: one a try. */
    this.ids = new Set();
    const id = `picture-${++made}`;
    this.status = el("p", { class: "status" }, "Waiting its turn");
    this.tools = el("div", { class: "tools" });
    this.body = el("div", { class: "card-body" });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}`, hidden: true });
    const name = el("h3", { id, title: file.name }, file.name);
    const head = el("div", { class: "card-head" }, el("div", { class: "card-name" }, name, this.status), this.tools);
    this.node = el("article", { class: "card", tabIndex: -1, "aria-labelledby": id }, head, this.bar, this.body);
    this.move("waiting", "Waiting its turn", this.dismiss("Cancel"));
  }

  /** See it through. Never throws: what goes wrong is shown. */
  run() {
    this.running = this.state === "gone" ? Promise.resolve() : this.see();
    return this.running;
  }

  async see() {
    this.control = new AbortController();
    const { signal } = this.control;
    const onWait = (left) => {
      this.status.textContent = left ? `The server is busy; trying again in ${left} s` : "Trying again";
    };
    this.move("working", `Getting ready · ${megabytes(this.file.size)}`, this.dismiss("Cancel"));
    try {
      await this.preview();
      this.wait();
      await this.withdraw({ signal, onWait }).catch(() => null);
      const onProgress = (part) => {
        this.bar.value = part;
        this.status.textContent = part < 1 ? `Uploading, ${Math.floor(part * 100)} %` : "Uploaded";
      };
      const onId = (id) => this.ids.add(id);
      this.job = await submit(this.file, { keep: !this.shown, signal, onId, onProgress, onWait });
      this.status.textContent = "Reading the faces…";
      this.bar.removeAttribute("value");
      this.job = await follow(this.job.id, { signal, onWait });
      const { analysis } = this.job;
      const error = this.job.error ?? analysis?.error;
      // What was looked at and could not be read is no better the next time.
      if (error) throw new Problem(`${capital(error)}${/[.!?]$/.test(error) ? "" : "."}`, { again: !analysis });
      if (!this.shown && this.job.picture) await this.fetchCopy(signal);
      signal.throwIfAborted();
      this.answer(analysis);
    } catch (error) {
      if (!signal.aborted) this.fail(error);
    }
  }

  /** The picture as this browser shows it; `shown` stays null where it cannot, or not upright. */
  async preview() {
    const unfit = refusal(this.file);
    if (unfit) throw new Problem(unfit, { again: false });
    if (this.shown) return;
    const bitmap = await createImageBitmap(this.file).catch(() => null);
    if (!bitmap) return;
    const pixels = bitmap.width * bitmap.height;
    bitmap.close();
    if (pixels > settings.max_pixels) {
      const most = `${Math.round(settings.max_pixels / 1e6)} megapixels is the most`;
      const sentence = `This picture has ${Math.round(pixels / 1e6)} megapixels, and ${most}. Make it smaller first.`;
      throw new Problem(sentence, { again: false });
    }
    this.turned = await turned(this.file);
    if (!this.turned) await this.show(this.file);
  }

  async show(blob) {
    const image = el("img", { src: URL.createObjectURL(blob), alt: this.file.name, draggable: false });
    await image.decode();
    this.shown = image;
  }

  /** The server's copy comes through fetch, so that it may be drawn from even where it lies in a bucket. */
  async fetchCopy(signal) {
    const copy = await fetchIn(this.job.picture, { signal }).catch(() => null);
    if (copy?.ok) await this.show(await copy.blob()).catch(() => null);
  }

  /** The place of the answer, so that nothing jumps when it comes. */
  wait() {
    const lines = Array.from({ length: 3 }, () => el("span", { class: "ghost" }));
    const side = el("div", { class: "side", "aria-hidden": "true" }, ...lines);
    this.body.replaceChildren(this.stage() ?? el("div", { class: "stage empty" }, icon("picture")), side);
  }

  stage() {
    if (!this.shown) return null;
    const { naturalWidth: width, naturalHeight: height } = this.shown;
    const stage = el("div", { class: "stage" }, this.shown);
    stage.style.setProperty("--wide", width);
    stage.style.setProperty("--high", height);
    return el("div", { class: "mat" }, stage);
  }

  answer(analysis) {
    this.analysis = analysis;
    const { faces, found, width, height } = analysis;
    const seconds = ["decode", "detect", "estimate"].reduce((sum, step) => sum + (this.job.timings?.[step] ?? 0), 0);
    const took = seconds ? ` · read in ${seconds < 0.1 ? "under 0.1" : seconds.toFixed(1)} s` : "";
    const many = faces.length ? count(faces.length, "face") : "No face";
    this.move("done", `${many} · ${width} × ${height}${took}`, this.actions());
    const mat = this.stage();
    const side = el("div", { class: "side" });
    if (!faces.length) {
      side.append(el("div", { class: "note" }, el("h4", {}, "No face was found"), el("p", {}, HELP)));
    } else {
      if (mat) this.shown.alt = `${this.file.name}, with ${count(faces.length, "face")} marked`;
      side.append(mark(mat?.firstChild, analysis, this.shown));
    }
    if (found > faces.length) {
      side.append(el("p", { class: "fine" }, `${found} faces were found; the ${faces.length} largest are read.`));
    }
    if (this.job.picture) {
      const why = `Your browser cannot show this file${this.turned ? " upright" : ""}.`;
      side.append(el("p", { class: "fine" }, `${why} ${mat ? COPY : NO_COPY}`));
    }
    const end = this.job.expires ? until(this.job.expires) : `after ${settings.keep_hours} hours`;
    const what = this.job.picture ? "The copy and the answer go" : "The picture is gone already. Its answer goes";
    const gone = button("Delete now", "delete", () => this.delete(gone), "small");
    this.ends = el("p", { class: "fine" }, `${what} when you leave this page, ${end} at the latest, or now.`);
    side.append(el("div", { class: "end" }, gone, this.ends));
    this.body.replaceChildren(...[mat, side].filter(Boolean));
    announce(result(analysis));
  }

  /** What can be taken along. */
  actions() {
    const name = stem(this.file.name);
    const item = (word, work) =>
      el("button", { type: "button", class: "item", onclick: () => (close(), work()) }, word);
    const picture = async (type, ending) =>
      save(await annotated(this.shown, this.analysis, type), `${name}-faces.${ending}`, type);
    const list = el("div", { class: "items" });
    if (this.shown) {
      list.append(item("Marked picture, JPEG", () => picture("image/jpeg", "jpg")));
      list.append(item("Marked picture, PNG", () => picture("image/png", "png")));
    }
    list.append(item("Answer, JSON", () => save(json(this.analysis), `${name}.json`, "application/json")));
    list.append(item("Table, CSV", () => save(csv([this.analysis]), `${name}.csv`, "text/csv")));
    const summary = el("summary", { class: "button small" }, icon("download"), "Download");
    const menu = el("details", { class: "menu" }, summary, list);
    const close = () => {
      menu.open = false;
      summary.focus();
    };
    menu.addEventListener("keydown", (event) => event.key === "Escape" && menu.open && close());
    menu.addEventListener("focusout", ({ relatedTarget: next }) => {
      if (next && !menu.contains(next)) menu.open = false;
    });
    if (!this.shown || !this.analysis.faces.length) return [menu];
    return [button("Share card", "card", () => openShare(this.analysis, this.shown), "small"), menu];
  }

  async delete(gone) {
    gone.disabled = true;
    gone.parentNode.querySelector(".bad")?.remove();
    try {
      await this.withdraw();
      this.analysis = null;
      this.forget();
      this.body.replaceChildren();
      const sentence = "Gone: the picture and its answer are deleted from the server, and from this page.";
      this.move("gone", sentence, this.dismiss("Dismiss"));
      announce(`${this.file.name} and its answer are deleted.`);
      this.node.focus();
    } catch (error) {
      gone.disabled = false;
      gone.parentNode.append(el("p", { class: "bad", role: "alert" }, error.message));
    }
  }

  fail(error) {
    const again = !(error instanceof Problem) || error.again;
    const sentence = error instanceof Problem ? error.message : `Something went wrong in the page (${error.message}).`;
    this.body.replaceChildren();
    const retry = again ? [button("Try again", "again", () => this.retry(), "small")] : [];
    this.move("failed", sentence, [...retry, ...this.dismiss("Dismiss")]);
    announce(`${this.file.name}: ${sentence}`);
  }

  retry() {
    this.move("waiting", "Waiting its turn", this.dismiss("Cancel"));
    this.onAgain(this);
  }

  /** Take the card away, and from the server what has reached it. */
  async leave() {
    this.control?.abort();
    this.forget();
    const next = this.node.nextElementSibling ?? this.node.previousElementSibling;
    const focused = this.node.contains(document.activeElement);
    this.node.remove();
    if (focused) (next ?? document.getElementById("file")).focus();
    this.move("gone", "", []);
    await this.running;
    await this.withdraw().catch(() => null);
  }

  /** Delete from the server whatever it holds. What could not be deleted stays known, for the next time. */
  async withdraw(patience) {
    for (const id of this.ids) {
      await remove(id, patience);
      this.ids.delete(id);
    }
  }

  /** The page was left, which deleted it all, and is back: the browser had only set it aside. */
  back() {
    if (this.analysis) this.ends.textContent = "It is deleted from the server. The answer is on this page alone.";
  }

  dismiss(word) {
    const named = { title: word, "aria-label": `${word}: ${this.file.name}`, onclick: () => this.leave() };
    return [el("button", { type: "button", class: "quiet square", ...named }, icon("close"))];
  }

  forget() {
    if (this.shown) URL.revokeObjectURL(this.shown.src);
    this.shown = null;
  }

  move(state, sentence, tools) {
    this.state = state;
    this.node.dataset.state = state;
    this.status.textContent = sentence;
    this.bar.hidden = state !== "working";
    this.bar.value = 0;
    const focused = this.tools.contains(document.activeElement);
    this.tools.replaceChildren(...tools);
    if (focused) this.node.focus({ preventScroll: true });
    this.onChange();
  }
}
