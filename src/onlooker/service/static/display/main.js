// The page that plays: one advert after another, whatever becomes of the server.
//
// It alone knows when a slot ends. Shortly before, it asks what comes next; where nobody answers it lets adverts for
// everybody take turns, and in the end the default. Every play is kept in the browser until the server has it.

import { Anew } from "/static/display/anew.js";
import { Media } from "/static/display/media.js";
import { Plays } from "/static/display/plays.js";
import { Seat } from "/static/display/seat.js";
import { Stage } from "/static/display/stage.js";
import { ask, identity } from "/static/display/server.js";

const LEAD = 1200; // ms before the end of a slot at which the next is asked for
const ANSWER = 900; // ms that the server has for it
const FADE = 800;
const AGAIN = 2000; // ms between two questions whether the page that plays is gone

const plays = new Plays();
const anew = new Anew();
const media = new Media();
const stage = new Stage(document.getElementById("stage"));

let manifest = null;
let alone = { turns: [], until: 0 };
let turn = 0;
let playing = null; // { play, advert, timer, ... } of the slot on the screen
let ending = null; // ends the present slot before its time
const refused = new Set(); // plays that must not be shown
const seat = new Seat(() => ending?.stop("another page of this screen took over"));

const steady = () => performance.now();
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

function advertOf(id) {
  return manifest?.adverts.find((advert) => advert.id === id) ?? null;
}

function take(told) {
  manifest = told;
  rest(told.alone);
  camera(told.camera);
  if (told.line) document.getElementById("line").textContent = told.line; // what an earlier page kept has none
  media.prefetch(manifest.adverts);
}

function rest(told) {
  alone = { turns: told.turns, until: steady() + told.for_ms };
}

/** The campaign: the server's, else the one of last time; null where there was none. */
async function campaign() {
  try {
    const told = await ask("GET", "/display/campaign", null, 4000);
    await plays.remember("campaign", told);
    return told;
  } catch {
    return plays.recall("campaign");
  }
}

async function renew() {
  const told = await campaign();
  if (told) take(told);
}

/** What comes next, by the server; by ourselves where it does not answer. */
async function next(endsIn) {
  const play = anew.play() ?? identity();
  try {
    // What the server does not know of, it cannot count: a play that waits, or one that an earlier server chose.
    await Promise.race([plays.flush(), wait(ANSWER / 3)]);
    const ends = { ends_in_ms: Math.round(Math.max(0, endsIn)), playing: going() };
    const body = { page: seat.page, play, ...ends, ...(await plays.health()) };
    const told = await ask("POST", "/display/next", body, ANSWER);
    rest(told.alone);
    if (!advertOf(told.advert)) await renew();
    const advert = advertOf(told.advert);
    if (advert) return { play, advert, planned: told.planned_ms, propensity: told.propensity, decided: true };
  } catch (error) {
    if (error.status === 403) seat.leave();
    // Nobody answers: play on alone.
  }
  return byOurselves(play);
}

function going() {
  if (!playing) return null;
  const { id, advert, started_at, planned_ms } = playing;
  return { id, advert, started_at, planned_ms };
}

function byOurselves(play) {
  const turns = steady() < alone.until ? alone.turns.map(advertOf).filter((a) => a && media.ready(a)) : [];
  const advert = turns.length ? turns[turn++ % turns.length] : advertOf(manifest.default);
  return { play, advert, planned: advert.slot_ms, propensity: 1, decided: false };
}

/** A slot whose advert is on a layer, ready to be shown. What cannot be shown is reported and passed over. Null where
 * nothing can be, or not before the page is loaded anew. */
async function prepared(endsIn) {
  const asked = steady();
  for (let tries = 0; tries < 6; tries += 1) {
    const slot = tries < 5 ? await next(endsIn - (steady() - asked)) : defaultSlot();
    try {
      slot.layer = await stage.prepare(slot.advert, media);
      return slot;
    } catch (error) {
      if (error.blocked && (await anew.helps(error.blocked, slot.play, manifest.version))) return null;
      await unshown(slot, error);
    }
  }
  return null;
}

function defaultSlot() {
  const advert = advertOf(manifest.default);
  return { play: identity(), advert, planned: advert.slot_ms, propensity: 1, decided: false };
}

async function unshown(slot, error) {
  const body = { play: slot.play, advert: slot.advert.id, reason: String(error.message ?? error).slice(0, 300) };
  media.forget(slot.advert);
  try {
    await ask("POST", "/display/unshown", body, 2000);
  } catch {
    // Away; it is tried again when its turn comes.
  }
}

/** Show a slot to its end; gives the one after it. */
async function show(slot, shownBefore = 0, startedAt = null) {
  const began = steady();
  await stage.show(slot.layer, FADE);
  const entry = {
    id: slot.play,
    advert: slot.advert.id,
    campaign: manifest.campaign,
    started_at: startedAt ?? new Date().toISOString(),
    planned_ms: slot.planned,
    shown_ms: shownBefore,
    decided: slot.decided,
    propensity: slot.propensity,
  };
  const shown = () => Math.round(shownBefore + steady() - began);
  await plays.open({ ...entry });
  document.documentElement.dataset.playing = slot.advert.id;
  document.documentElement.dataset.play = slot.play;

  let stopped = "";
  const stopping = new Promise((resolve) => {
    ending = { play: slot.play, restricted: slot.advert.restricted, stop: (reason) => ((stopped = reason), resolve()) };
  });
  playing = { ...entry, shown };
  const left = slot.planned - shownBefore;
  const toEnd = () => left - (steady() - began);
  let coming = null;
  await Promise.race([wait(toEnd() - Math.min(LEAD, left / 2)), stopping]);
  if (!stopped) {
    coming = prepared(toEnd());
    await Promise.race([Promise.all([coming, wait(toEnd())]), stopping]);
  }
  const ms = stopped ? shown() : Math.min(shown(), slot.planned);
  // Closed before the next is waited for: a page that takes over takes up what it finds open.
  await plays.close({ ...entry, shown_ms: ms, reason: stopped });
  playing = null;
  const after = await coming;
  if (!seat.held || anew.due) return null;
  // What was chosen before somebody came who must not see it is not shown either.
  const fit = after && !refused.has(after.play) && !(stopped && after.advert.restricted);
  return fit ? after : prepared(0);
}

/** The play that a reload interrupted, taken up again where it was; null where there is none. */
async function resumed() {
  const open = await plays.opened();
  if (!open) return null;
  const advert = advertOf(open.advert);
  const gap = Date.now() - open.ticked;
  const left = open.planned_ms - open.shown_ms;
  if (advert && !advert.restricted && gap >= 0 && gap < 15000 && left > 1000) {
    try {
      const layer = await stage.prepare(advert, media);
      const slot = { play: open.id, advert, planned: open.planned_ms, propensity: open.propensity, decided: open.decided };
      return { slot: { ...slot, layer }, before: open.shown_ms, startedAt: open.started_at };
    } catch {
      // It can no longer be shown: it ended with the page.
    }
  }
  const { ticked, ...entry } = open;
  await plays.close({ ...entry, reason: left > 500 ? "the page was loaded anew" : "" });
  return null;
}

// What the server says meanwhile ------------------------------------------------------------------------------------

function listen() {
  const source = new EventSource(`/display/events?page=${seat.page}`);
  source.addEventListener("campaign", () => {
    plays.flush();
    renew(); // also where its adverts are the same: the notice's line may be another
  });
  source.addEventListener("camera", (event) => camera(JSON.parse(event.data)));
  source.addEventListener("seat", (event) => seat.told(JSON.parse(event.data)));
  source.addEventListener("stop", (event) => {
    const told = JSON.parse(event.data);
    refused.add(told.play);
    if (ending?.play === told.play) ending.stop(told.reason);
  });
  source.onerror = () => {
    // Nobody can say any more who is in front.
    if (ending?.restricted) ending.stop("the server is away");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

function camera(word) {
  const notice = document.getElementById("notice");
  const until = word?.paused_until ? new Date(word.paused_until) : null;
  notice.classList.toggle("off", !word?.active && !until);
  notice.classList.toggle("paused", Boolean(until));
  const clock = until?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  document.getElementById("camera-word").textContent = until ? `Camera paused until ${clock}` : "Camera active";
  document.getElementById("object").hidden = Boolean(until);
}

document.getElementById("object").addEventListener("click", async () => {
  try {
    await ask("POST", "/notice/pause", null, 4000);
  } catch {
    document.getElementById("camera-word").textContent = "The camera’s machine does not answer; ask at the till";
  }
});

// One page plays; this one may have to wait for it -------------------------------------------------------------------

/** Wait until this page is the one that plays. Whoever is there may have it take over. */
async function seated() {
  let waits = false;
  let take = false;
  const button = document.getElementById("take");
  while (!(await seat.claim({ waits, take }))) {
    waits = true;
    document.documentElement.dataset.waits = "yes";
    take = await Promise.race([
      wait(AGAIN).then(() => false),
      new Promise((resolve) => (button.onclick = () => resolve(true))),
    ]);
  }
  if (take) await wait(400); // for the other one to put its last play away
  delete document.documentElement.dataset.waits;
}

let asleep = 0;
addEventListener("pointermove", () => {
  document.body.classList.add("awake");
  clearTimeout(asleep);
  asleep = setTimeout(() => document.body.classList.remove("awake"), 4000);
});

// Run ----------------------------------------------------------------------------------------------------------------

async function run() {
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/display/worker.js", { scope: "/display" }).catch(() => {});
  }
  await plays.ready();
  listen();
  plays.keepSending();
  await seated();
  setInterval(() => playing && plays.tick(playing.id, playing.shown()), 1000);
  while (!manifest) {
    const told = await campaign();
    if (told) take(told);
    else await wait(1000);
  }
  const before = await resumed();
  let slot = before ? await show(before.slot, before.before, before.startedAt) : await prepared(0);
  for (;;) {
    if (anew.due) return location.reload();
    try {
      if (!seat.held) {
        stage.clear();
        await seated();
        slot = await prepared(0);
        if (anew.due) continue;
      }
      slot = slot ? await show(slot) : (await wait(1000), await prepared(0));
    } catch (error) {
      console.error(error);
      await wait(1000);
      slot = await prepared(0);
    }
  }
}

run();
