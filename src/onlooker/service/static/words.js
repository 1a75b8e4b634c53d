// What is said of a face, a picture and a failure. Nothing here touches the page.

export const settings = JSON.parse(document.getElementById("settings").textContent);

const TENTHS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
export const years = (age) => Math.floor(age + 0.5);
export const aged = (age) => `${years(age)} ${years(age) === 1 ? "year" : "years"}`;
export const range = (face) => `${years(face.age_low)} to ${years(face.age_high)}`;

/** "nine faces in ten", or null for a model that states no interval. */
export function share(probability = settings.interval) {
  if (!probability) return null;
  const tenths = Math.round(probability * 10);
  if (Math.abs(probability * 10 - tenths) < 1e-6) return `${TENTHS[tenths]} faces in ten`;
  return `${Math.round(probability * 100)} faces in a hundred`;
}

export function interval(face) {
  const held = share();
  return held ? `${range(face)}, holds for ${held}` : range(face);
}

/** The label with its probability, never "100 %": no model is that sure. */
export function gender(face) {
  if (!face.gender) return "undetermined";
  const p = face.gender === "female" ? face.p_female : 1 - face.p_female;
  return `${face.gender}, ${Math.round(Math.min(p, 0.99) * 100)} %`;
}

/** Why a face is hard to read, in plain words; empty where it is not. */
export function reasons(face) {
  const words = {
    small: `small: ${Math.round(face.quality?.height ?? face.box[3] - face.box[1])} pixels high`,
    blurred: "blurred",
    dark: "dark",
    turned: "turned away",
    young: "a young child: gender cannot be told this early",
  };
  const said = (face.doubts ?? []).map((doubt) => words[doubt] ?? doubt);
  return !said.length && !face.gender ? ["gender too close to call"] : said;
}

export const kind = (face) => face.gender ?? "open";

/** A face in one sentence, for those who listen. */
export function sentence(face, number) {
  const held = [`Face ${number}: ${aged(face.age)}`, interval(face), gender(face), ...reasons(face)];
  return `${held.join("; ")}.`;
}

/** "3 faces in holiday.jpg: 34, 8 and 61 years". */
export function result(analysis) {
  const { faces, source } = analysis;
  if (!faces.length) return `No face in ${source}`;
  const ages = faces.map((face) => years(face.age));
  if (ages.length > 8) {
    return `${count(faces.length, "face")} in ${source}: ${Math.min(...ages)} to ${Math.max(...ages)} years`;
  }
  const listed = ages.length > 1 ? `${ages.slice(0, -1).join(", ")} and ${ages.at(-1)}` : `${ages[0]}`;
  const unit = listed === "1" ? "year" : "years";
  return `${count(faces.length, "face")} in ${source}: ${listed} ${unit}`;
}

export function megabytes(bytes) {
  if (bytes < 1e5) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** A sentence about a file that need not be sent at all, or null. */
export function refusal(file) {
  if (!file.size) return "The file is empty. Choose the picture itself, not a folder or a placeholder.";
  if (file.size <= settings.max_bytes) return null;
  const most = `${megabytes(settings.max_bytes)} is the most`;
  return `This file has ${megabytes(file.size)}, and ${most}. Make it smaller first.`;
}

/** When something ends, as a person says it: "in 23 hours". */
export function until(moment, now = Date.now()) {
  const hours = (Date.parse(moment) - now) / 3.6e6;
  if (hours > 1.5) return `in ${Math.round(hours)} hours`;
  return hours > 0.9 ? "in an hour" : `in ${count(Math.max(1, Math.round(hours * 60)), "minute")}`;
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
