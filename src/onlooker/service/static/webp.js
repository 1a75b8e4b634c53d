// Whether a WebP is to be turned before it is shown. Browsers heed the EXIF orientation of JPEG, PNG and AVIF; of WebP
// Chromium does not, and it does not say so.

const ORIENTATION = 0x0112;

/** Whether a file is a WebP with an EXIF orientation other than 1. Damaged EXIF has none. */
export async function turned(file) {
  const head = new DataView(await file.slice(0, 12).arrayBuffer());
  if (head.byteLength < 12 || name(head, 0) !== "RIFF" || name(head, 8) !== "WEBP") return false;
  const view = new DataView(await file.arrayBuffer());
  try {
    for (let at = 12; at < view.byteLength; ) {
      const size = view.getUint32(at + 4, true);
      if (name(view, at) === "EXIF") return orientation(view, at + 8) !== 1;
      at += 8 + size + (size % 2);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return false;
}

/** Four letters, as RIFF names its chunks. */
const name = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));

/** The orientation, 1 to 8, in a TIFF that begins there; some writers put "Exif" and two zeros before it. */
function orientation(view, begin) {
  const tiff = name(view, begin) === "Exif" ? begin + 6 : begin;
  const little = view.getUint16(tiff) === 0x4949;
  const directory = tiff + view.getUint32(tiff + 4, little);
  for (let left = view.getUint16(directory, little), at = directory + 2; left > 0; left -= 1, at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
