// The page: where pictures come from, and the queue they stand in.

import { hasCamera, openCamera } from "./camera.js";
import { PictureCard } from "./card.js";
import { announce, el } from "./dom.js";
import { csv, json, save } from "./export.js";
import { count, settings, share } from "./words.js";

/** Pictures on their way at once; more would only wait at the server. */
const AT_ONCE = 2;

/** Answers that may be lost without a question. */
const HANDFUL = 5;

/** Ids that fit into what a browser sends for a page that is left, which is 64 KiB. */
const AT_MOST = 1900;

const by = (id) => document.getElementById(id);
const cards = [];
const waiting = [];
let active = 0;

function add(files) {
  if (!files.length) return;
  const added = files.map((file) => new PictureCard(file, { onChange: tally, onAgain: enqueue }));
  cards.unshift(...added);
  by("cards").prepend(...added.map((card) => card.node));
  tally();
  if (files.length > 1) announce(`${files.length} pictures on their way.`);
  added.forEach(enqueue);
  by("results").scrollIntoView({ block: "nearest" });
}

function enqueue(card) {
  waiting.push(card);
  pump();
}

function pump() {
  while (active < AT_ONCE && waiting.length) {
    active += 1;
    waiting.shift().run().finally(() => {
      active -= 1;
      pump();
    });
  }
}

const answers = () => cards.map(({ analysis }) => analysis).filter(Boolean);

function tally() {
  const there = cards.filter(({ node }) => node.isConnected);
  const done = answers();
  const faces = done.reduce((sum, { faces: each }) => sum + each.length, 0);
  const unfinished = there.filter(({ state }) => state === "waiting" || state === "working").length;
  const all = count(there.length, "picture");
  const head = unfinished ? `${there.length - unfinished} of ${all}` : all;
  by("results-title").textContent = done.length ? `${head}, ${count(faces, "face")}` : head;
  by("totals-buttons").hidden = done.length < 2;
  by("cards").classList.toggle("many", there.length > 1);
  by("results").hidden = !there.length;
  document.body.classList.toggle("busy", there.length > 0);
  keep(unfinished, done.length);
}

/** Leaving loses what is here: other pages open beside this one, and before much is lost, the browser asks. */
function keep(unfinished, answered) {
  const target = unfinished + answered ? "_blank" : "";
  for (const link of document.querySelectorAll("a:is([href='/docs'], [href='/model'])")) link.target = target;
  const much = unfinished || answered > HANDFUL;
  (much ? addEventListener : removeEventListener)("beforeunload", ask);
}

const ask = (event) => event.preventDefault();

/** With the page goes all that it has sent, also where the browser only sets the page aside: it need not come back. */
function leave() {
  const ids = cards.flatMap((card) => [...card.ids]).slice(0, AT_MOST);
  if (ids.length) fetch("/page", { method: "DELETE", body: ids.join("\n"), keepalive: true }).catch(() => null);
}

/** Dropped folders have no bytes of their own; they are left out, and that is said. */
function filesOf(transfer) {
  const folders = [...(transfer.items ?? [])].filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
  if (folders.length) say("A folder cannot be dropped; open it and drop the pictures in it.");
  const names = new Set(folders.map((item) => item.webkitGetAsEntry().name));
  return [...transfer.files].filter(({ name }) => !names.has(name));
}

function say(sentence) {
  by("zone-word").textContent = sentence;
  announce(sentence);
}

function takeDrops() {
  let depth = 0;
  let ours = false; // what is dragged from this page is here already
  const curtain = (shown) => (by("curtain").hidden = !shown);
  const carries = (event) => !ours && event.dataTransfer?.types.includes("Files");
  addEventListener("dragstart", () => (ours = true));
  addEventListener("dragend", () => (ours = false));
  addEventListener("dragenter", (event) => carries(event) && curtain(++depth > 0));
  addEventListener("dragleave", (event) => carries(event) && curtain(--depth > 0));
  addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    curtain((depth = 0));
    add(filesOf(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) event.preventDefault();
    add(files);
  });
}

function takeChosen() {
  const input = by("file");
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
  by("zone").addEventListener("click", (event) => !event.target.closest(".buttons") && input.click());
  by("camera").hidden = !hasCamera();
  by("camera").addEventListener("click", () => openCamera((file) => add([file])));
}

function offerSamples() {
  for (const { url, name, title, alt } of settings.samples) {
    const take = async () => {
      try {
        const answer = await fetch(url);
        if (!answer.ok) throw new Error(answer.statusText);
        const blob = await answer.blob();
        add([new File([blob], name, { type: blob.type })]);
      } catch {
        say("The sample did not come. Check the connection, then try again.");
      }
    };
    const picture = el("img", { src: url, alt, loading: "lazy", decoding: "async" });
    const sample = el("button", { type: "button", class: "sample", onclick: take }, picture, el("span", {}, title));
    by("samples").append(el("li", {}, sample));
  }
}

function offerColours() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const show = () => by("theme").setAttribute("aria-pressed", String(isDark()));
  by("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Storage is switched off: it holds until the page is left.
    }
    show();
  });
  dark.addEventListener("change", show);
  show();
}

/** A menu closes when something else is pressed. */
function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = menu.contains(event.target);
}

takeDrops();
takeChosen();
offerSamples();
offerColours();
addEventListener("pointerdown", closeMenus);
addEventListener("pagehide", leave);
addEventListener("pageshow", ({ persisted }) => persisted && cards.forEach((card) => card.back()));
by("all-csv").addEventListener("click", () => save(csv(answers()), "faces.csv", "text/csv"));
by("all-json").addEventListener("click", () => save(json(answers()), "faces.json", "application/json"));
for (const node of document.querySelectorAll("[data-interval]")) node.textContent = share() ?? node.textContent;
