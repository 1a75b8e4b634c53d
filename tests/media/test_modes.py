"""Grey, palettes, transparency, orientation and scale: every mode ends in upright RGB."""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from onlooker.media.images import Picture, resize, to_pixels
from tests.media.pictures import BLUE, RED, UPRIGHT, WHITE, as_rgb, encode, exif, furthest, quarters


def greys() -> Image.Image:
    return Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))


def test_grey_repeats_in_all_three_channels() -> None:
    assert np.array_equal(Picture.open(encode(greys(), "PNG")).decode(), as_rgb(greys()))


def test_a_palette_is_looked_up() -> None:
    palette = Image.fromarray(quarters()).quantize(4)
    assert palette.mode == "P"
    assert np.array_equal(Picture.open(encode(palette, "PNG")).decode(), quarters())


def test_a_bilevel_picture_is_black_and_white() -> None:
    bits = np.indices((8, 8)).sum(axis=0) % 2 == 1
    pixels = Picture.open(encode(Image.fromarray(bits), "PNG")).decode()
    assert np.array_equal(pixels, as_rgb(bits * 255))


def test_cmyk_comes_out_as_the_colour_it_prints() -> None:
    cmyk = Image.fromarray(quarters()).convert("CMYK")
    assert furthest(Picture.open(encode(cmyk, "TIFF")).decode(), quarters()) <= 1
    assert furthest(Picture.open(encode(cmyk, "JPEG", quality=98, subsampling=0)).decode(), quarters()) <= 6


def test_sixteen_bits_keep_their_upper_eight() -> None:
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    pixels = Picture.open(encode(Image.fromarray(values), "PNG")).decode()
    assert np.array_equal(pixels, as_rgb(greys()))


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_a_dark_sixteen_bit_picture_stays_dark_in_either_byte_order(order: str) -> None:
    values = np.full((4, 4), 200, dtype=f"{order}u2")
    image = Image.frombytes("I;16" if order == "<" else "I;16B", (4, 4), values.tobytes())
    assert np.array_equal(to_pixels(image), as_rgb(np.full((4, 4), 1)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(
            np.array([[0, 2**30, 2**31 - 1, -7]], np.int32), [[0, 128, 255, 0]], id="32-bit integers of 31 bits"
        ),
        pytest.param(np.array([[0, 25700, 65535, -7]], np.float32), [[0, 100, 255, 0]], id="floats from 0 to 65535"),
        pytest.param(np.array([[0, 0.5, 1.3, 0]], np.float32), [[0, 128, 255, 0]], id="floats sharpened past white"),
        pytest.param(np.array([[0, 128, 255, -7]], np.int32), [[0, 128, 255, 0]], id="32-bit integers within 8 bits"),
        pytest.param(np.array([[0, 25700, 65535, -7]], np.int32), [[0, 100, 255, 0]], id="32-bit integers of 16 bits"),
        pytest.param(np.array([[0, 0.5, 1, -1]], np.float32), [[0, 128, 255, 0]], id="floats from 0 to 1"),
        pytest.param(np.array([[0, 100.4, 255, 300]], np.float32), [[0, 100, 255, 255]], id="floats from 0 to 255"),
        pytest.param(np.array([[0, 0.5, 1, np.nan]], np.float32), [[0, 128, 255, 0]], id="floats with no data"),
    ],
)
def test_wide_greys_are_scaled_to_eight_bits(values: np.ndarray[Any, Any], expected: list[list[int]]) -> None:
    assert np.array_equal(Picture.open(encode(Image.fromarray(values), "TIFF")).decode(), as_rgb(expected))


def tiff(values: np.ndarray[Any, Any], tags: dict[int, int]) -> bytes:
    """A TIFF of some values as they are, by tags that hold one number each (TIFF 6.0)."""
    height, width = values.shape
    data = values.tobytes()
    every = {256: width, 257: height, 258: values.itemsize * 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    every |= {279: len(data)} | tags
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, every[tag]) for tag in sorted(every))
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    return head + data + struct.pack("<H", len(every)) + entries + bytes(4)


WHITE_IS_0, TWELVE_BITS, SIGNED = {262: 0}, {281: 4095}, {339: 2}


@pytest.mark.parametrize(
    ("values", "tags", "expected"),
    [
        (np.array([[0, 2**31, 2**32 - 1]], "<u4"), {}, [0, 128, 255]),
        (np.array([[0, 100, 255]], "<u4"), {}, [0, 100, 255]),
        (np.array([[0, 2048, 4095]], "<u2"), TWELVE_BITS, [0, 128, 255]),
        (np.array([[0, 16384, 32767]], "<i2"), SIGNED, [0, 128, 255]),
        (np.array([[0, 25700, 65535]], "<u2"), WHITE_IS_0, [255, 155, 0]),
        (np.array([[0, 25700, 65535]], "<u2"), WHITE_IS_0 | {281: 65535}, [255, 155, 0]),
    ],
    ids=["32 bits unsigned", "32 bits of which 8 are used", "12 bits in 16", "15 bits", "white is 0", "it is, of 16"],
)
def test_a_tiff_of_deep_grey_says_what_its_white_is(
    values: np.ndarray[Any, Any], tags: dict[int, int], expected: list[int]
) -> None:
    assert np.array_equal(Picture.open(tiff(values, tags)).decode(), as_rgb([expected]))


def transparent_palette() -> bytes:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    return encode(image, "PNG", transparency=1)


def transparent_rgba() -> bytes:
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (*BLUE, 0))
    return encode(image, "PNG")


def transparent_colour() -> bytes:
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), BLUE)
    return encode(image, "PNG", transparency=BLUE)


@pytest.mark.parametrize("make", [transparent_palette, transparent_rgba, transparent_colour])
def test_what_is_transparent_becomes_white_and_the_rest_stays(make: Callable[[], bytes]) -> None:
    assert Picture.open(make()).decode().tolist() == [[list(RED), list(WHITE)]]


def test_grey_with_alpha_becomes_white_where_transparent() -> None:
    image = Image.new("LA", (2, 1), (40, 255))
    image.putpixel((1, 0), (40, 0))
    assert Picture.open(encode(image, "PNG")).decode().tolist() == [[[40] * 3, [255] * 3]]


def test_half_transparent_lies_halfway_to_white() -> None:
    pixels = Picture.open(encode(Image.new("RGBA", (1, 1), (55, 155, 255, 128)), "PNG")).decode()
    assert np.abs(pixels[0, 0].astype(int) - [155, 205, 255]).max() <= 1


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("AVIF", {"quality": 98, "subsampling": "4:4:4"}),
    ],
)
def test_orientation_makes_both_the_size_and_the_pixels_upright(
    kind: str, options: dict[str, Any], orientation: int
) -> None:
    want = UPRIGHT[orientation](quarters())
    picture = Picture.open(encode(quarters(), kind, exif=exif(orientation), **options))
    assert (picture.height, picture.width) == want.shape[:2]
    assert furthest(picture.decode(), want) <= 12


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_pillow_image_is_made_upright_as_its_file_is(kind: str, orientation: int) -> None:
    data = encode(quarters(), kind, exif=exif(orientation))
    want = Picture.open(data).decode()
    for image in (Image.open(BytesIO(data)), Image.open(BytesIO(data)).convert("RGB")):
        picture = Picture.of(image)
        assert (picture.height, picture.width) == want.shape[:2]
        assert np.array_equal(picture.decode(), want)
    assert np.array_equal(to_pixels(ImageOps.exif_transpose(Image.open(BytesIO(data)))), want)


@pytest.mark.parametrize("orientation", [0, 9, 200])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    picture = Picture.open(encode(quarters(), "PNG", exif=exif(orientation)))
    assert picture.orientation == 1
    assert np.array_equal(picture.decode(), quarters())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize(
    "block",
    [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\xff\xff", b"Exif\0\0" + b"\xa5" * 60, exif(6).tobytes()[:17]],
    ids=["empty", "pointing nowhere", "noise", "cut"],
)
def test_damaged_exif_does_not_lose_the_picture(block: bytes) -> None:
    picture = Picture.open(encode(quarters(), "JPEG", quality=95, subsampling=0, exif=block))
    assert picture.orientation == 1
    assert furthest(picture.decode(), quarters()) <= 3


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("scale", "divisor"), [(1.0, 1), (0.6, 1), (0.5, 2), (0.3, 2), (0.25, 4), (0.01, 8)])
def test_a_large_jpeg_is_decoded_no_larger_than_asked(orientation: int, scale: float, divisor: int) -> None:
    stored = resize(quarters(), 1200, 800)
    whole = UPRIGHT[orientation](stored)
    picture = Picture.open(encode(stored, "JPEG", quality=95, exif=exif(orientation)))
    pixels = picture.decode(scale)
    assert pixels.shape == (whole.shape[0] // divisor, whole.shape[1] // divisor, 3)
    assert pixels.shape[0] >= scale * picture.height
    assert pixels.shape[1] >= scale * picture.width
    assert np.abs(pixels.astype(int) - resize(whole, pixels.shape[1], pixels.shape[0])).mean() < 3


def test_other_formats_come_whole_whatever_scale_is_asked_for() -> None:
    assert np.array_equal(Picture.open(encode(quarters(), "PNG")).decode(0.25), quarters())
