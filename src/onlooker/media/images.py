"""The only decoder: any picture file becomes upright RGB uint8 pixels, or one clear ``PictureError``.

A ``Picture`` has read its header only. ``decode`` may be asked for fewer pixels than the file holds, which for a JPEG
costs a fraction of the whole (libjpeg leaves out the high frequencies), so a detector that needs 640 pixels of a
12-megapixel photograph does not wait for 12 million.
"""

import logging
import math
import threading
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import (  # noqa: F401 (each registers its format; left to Pillow, threads race for it at the first picture)
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from onlooker.core.errors import PictureError
from onlooker.core.faces import Picture8
from onlooker.media.colour import from_lab, to_srgb
from onlooker.media.damage import check_rows
from onlooker.media.depth import to_8bit_image
from onlooker.media.remarks import TRUNCATED, of_pages

log = logging.getLogger(__name__)

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PSD", "AVIF", "HEIF", "JPEG2000", "PPM", "TGA")
"""What is opened, as Pillow names it. Formats that run a program to be read (EPS) stay out. AVIF is asked before HEIF:
both may call themselves mif1, and only Pillow's AVIF looks closely enough to decline the other's."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".psd"}
    | {".heic", ".heif", ".hif", ".avif", ".jp2", ".ppm", ".pgm", ".tga"}
)
"""File endings that a folder is searched for; the content decides in the end."""

MAX_PIXELS = 120_000_000
"""Of a picture that is opened by default: room for the largest phones' 108 megapixels. Up to 178 million may be asked
for; beyond that Pillow itself refuses."""

MAX_BYTES = 512 * 1024 * 1024

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation (EXIF 2.32, tag 0x0112)."""

_heif_lock = threading.Lock()


class _Lenient:
    """Who decodes with Pillow's process-wide leniency set: ``runs`` is odd while it is set, and changes either way."""

    lock = threading.Lock()
    runs = 0


_lenient = _Lenient()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose header was read; ``width`` and ``height`` are those of the upright picture, in pixels."""

    width: int
    height: int
    orientation: int = 1
    data: bytes = field(default=b"", repr=False)
    pixels: Picture8 | None = field(default=None, repr=False)
    format: str = ""
    """One of ``FORMATS``: what the content is, whatever the file is called."""
    mode: str = "RGB"
    """Pillow's name of how the file holds colour: RGB, L, CMYK, P ..."""
    profile: bytes | None = field(default=None, repr=False)
    """The ICC profile of its colours, where it has one."""
    remarks: list[str] = field(default_factory=list, repr=False, compare=False)
    """What of the file was passed over, as far as it was read: a sentence each."""

    @classmethod
    def open(cls, source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> "Picture":
        """Read a file (or its bytes) as far as its size. Raises ``PictureError`` with one sentence on what is wrong."""
        data = source if isinstance(source, bytes) else _read_file(Path(source))
        if not data:
            raise PictureError("the file is empty (0 bytes); it was probably never written, copy it again")
        with _open(data) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise PictureError(
                    f"{width} x {height} is {width * height / 1e6:.0f} megapixels, over the limit of "
                    f"{max_pixels / 1e6:.0f}; make it smaller first"
                )
            orientation = _orientation(image, data)
            form, mode, profile = image.format or "", image.mode, image.info.get("icc_profile")
            remarks = of_pages(data) if form == "TIFF" else []
        if orientation >= 5:
            width, height = height, width
        return cls(width, height, orientation, data, format=form, mode=mode, profile=profile, remarks=remarks)

    @classmethod
    def of(cls, pixels: Any) -> "Picture":
        """A picture that is pixels already: an array or a Pillow image. Raises ``PictureError`` where it is neither."""
        checked = to_pixels(pixels)
        return cls(checked.shape[1], checked.shape[0], pixels=checked)

    def decode(self, scale: float = 1.0, *, srgb: bool = False, strict: bool = False) -> Picture8:
        """Upright RGB pixels ``(height, width, 3)``, at least ``scale`` (0 to 1) times the size of the file's picture.

        A JPEG comes at the smallest of 1/8, 1/4, 1/2 and 1/1 that is enough, anything else whole. With ``srgb`` the
        file's colour profile is applied; with ``strict`` a picture whose end is missing is a ``PictureError``, where
        else it is decoded as far as it goes.
        """
        if self.pixels is not None:
            return self.pixels
        wanted = (math.ceil(self.width * scale), math.ceil(self.height * scale))
        image, complete = self._load(wanted[::-1] if self.orientation >= 5 else wanted, strict=strict)
        rgb = _to_rgb(to_srgb(to_8bit_image(image)) if srgb else image)
        if self.orientation in _UPRIGHT:
            rgb = rgb.transpose(_UPRIGHT[self.orientation])
        pixels = np.asarray(rgb, dtype=np.uint8)
        if not complete:
            check_rows(image)
        return pixels

    @property
    def frames(self) -> int:
        """Pictures in the file: over 1 for an animation or several pages, of which ``decode`` gives the first."""
        with _open(self.data) as image:
            # Photoshop's are layers, which its own flattened picture holds already.
            return 1 if image.format == "PSD" else getattr(image, "n_frames", 1)

    def _load(self, wanted: tuple[int, int], *, strict: bool) -> tuple[Image.Image, bool]:
        """The decoded image and whether all of its data was there."""
        lenient_before = _lenient.runs
        try:
            image = _draft(self.data, wanted)
            if lenient_before == _lenient.runs and lenient_before % 2 == 0:
                return image, True
        except Exception:  # noqa: S110 (decoded again below, and reported there; libheif, for one, raises RuntimeError)
            pass
        # Pillow's leniency is one flag for the whole process. Whoever decoded while another thread had it set cannot
        # know whether the picture was complete, and decodes again here, alone.
        with _lenient.lock:
            try:
                return _draft(self.data, wanted), True
            except Exception as first:
                cause = first
            if strict:
                raise PictureError(f"its data is damaged or ends early ({cause}); copy the file again") from cause
            _lenient.runs += 1
            before = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            try:
                image = _draft(self.data, wanted)
            except Exception as second:
                raise PictureError(
                    f"the picture's data is damaged and cannot be decoded ({second}); export it again"
                ) from cause
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = before
                _lenient.runs += 1
        if TRUNCATED not in self.remarks:
            self.remarks.append(TRUNCATED)
            log.warning("a truncated picture was decoded as far as it goes")
        return image, False


def to_pixels(array: Any, *, srgb: bool = False) -> Picture8:
    """Upright RGB uint8 pixels of an array (``(h, w, 3)`` or grey ``(h, w)``, uint8) or a Pillow image, checked; with
    ``srgb`` an image's colour profile is applied."""
    pixels = np.asarray(_upright(array, srgb=srgb) if isinstance(array, Image.Image) else array)
    if pixels.dtype != np.uint8:
        raise PictureError(f"an array of pixels must be uint8 (0 to 255), got {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise PictureError(f"an array of pixels must be RGB of shape (height, width, 3), got {pixels.shape}")
    return np.ascontiguousarray(pixels)


def resize(pixels: Picture8, width: int, height: int) -> Picture8:
    """Pixels at another size, filtered so that nothing aliases."""
    if (height, width) == pixels.shape[:2]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0))


def _read_file(path: Path) -> bytes:
    try:
        if not path.exists():
            raise PictureError("no such file; check the path")
        if path.is_dir():
            raise PictureError("a folder, and no picture is known in it; name a picture")
        if not path.is_file():
            raise PictureError("not a regular file; name a picture")
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(f"the file is over {MAX_BYTES // 2**20} MB; make the picture smaller first")
        return path.read_bytes()
    except PermissionError:
        raise PictureError("no permission to read the file; change its rights or run as its owner") from None
    except OSError as error:
        raise PictureError(f"the file cannot be read ({error.strerror or error})") from None


def _open(data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp":
        _register_heif()
    try:
        return Image.open(BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError:
        raise PictureError(
            "not a picture in a known format (JPEG, PNG, WebP, TIFF, BMP, GIF, PSD, HEIC, AVIF)"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(
            "far more pixels than any photograph (a decompression bomb?); make it smaller first"
        ) from None
    except Exception as error:  # a decoder that trips over a broken header may raise nearly anything
        raise PictureError(f"the picture's header is damaged ({error}); export it again") from None


def _draft(data: bytes, wanted: tuple[int, int]) -> Image.Image:
    """The picture decoded at least as large as ``wanted``, a JPEG no larger than it must be."""
    image = _open(data)
    if image.format in ("JPEG", "MPO"):
        image.draft(None, wanted)
    image.load()
    return image


def _register_heif() -> None:
    """Teach Pillow HEIC on first need: loading libheif costs more than most runs want."""
    with _heif_lock:
        if "HEIF" not in Image.OPEN:
            import pi_heif

            Image.init()
            pi_heif.register_heif_opener(thumbnails=False)


def _upright(image: Image.Image, *, srgb: bool) -> Image.Image:
    """A Pillow image as upright RGB. Raises ``PictureError`` where it cannot be decoded."""
    try:
        image.load()
        rgb = _to_rgb(to_srgb(to_8bit_image(image)) if srgb else image)
    except Exception as error:  # as of a file, nearly anything
        raise PictureError(
            f"the Pillow image cannot be decoded ({error}); give the file's path or bytes, read as far as they go"
        ) from None
    orientation = _orientation(image)
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


def _orientation(image: Image.Image, data: bytes = b"") -> int:
    """How a picture has to be turned, by its EXIF; ``data`` are its bytes, where Pillow has not decoded it yet."""
    if image.format == "TIFF":  # Pillow turns these itself, their size included
        return 1
    # For want of EXIF in its head, Pillow decodes a whole PNG in search of some at its end.
    if image.format == "PNG" and data and b"eXIf" not in data and b"Raw profile type" not in data:
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF must not lose the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode as 8-bit RGB; transparency becomes white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "LAB":
        return from_lab(image)
    image = to_8bit_image(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
