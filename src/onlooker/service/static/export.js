// What can be taken along: the answer as JSON or CSV, and the marked picture at full size. All made here.

import { el } from "./dom.js";
import { gender, years } from "./words.js";

export const COLOURS = { female: "#c44d8e", male: "#2677bb", open: "#68707a" };
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";
export const font = (weight, size) => `${weight} ${size}px ${FONT}`;

const PICTURE = ["source", "width", "height"];
const FACE = ["score", "age", "age_low", "age_high", "p_female", "gender", "age_class"];
const POSE = ["yaw", "pitch", "roll"];
const QUALITY = ["height", "brightness", "sharpness"];
const SEEN = ["face_height", "brightness", "sharpness"];
const COLUMNS = [...PICTURE, "face", "x1", "y1", "x2", "y2", ...FACE, ...POSE, ...SEEN, "doubts", "error"];

/** Answers as CSV, as `onlooker analyze --format csv` writes them: a row a face; one row where there is none. */
export function csv(analyses) {
  const lines = [COLUMNS];
  for (const analysis of analyses) {
    const picture = PICTURE.map((name) => analysis[name]);
    analysis.faces.forEach((face, index) => {
      const seen = [...POSE.map((name) => face.pose?.[name]), ...QUALITY.map((name) => face.quality?.[name])];
      const doubts = (face.doubts ?? []).join(" ");
      lines.push([...picture, index + 1, ...face.box, ...FACE.map((name) => face[name]), ...seen, doubts, null]);
    });
    if (!analysis.faces.length) lines.push([...picture, ...Array(COLUMNS.length - 4).fill(null), analysis.error]);
  }
  return lines.map((line) => `${line.map(cell).join(",")}\n`).join("");
}

function cell(value) {
  const text = `${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

/** Hand a file to the browser's downloads. */
export function save(content, name, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A file's name without its ending, to put another there. */
export const stem = (name) => name.replace(/\.[^.]+$/, "") || "picture";

export function encode(canvas, type) {
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.92));
}

/** The picture at full size with each face marked; smaller where the browser allows no canvas that large. */
export async function annotated(image, analysis, type) {
  for (let scale = 1; scale > 0.1; scale /= 2) {
    const width = Math.round(analysis.width * scale);
    const canvas = el("canvas", { width, height: Math.round(analysis.height * scale) });
    const context = canvas.getContext("2d");
    if (!context) continue;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    context.scale(scale, scale);
    const faces = [...analysis.faces].sort((a, b) => b.box[3] - b.box[1] - (a.box[3] - a.box[1]));
    for (const face of faces) draw(context, face, analysis);
    const blob = await encode(canvas, type);
    if (blob) return blob;
  }
  throw new Error("this browser cannot draw a picture of that size");
}

/** A rounded box and a label of a size that can be read, never past the picture's edge. */
function draw(context, face, { width, height }) {
  const [x1, y1, x2, y2] = face.box;
  const side = Math.max(width, height);
  const line = Math.max(2, Math.round(Math.min(side / 250, (y2 - y1) / 20)));
  context.strokeStyle = context.fillStyle = COLOURS[face.gender ?? "open"];
  context.lineWidth = line;
  context.beginPath();
  context.roundRect(x1 - line / 2, y1 - line / 2, x2 - x1 + line, y2 - y1 + line, (x2 - x1) * 0.08);
  context.stroke();
  const size = Math.round(Math.max(11, side / 70, Math.min(side / 30, (x2 - x1) / 9)));
  const span = `${years(face.age)} (${years(face.age_low)} to ${years(face.age_high)})`;
  const text = `${span} ${gender(face).replace(",", "")}`;
  context.font = font(500, size);
  const wide = context.measureText(text).width + 0.8 * size;
  const high = 1.5 * size;
  const x = Math.max(0, Math.min(x1, width - wide));
  const above = y1 - high - line - 2;
  const y = Math.max(0, Math.min(above < 0 ? y2 + line + 2 : above, height - high));
  context.beginPath();
  context.roundRect(x, y, wide, high, 0.3 * size);
  context.fill();
  context.fillStyle = "#fff";
  context.textBaseline = "middle";
  context.fillText(text, x + 0.4 * size, y + high / 2 + 0.04 * size);
}
