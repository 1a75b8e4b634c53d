"""Pictures of known pixels in any format, and how far others lie from them."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from onlooker.core.faces import Picture8

RED, GREEN, BLUE, WHITE = (250, 10, 10), (10, 250, 10), (10, 10, 250), (255, 255, 255)

UPRIGHT: dict[int, Callable[[Picture8], Picture8]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}
"""What makes stored pixels upright, in numpy's words, from the EXIF definition of each orientation."""


def quarters() -> Picture8:
    """48 high and 64 wide: red, green, blue and black quarters, so that no two orientations look alike."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32], pixels[:24, 32:], pixels[24:, :32] = RED, GREEN, BLUE
    return pixels


def encode(pixels: Picture8 | Image.Image, kind: str, **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    return tags


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A profile under which red is shown where sRGB shows green, and the reverse: the colorants of sRGB's own, swapped
    (ICC.1:2022, 7.3: a tag table of signature, offset and size)."""
    return SRGB.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")


def psd(pixels: Picture8) -> bytes:
    """A Photoshop file of three raw 8-bit planes and no layers."""
    height, width = pixels.shape[:2]
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, 3)
    no_colour_data_resources_layers = struct.pack(">III", 0, 0, 0)
    return header + no_colour_data_resources_layers + struct.pack(">H", 0) + pixels.transpose(2, 0, 1).tobytes()


def png_header(width: int, height: int) -> bytes:
    """A one-bit PNG of any size that holds no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def furthest(got: Picture8, want: Picture8) -> int:
    assert got.shape == want.shape
    return int(np.abs(got.astype(int) - want.astype(int)).max())


ENCODED: dict[str, tuple[Callable[[], bytes], int]] = {
    "JPEG": (lambda: encode(quarters(), "JPEG", quality=95, subsampling=0), 3),
    "progressive JPEG": (lambda: encode(quarters(), "JPEG", quality=95, subsampling=0, progressive=True), 3),
    "MPO": (lambda: encode(quarters(), "MPO", quality=95, subsampling=0), 3),
    "PNG": (lambda: encode(quarters(), "PNG"), 0),
    "WebP": (lambda: encode(quarters(), "WEBP", lossless=True), 0),
    "TIFF": (lambda: encode(quarters(), "TIFF"), 0),
    "TIFF with LZW": (lambda: encode(quarters(), "TIFF", compression="tiff_lzw"), 0),
    "BMP": (lambda: encode(quarters(), "BMP"), 0),
    "GIF": (lambda: encode(quarters(), "GIF"), 0),
    "AVIF": (lambda: encode(quarters(), "AVIF", quality=98, subsampling="4:4:4"), 12),
    "JPEG2000": (lambda: encode(quarters(), "JPEG2000"), 0),
    "PPM": (lambda: encode(quarters(), "PPM"), 0),
    "TGA": (lambda: encode(quarters(), "TGA"), 0),
    "PSD": (lambda: psd(quarters()), 0),
}


def as_rgb(grey: Any) -> Picture8:
    return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)
