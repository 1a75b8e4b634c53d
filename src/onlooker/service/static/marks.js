// The faces of a picture: a box on the picture and a row beside it, each lighting up the other.

import { el } from "./dom.js";
import { count, gender, interval, kind, range, reasons, sentence, years } from "./words.js";

/** Boxes over `stage` and rows for the list; the rows alone where there is no picture to show. The boxes are for
 * pointers alone: every row says and does the same. */
export function mark(stage, analysis, image) {
  const boxes = el("div", { class: "boxes", "aria-hidden": "true" });
  const numbers = el("div", { class: "numbers" });
  const rows = el("ol", { class: "faces", "aria-label": count(analysis.faces.length, "face") });
  const pairs = analysis.faces.map((face, index) => [box(face, analysis), row(face, index + 1, image)]);
  const badges = analysis.faces.map((face, index) => badge(face, index + 1, analysis));
  let chosen = null;
  const light = (index) => {
    pairs.forEach((pair, i) => [...pair, badges[i]].forEach((node) => node.classList.toggle("lit", i === index)));
    boxes.classList.toggle("some-lit", index !== null);
  };
  const choose = (index, from) => {
    chosen = chosen === index ? null : index;
    pairs.forEach(([, line], i) => line.setAttribute("aria-pressed", String(i === chosen)));
    light(chosen);
    if (from === "box" && chosen !== null) pairs[index][1].scrollIntoView({ block: "nearest", behavior: "auto" });
  };
  pairs.forEach((pair, index) => {
    pair.forEach((node, side) => {
      node.addEventListener("pointerenter", (event) => {
        if (event.pointerType !== "mouse") return;
        light(index);
        if (!side) reveal(rows, pair[1]);
      });
      node.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && light(chosen));
      node.addEventListener("click", () => choose(index, side ? "row" : "box"));
    });
    pair[1].addEventListener("focus", () => light(index));
    pair[1].addEventListener("blur", () => light(chosen));
    rows.append(el("li", {}, pair[1]));
  });
  // The smallest comes last, so that it lies on top and can be pointed at.
  boxes.append(...pairs.map(([node]) => node).sort((a, b) => b.dataset.area - a.dataset.area), numbers);
  numbers.append(...badges);
  stage?.append(boxes);
  return rows;
}

/** Scroll a list, and never the page, until a row of it is seen. */
function reveal(list, row) {
  const [all, own] = [list, row].map((node) => node.getBoundingClientRect());
  list.scrollTop += Math.min(0, own.top - all.top) + Math.max(0, own.bottom - all.bottom);
}

/** A face's box as it is drawn: a face at the edge may have one that reaches past it. */
function within({ box: [x1, y1, x2, y2] }, { width, height }) {
  const inside = (value, end) => Math.max(0, Math.min(value, end));
  return [inside(x1, width), inside(y1, height), inside(x2, width), inside(y2, height)];
}

function box(face, analysis) {
  const { width, height } = analysis;
  const [x1, y1, x2, y2] = within(face, analysis);
  const node = el("div", { class: `box ${kind(face)}` });
  Object.assign(node.style, {
    left: `${(100 * x1) / width}%`,
    top: `${(100 * y1) / height}%`,
    width: `${(100 * (x2 - x1)) / width}%`,
    height: `${(100 * (y2 - y1)) / height}%`,
  });
  node.dataset.area = (x2 - x1) * (y2 - y1);
  return node;
}

/** A box's number, over its upper left corner. It lies above all boxes, not only above its own. */
function badge(face, number, analysis) {
  const [x, y] = within(face, analysis);
  const node = el("span", { class: `number ${kind(face)}` }, `${number}`);
  node.style.setProperty("--x", `${(100 * x) / analysis.width}%`);
  node.style.setProperty("--y", `${(100 * y) / analysis.height}%`);
  return node;
}

function row(face, number, image) {
  const why = reasons(face);
  const portrait = image ? crop(image, face.box, 144) : null;
  return el(
    "button",
    { type: "button", class: `face ${kind(face)}`, "aria-pressed": "false", "aria-label": sentence(face, number) },
    el("span", { class: "portrait" }, portrait, el("span", { class: "number" }, `${number}`)),
    el("span", { class: "age" }, `${years(face.age)}`, el("small", {}, years(face.age) === 1 ? " year" : " years")),
    el("span", { class: "gender" }, gender(face)),
    scale(face),
    el("span", { class: "interval" }, el("b", {}, range(face)), interval(face).slice(range(face).length)),
    why.length ? el("span", { class: "why" }, why.join(" · ")) : null,
  );
}

/** The interval as a bar on 0 to 100, with the age as a line across it. */
function scale(face) {
  const held = el("span", { class: "held" });
  held.style.left = `${face.age_low}%`;
  held.style.width = `${Math.max(1, face.age_high - face.age_low)}%`;
  const at = el("span", { class: "at" });
  at.style.left = `${face.age}%`;
  return el("span", { class: "scale" }, el("span", { class: "rail" }, held, at));
}

/** A square of `side` pixels around a box: `margin` times its longer side. */
export function crop(image, [x1, y1, x2, y2], side, margin = 1.35) {
  const canvas = el("canvas", { width: side, height: side });
  const reach = Math.max(x2 - x1, y2 - y1) * margin;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, (x1 + x2 - reach) / 2, (y1 + y2 - reach) / 2, reach, reach, 0, 0, side, side);
  return canvas;
}
