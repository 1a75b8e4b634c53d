// The operator's page: what the server says, drawn. It asks for nothing but the stream of events and the picture.

import { el } from "/static/dom.js";

const at = (id) => document.getElementById(id);
const say = (id, text) => at(id).textContent === text || (at(id).textContent = text);
const GENDER = { female: "female", male: "male" };

let state = null;
let people = [];
let offset = 0; // ms that the server's clock is ahead of this one
let shownScores = "";

// Who is in front ------------------------------------------------------------------------------------------------------

function describe(person) {
  if (person.age === null) return "being read";
  return person.gender ? `${person.age}, ${GENDER[person.gender]}` : `${person.age}`;
}

const drawn = new Map(); // id -> box, which moves rather than being drawn anew

function boxes() {
  const here = new Set(people.map((person) => person.id));
  for (const [id, node] of drawn) if (!here.has(id)) (node.remove(), drawn.delete(id));
  for (const person of people) {
    let node = drawn.get(person.id);
    if (!node) {
      node = el("div", {}, el("span", {}));
      drawn.set(person.id, node);
      at("boxes").append(node);
    }
    const [x1, y1, x2, y2] = person.box.map((edge) => edge * 100);
    node.className = `box ${person.gender ?? "open"}${person.facing ? "" : " away"}`;
    node.firstChild.textContent = describe(person);
    Object.assign(node.style, { left: `${x1}%`, top: `${y1}%`, width: `${x2 - x1}%`, height: `${y2 - y1}%` });
  }
}

function gender(person) {
  if (person.p_female === null) return "";
  const female = person.p_female >= 0.5;
  const share = Math.round((female ? person.p_female : 1 - person.p_female) * 100);
  return person.gender ? `${GENDER[person.gender]}, ${share} %` : `undetermined (${female ? "female" : "male"} ${share} %)`;
}

function table() {
  const cell = (...children) => el("td", {}, ...children);
  const rows = people.map((person) =>
    el(
      "tr",
      {},
      cell(el("code", {}, person.id)),
      cell(person.age === null ? "…" : el("b", {}, String(person.age))),
      cell(person.age === null ? "" : `${person.low} to ${person.high}`),
      cell(gender(person)),
      cell(`${Math.round(person.present_s)} s`),
      cell(person.attention_s === null ? "" : `${Math.round(person.attention_s)} s`),
      cell(
        el("span", { class: person.facing ? "tag on" : "tag" }, person.facing ? "looks" : "looks away"),
        person.p_minor >= 0.01 ? el("span", { class: "tag" }, `under 18: ${Math.round(person.p_minor * 100)} %`) : null,
      ),
    ),
  );
  at("people").replaceChildren(...(rows.length ? rows : [el("tr", {}, el("td", { colSpan: 7, class: "nobody" }, "Nobody is in front."))]));
}

// What plays -----------------------------------------------------------------------------------------------------------

function advertOf(id) {
  return state.campaign.adverts.find((advert) => advert.id === id);
}

function thumb(id) {
  const advert = advertOf(id);
  const key = advert ? advert.url : "";
  if (at("thumb").dataset.url === key) return;
  at("thumb").dataset.url = key;
  at("thumb").replaceChildren(preview(advert));
}

function preview(advert) {
  if (!advert || advert.foreign) return el("span", {}, advert ? "a page elsewhere" : "");
  if (advert.kind === "image") return el("img", { src: advert.url, alt: "" });
  if (advert.kind === "video") return el("video", { src: advert.url, muted: true, autoplay: true, loop: true });
  return el("iframe", { src: advert.url, title: advert.id, tabIndex: -1 });
}

function bars(playing) {
  const scores = Object.entries(playing.scores).sort((a, b) => b[1] - a[1]);
  const key = JSON.stringify([scores, playing.advert, playing.targeted, playing.left_out]);
  if (key === shownScores) return;
  shownScores = key;
  const rows = scores.map(([id, score]) => {
    const bar = el("span", { class: "fill" });
    bar.style.width = `${Math.round(score * 100)}%`;
    const name = el("span", { class: "name" }, id);
    const value = el("span", { class: "value" }, score.toFixed(2));
    return el("li", { class: id === playing.advert ? "chosen" : "" }, name, el("span", { class: "track" }, bar), value);
  });
  const none = playing.targeted ? "There was no other." : "The audience did not count in this choice.";
  at("scores").replaceChildren(...(rows.length ? rows : [el("li", { class: "none" }, none)]));
  const out = Object.entries(playing.left_out);
  at("left-out-box").hidden = !out.length;
  say("left-out-count", `${out.length} left out, and why`);
  at("left-out").replaceChildren(...out.flatMap(([id, why]) => [el("dt", {}, id), el("dd", {}, why)]));
}

/** No page plays, or none is known to. */
function nothing() {
  const { heard, since } = state.page;
  say("advert", heard ? "Nothing yet" : "No page is open");
  const never = heard ? "" : "Open the screen’s page where adverts are to play.";
  say("why", since ? `The screen’s page was last heard at ${since}: it is closed, or does not reach the server.` : never);
  thumb("");
  say("left", "");
}

function progress() {
  if (!state?.playing) return;
  const gone = (Date.now() + offset - Date.parse(state.playing.since)) / 1000;
  const share = Math.min(1, Math.max(0, gone / state.playing.slot_s));
  at("bar").style.width = `${share * 100}%`;
  say("left", `${Math.max(0, Math.ceil(state.playing.slot_s - gone))} s left`);
}

// How it fares ---------------------------------------------------------------------------------------------------------

const CAMERA = {
  off: ["off", "switched off"],
  starting: ["wait", "opening"],
  seeing: ["good", "sees"],
  paused: ["wait", "paused"],
  lost: ["bad", "camera lost"],
  ended: ["wait", "ended"],
};

function health() {
  const { camera, page, switches } = state;
  const on = Object.entries(switches).map(([name, is]) => el("span", { class: is ? "tag on" : "tag off" }, name));
  const rows = [
    ["Camera", `${camera.source}: ${camera.text}`],
    ["Picture", camera.size ? `${camera.size[0]} x ${camera.size[1]}, ${Math.round(camera.rate)} a second` : "none"],
    ["Started again", camera.restarts === 1 ? "once" : `${camera.restarts} times`],
    ["Screen's page", page.heard ? "plays" : page.since ? `not heard since ${page.since}` : "is not open"],
    ["Plays kept", `${page.sent} since it was opened`],
    ["Plays waiting", String(page.waiting)],
  ];
  at("health").replaceChildren(
    ...rows.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]),
    el("dt", {}, "Switches"),
    el("dd", {}, ...on),
  );
}

function counted(count, k) {
  return count ? `${count} or more` : `fewer than ${k}`;
}

function today() {
  const told = state.today;
  if (!told) return at("today").replaceChildren(el("p", {}, "The ledger has not answered yet."));
  const plays = Object.entries(told.plays);
  const total = plays.reduce((sum, [, count]) => sum + count, 0);
  at("today").replaceChildren(
    el(
      "dl",
      {},
      el("dt", {}, "Visits"),
      el("dd", {}, counted(told.visits, told.k)),
      el("dt", {}, "Looked"),
      el("dd", {}, counted(told.watchers, told.k)),
      ...told.cells.flatMap(([gender, band, count]) => [el("dt", {}, `${gender}, ${band}`), el("dd", {}, counted(count, told.k))]),
      el("dt", {}, "Plays"),
      el("dd", {}, String(total)),
      ...plays.flatMap(([id, count]) => [el("dt", { class: "inner" }, id), el("dd", {}, String(count))]),
    ),
    el("p", { class: "small" }, `People up to ${told.up_to}, in whole ${told.k}s; groups of fewer are not shown.`),
  );
}

function errors() {
  at("errors").hidden = !state.errors.length;
  const key = JSON.stringify(state.errors);
  if (at("errors").dataset.key === key) return;
  at("errors").dataset.key = key;
  at("errors").replaceChildren(...state.errors.map((error) => el("p", {}, el("b", {}, error.name), ` ${error.text}`)));
}

function draw() {
  const { camera, playing, ahead } = state;
  say("screen", state.screen);
  say("campaign", state.campaign.campaign);
  say("clock", state.time.slice(11, 16));
  const [kind, word] = CAMERA[camera.state];
  at("camera").className = `badge ${kind}`;
  say("camera", state.paused_until ? `paused until ${state.paused_until}` : word);
  const picture = document.body.dataset.picture === "on" && camera.state === "seeing";
  at("picture").hidden = !picture;
  at("view").classList.toggle("schematic", !picture);
  if (camera.size) at("view").style.aspectRatio = `${camera.size[0]} / ${camera.size[1]}`;
  const off = document.body.dataset.picture === "off" ? "The picture is switched off; boxes show where faces are." : "";
  say("view-word", camera.state === "seeing" ? (people.length ? "" : off) : camera.text);
  if (playing) {
    say("advert", playing.advert);
    say("why", playing.why);
    thumb(playing.advert);
    bars(playing);
  } else {
    nothing();
  }
  at("now").classList.toggle("idle", !playing);
  say("next", ahead?.advert ?? "");
  say("next-why", ahead?.why ?? "");
  health();
  today();
  errors();
}

// Live -----------------------------------------------------------------------------------------------------------------

function watch() {
  if (document.body.dataset.picture !== "on") return;
  at("picture").src = `/operator/picture?${Date.now()}`;
}

at("picture").addEventListener("error", () => setTimeout(watch, 2000));

function listen() {
  const source = new EventSource("/operator/events");
  let away = false;
  source.onopen = () => {
    at("away").hidden = true;
    if (away) watch();
    away = false;
  };
  source.onerror = () => {
    at("away").hidden = false;
    away = true;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  source.addEventListener("people", (event) => {
    people = JSON.parse(event.data);
    boxes();
    table();
  });
  source.addEventListener("state", (event) => {
    state = JSON.parse(event.data);
    offset = Date.parse(state.time) - Date.now();
    draw();
  });
}

table();
listen();
// A picture that has not come yet would hold up the page.
if (document.readyState === "complete") watch();
else addEventListener("load", watch);
setInterval(progress, 250);
