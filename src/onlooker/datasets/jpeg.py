"""Any picture as a real JPEG: content converted, upright, in sRGB, what is transparent on white."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePath

from PIL import Image

from onlooker.core.errors import PictureError
from onlooker.media.colour import is_srgb
from onlooker.media.images import SUFFIXES, Picture

QUALITY = 92
"""Of what is encoded anew, libjpeg's scale: above 90 its losses hide under a camera's noise."""

MAX_SIDE = 65_500
"""Pixels of a JPEG's side, as libjpeg writes them (65,535 by its format)."""

ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".mpo", ".jpg", ".jpeg", ".jpe"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "DIB": (".dib", ".bmp"),
    "GIF": (".gif",),
    "PSD": (".psd",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG2000": (".jp2",),
    "PPM": (".ppm", ".pgm"),
    "TGA": (".tga",),
}
"""What a file of each format may be called. A phone's MPO, a JPEG with more pictures behind it, is called .jpg."""

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"8BPS", b"\0\0\0\x0cjP  ")
_PROCESSES = {0xC0: "baseline", 0xC1: "baseline", 0xC2: "progressive"}


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A picture as JPEG. ``kept`` says that it was one already and these are its own bytes; ``format`` is what the
    source's content is; ``lies`` says so where its name promises another; ``notes`` say what was done to it."""

    data: bytes = field(repr=False)
    kept: bool
    format: str
    lies: bool
    notes: tuple[str, ...] = ()


def to_jpeg(data: bytes, name: str, *, quality: int = QUALITY) -> Jpeg:
    """The JPEG of a picture file's bytes; ``name`` is what the file is called.

    A whole, upright JPEG in sRGB (or grey), baseline or progressive, 8 bits a channel, comes back byte for byte. What
    is encoded anew carries neither EXIF nor a profile. Raises ``PictureError`` where the picture cannot be read whole.
    """
    picture = Picture.open(data)
    pixels = picture.decode(srgb=True, strict=True)
    lies = PurePath(name).suffix.lower() not in ("", *ENDINGS[picture.format])
    if _is_plain(picture, data):
        return Jpeg(data, kept=True, format=picture.format, lies=lies)
    if max(pixels.shape[:2]) > MAX_SIDE:
        raise PictureError(f"{picture.width} x {picture.height} pixels; a JPEG's side has {MAX_SIDE:,} at most")
    out = BytesIO()
    fine = {"subsampling": 0} if quality >= 90 else {}
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, optimize=True, **fine)
    return Jpeg(out.getvalue(), kept=False, format=picture.format, lies=lies, notes=_notes(picture))


def looks_like_picture(start: bytes) -> bool:
    """Whether a file that begins so (its first 32 bytes) holds a picture, whatever it is called."""
    if start[:2] == b"BM":
        return start[6:10] == bytes(4)
    if start[:4] == b"RIFF":
        return start[8:12] == b"WEBP"
    if start[4:8] == b"ftyp":
        return start[8:12] in (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
    return start.startswith(_STARTS)


def jpeg_name(name: str) -> str:
    """What the JPEG of a picture is called: its ending replaced, or one added where that it has is no picture's."""
    path = PurePath(name)
    return path.with_suffix(".jpg").name if path.suffix.lower() in SUFFIXES else f"{path.name}.jpg"


def _is_plain(picture: Picture, data: bytes) -> bool:
    return (
        picture.format == "JPEG"
        and picture.mode in ("RGB", "L")
        and picture.orientation == 1
        and (picture.profile is None or is_srgb(picture.profile))
        and _process(data) in _PROCESSES.values()
    )


def _process(data: bytes) -> str:
    """How a JPEG is coded, by its frame header (ITU-T T.81, table B.1): ``baseline``, ``progressive``, or empty for
    what few programs read (arithmetic, lossless, 12 bits)."""
    at = 2
    while at + 5 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at] != 0xFF:
            return ""
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # not tables, nor reserved
            return _PROCESSES.get(marker, "") if data[at + 4] == 8 else ""
        else:
            at += 2 + length
    return ""


def _notes(picture: Picture) -> tuple[str, ...]:
    notes = []
    if picture.orientation != 1:
        notes.append("turned upright")
    if picture.profile is not None and not is_srgb(picture.profile):
        notes.append("colour profile applied")
    if picture.format == "JPEG" and not notes:
        notes.append("a JPEG that few programs read, or of colours other than RGB")
    if (frames := picture.frames) > 1:
        notes.append(f"the first of {frames} pictures")
    return tuple(notes)
