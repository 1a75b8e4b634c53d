// "How old do I look?": a card of one face, drawn here and sent nowhere but where its owner sends it.

import { button, el } from "./dom.js";
import { encode, font, save, stem } from "./export.js";
import { crop } from "./marks.js";
import { openDialog } from "./dialog.js";
import { aged, range, share, years } from "./words.js";

const WIDTH = 1080;
const HEIGHT = 1350;
const PHOTO = 900;
const INK = "#10201a";
const PAPER = "#f7f8f5";
const MINT = "#7fe0b8";
const GREEN = "#0b3d2c";

/** Show the card of a picture's first face, with the others to choose from. */
export function openShare(analysis, image) {
  const canvas = el("canvas", { width: WIDTH, height: HEIGHT, class: "preview", role: "img" });
  const name = `${stem(analysis.source)}-how-old.png`;
  const show = (index) => {
    const face = analysis.faces[index];
    paint(canvas, face, image, analysis);
    canvas.setAttribute("aria-label", `Card: How old do I look? ${years(face.age)}, ${range(face)}`);
  };
  const choices = analysis.faces.map((face, index) =>
    el(
      "label",
      { class: "choice" },
      el("input", { type: "radio", name: "shared-face", checked: !index, onchange: () => show(index) }),
      crop(image, face.box, 96),
      el("span", { class: "unseen" }, `Face ${index + 1}, ${aged(face.age)}`),
    ),
  );
  const blob = () => encode(canvas, "image/png");
  const send = async () => {
    const file = new File([await blob()], name, { type: "image/png" });
    await navigator.share({ files: [file], title: "How old do I look?" }).catch(() => {});
  };
  const probe = new File([""], name, { type: "image/png" });
  show(0);
  openDialog(
    "How old do I look?",
    el("div", { class: "share" }, canvas, el(
      "div",
      { class: "share-side" },
      choices.length > 1
        ? el("fieldset", { class: "choices" }, el("legend", {}, "Whose card?"), ...choices)
        : null,
      el("p", {}, "The card is drawn in your browser. It is not sent to the server; it goes only where you send it."),
      el(
        "div",
        { class: "buttons" },
        button("Download card", "download", async () => save(await blob(), name, "image/png"), "primary"),
        navigator.canShare?.({ files: [probe] }) ? button("Share", "share", send) : null,
      ),
    )),
  );
}

function paint(canvas, face, image, { width, height }) {
  const context = canvas.getContext("2d");
  context.fillStyle = GREEN;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  photo(context, face, image, width, height);

  context.textBaseline = "alphabetic";
  context.fillStyle = MINT;
  context.font = font(600, 40);
  context.fillText("How old do I look?", 72, PHOTO + 92);
  context.fillStyle = PAPER;
  context.font = font(750, 264);
  context.letterSpacing = "-10px";
  const age = `${years(face.age)}`;
  context.fillText(age, 60, PHOTO + 330);
  const left = 72 + context.measureText(age).width + 56;
  context.letterSpacing = "0px";
  axis(context, face, left, WIDTH - 72, PHOTO + 218);
  context.fillStyle = MINT;
  context.font = font(600, 26);
  context.fillText("Onlooker", 72, HEIGHT - 44);
  context.globalAlpha = 0.75;
  context.fillStyle = PAPER;
  context.textAlign = "right";
  context.font = font(400, 26);
  context.fillText("a guess by a neural network", WIDTH - 72, HEIGHT - 44);
  context.textAlign = "left";
  context.globalAlpha = 1;
}

/** The face large in the upper part, its surroundings as far as there are any. */
function photo(context, face, image, width, height) {
  const [x1, y1, x2, y2] = face.box;
  const high = Math.min(height, (y2 - y1) * 1.75, (width * PHOTO) / WIDTH);
  const wide = (high * WIDTH) / PHOTO;
  const x = Math.max(0, Math.min((x1 + x2 - wide) / 2, width - wide));
  const y = Math.max(0, Math.min((y1 + y2) / 2 - high * 0.5, height - high));
  context.imageSmoothingQuality = "high";
  context.drawImage(image, x, y, wide, high, 0, 0, WIDTH, PHOTO);
}

/** The interval on a scale from 0 to 100, with what it means below. */
function axis(context, face, left, right, y) {
  const at = (age) => left + ((right - left) * age) / 100;
  context.lineCap = "round";
  const line = (from, to, thick, colour) => {
    Object.assign(context, { lineWidth: thick, strokeStyle: colour });
    context.beginPath();
    context.moveTo(at(from), y);
    context.lineTo(at(to), y);
    context.stroke();
  };
  line(0, 100, 6, "#ffffff40");
  line(face.age_low, face.age_high, 22, MINT);
  context.fillStyle = INK;
  context.fillRect(at(face.age) - 3, y - 11, 6, 22);
  context.fillStyle = PAPER;
  context.font = font(600, 40);
  context.fillText(`${range(face)} years`, left, y + 76);
  context.globalAlpha = 0.75;
  context.font = font(400, 30);
  if (share()) context.fillText(`holds for ${share()}`, left, y + 118);
  context.font = font(400, 24);
  context.fillText("0", left - 4, y - 30);
  context.textAlign = "right";
  context.fillText("100", right + 4, y - 30);
  context.textAlign = "left";
  context.globalAlpha = 1;
}
