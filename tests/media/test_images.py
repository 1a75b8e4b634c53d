"""Every format, mode, orientation and kind of damage ends in the right pixels or in one clear sentence."""

import logging
import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from onlooker.core.errors import PictureError
from onlooker.core.faces import Picture8
from onlooker.media import images
from onlooker.media.images import Picture, resize, to_pixels

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


@pytest.mark.parametrize("name", ENCODED)
def test_each_format_gives_the_pixels_that_were_saved(name: str, tmp_path: Path) -> None:
    make, tolerance = ENCODED[name]
    path = tmp_path / "picture"
    path.write_bytes(make())
    picture = Picture.open(path)
    assert (picture.width, picture.height, picture.orientation) == (64, 48, 1)
    pixels = picture.decode()
    assert pixels.dtype == np.uint8
    assert furthest(pixels, quarters()) <= tolerance


def test_a_path_as_text_and_the_bytes_themselves_give_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encode(quarters(), "PNG"))
    assert np.array_equal(Picture.open(str(path)).decode(), Picture.open(path.read_bytes()).decode())


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_gives_the_pixels_that_were_saved(orientation: int, tmp_path: Path) -> None:
    """HEIF turns pictures by a property of its own, which libheif applies; its EXIF orientation is a mere remark, and
    heeding it too would turn every photograph of a phone twice. (Written by another process, since the encoder and the
    decoder each bring a libheif.)"""
    Image.fromarray(quarters()).save(tmp_path / "in.png")
    write = (
        "import sys, pillow_heif; from PIL import Image; pillow_heif.register_heif_opener(); exif = Image.Exif(); "
        "exif[0x112] = int(sys.argv[1]); Image.open('in.png').save('out.heic', quality=100, exif=exif)"
    )
    subprocess.run([sys.executable, "-c", write, str(orientation)], cwd=tmp_path, check=True)
    picture = Picture.open(tmp_path / "out.heic")
    assert (picture.width, picture.height, picture.orientation) == (64, 48, 1)
    assert furthest(picture.decode(), quarters()) <= 30


def test_an_avif_that_calls_itself_mif1_is_not_taken_for_heic() -> None:
    data = encode(quarters(), "AVIF", quality=98, subsampling="4:4:4")
    assert data[8:12] == b"avif"
    assert furthest(Picture.open(data[:8] + b"mif1" + data[12:]).decode(), quarters()) <= 12


def test_a_damaged_heic_is_refused_as_a_picture() -> None:
    brand = struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"heic")
    with pytest.raises(PictureError, match="not a picture in a known format"):
        Picture.open(brand + b"\0\0\0\x10meta" + bytes(200))


def test_a_decoder_that_fails_in_its_own_way_still_ends_in_a_picture_error(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture.open(encode(quarters(), "BMP"))

    def fail(_: Image.Image) -> None:
        raise RuntimeError("no such codec")

    monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile.load", fail)
    with pytest.raises(PictureError, match=r"damaged and cannot be decoded \(no such codec\); export it again"):
        picture.decode()


def test_an_animated_gif_gives_its_first_frame() -> None:
    second = Image.new("RGB", (64, 48), BLUE)
    data = encode(quarters(), "GIF", save_all=True, append_images=[second], duration=100)
    assert Image.open(BytesIO(data)).is_animated  # type: ignore[attr-defined]
    assert np.array_equal(Picture.open(data).decode(), quarters())


def test_every_ending_looked_for_belongs_to_a_format_that_is_opened() -> None:
    images._register_heif()
    by_suffix = Image.registered_extensions()
    known = {suffix: by_suffix.get(suffix, "MPO" if suffix == ".mpo" else "HEIF") for suffix in images.SUFFIXES}
    assert {suffix: kind for suffix, kind in known.items() if kind not in images.FORMATS} == {}


@pytest.mark.parametrize(("kind", "suffix"), [("EPS", ".eps"), ("ICO", ".ico"), ("PCX", ".pcx")])
def test_other_formats_of_pillow_are_refused(kind: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(encode(quarters(), kind))
    with Image.open(path) as control:
        assert control.format == kind
    with pytest.raises(PictureError, match="not a picture in a known format"):
        Picture.open(path)


def greys() -> Image.Image:
    return Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))


def as_rgb(grey: Any) -> Picture8:
    return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)


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
        pytest.param(np.array([[0, 128, 255, -7]], np.int32), [[0, 128, 255, 0]], id="32-bit integers within 8 bits"),
        pytest.param(np.array([[0, 25700, 65535, -7]], np.int32), [[0, 100, 255, 0]], id="32-bit integers of 16 bits"),
        pytest.param(np.array([[0, 0.5, 1, -1]], np.float32), [[0, 128, 255, 0]], id="floats from 0 to 1"),
        pytest.param(np.array([[0, 100.4, 255, 300]], np.float32), [[0, 100, 255, 255]], id="floats from 0 to 255"),
        pytest.param(np.array([[0, 0.5, 1, np.nan]], np.float32), [[0, 128, 255, 0]], id="floats with no data"),
    ],
)
def test_wide_greys_are_scaled_to_eight_bits(values: np.ndarray[Any, Any], expected: list[list[int]]) -> None:
    assert np.array_equal(Picture.open(encode(Image.fromarray(values), "TIFF")).decode(), as_rgb(expected))


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


def test_a_jpeg_that_lacks_its_end_is_used_as_far_as_it_goes(noise: Picture8, caplog: pytest.LogCaptureFixture) -> None:
    whole = encode(noise, "JPEG", quality=95)
    intact = Picture.open(whole).decode()
    with caplog.at_level(logging.WARNING, "onlooker.media.images"):
        pixels = Picture.open(whole[: len(whole) * 9 // 10]).decode()
    assert np.array_equal(pixels[:24], intact[:24])
    assert not np.array_equal(pixels, intact)
    assert [record.message for record in caplog.records] == ["a truncated picture was decoded as far as it goes"]


def test_a_usable_truncated_jpeg_is_upright_too(noise: Picture8) -> None:
    whole = encode(noise, "JPEG", quality=95, exif=exif(6))
    pixels = Picture.open(whole[: len(whole) * 9 // 10]).decode()
    assert np.array_equal(pixels[:, -24:], Picture.open(whole).decode()[:, -24:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "TGA", "PPM"])
def test_a_picture_of_which_a_quarter_is_there_is_beyond_use(noise: Picture8, kind: str) -> None:
    whole = encode(noise, kind)
    picture = Picture.open(whole[: len(whole) // 4] if kind != "JPEG" else whole[: 600 + (len(whole) - 600) // 4])
    with pytest.raises(PictureError, match=r"truncated beyond use: only \d+ % of its rows are there; copy the file"):
        picture.decode()


def test_a_png_that_lacks_its_end_is_used_as_far_as_it_goes(noise: Picture8) -> None:
    whole = encode(noise, "PNG")
    assert np.array_equal(Picture.open(whole[: len(whole) * 3 // 4]).decode()[:32], noise[:32])


def test_a_truncated_picture_leaves_pillow_as_strict_as_it_was(noise: Picture8) -> None:
    whole = encode(noise, "PNG")
    Picture.open(whole[: len(whole) * 3 // 4]).decode()
    with pytest.raises(OSError, match="truncated"):
        Image.open(BytesIO(whole[: len(whole) // 2])).load()


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_formats_that_cannot_be_read_in_part_are_refused_when_truncated(noise: Picture8, kind: str) -> None:
    whole = encode(noise, kind)
    with pytest.raises(PictureError):
        Picture.open(whole[: len(whole) // 2]).decode()


def test_a_jpeg_cut_within_its_header_is_refused() -> None:
    with pytest.raises(PictureError, match="header is damaged"):
        Picture.open(encode(quarters(), "JPEG")[:100])


def test_an_empty_file_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.touch()
    with pytest.raises(PictureError, match=r"empty \(0 bytes\)"):
        Picture.open(path)


def test_a_missing_file_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no such file"):
        Picture.open(tmp_path / "absent.jpg")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="not a regular file"):
        Picture.open(tmp_path)


def test_a_name_longer_than_the_system_allows_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"the file cannot be read \(File name too long\)"):
        Picture.open(tmp_path / ("x" * 300))


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_text("not a picture, whatever its name says")
    with pytest.raises(PictureError, match="not a picture in a known format"):
        Picture.open(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encode(quarters(), "PNG"))
    path.chmod(0)
    with pytest.raises(PictureError, match="no permission"):
        Picture.open(path)


def test_a_denied_read_says_to_change_the_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encode(quarters(), "PNG"))

    def deny(_: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", deny)
    with pytest.raises(PictureError, match="no permission to read the file; change its rights"):
        Picture.open(path)


def test_a_file_over_the_limit_of_bytes_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encode(quarters(), "PNG"))
    monkeypatch.setattr(images, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(PictureError, match=r"the file is over \d+ MB"):
        Picture.open(path)
    monkeypatch.setattr(images, "MAX_BYTES", path.stat().st_size)
    assert Picture.open(path).width == 64


def test_a_picture_over_the_limit_of_pixels_is_refused_with_the_numbers() -> None:
    with pytest.raises(PictureError, match=r"^4000 x 3000 is 12 megapixels, over the limit of 10; make it smaller"):
        Picture.open(png_header(4000, 3000), max_pixels=10_000_000)


def test_a_picture_at_the_limit_of_pixels_is_opened() -> None:
    assert Picture.open(encode(quarters(), "PNG"), max_pixels=64 * 48).width == 64
    with pytest.raises(PictureError, match="64 x 48"):
        Picture.open(encode(quarters(), "PNG"), max_pixels=64 * 48 - 1)


def test_a_decompression_bomb_is_refused_before_it_unfolds() -> None:
    with pytest.raises(PictureError, match="far more pixels than any photograph"):
        Picture.open(png_header(50_000, 50_000))


def test_many_threads_that_decode_mixed_formats_see_the_same_pixels(noise: Picture8) -> None:
    data = [make() for make, _ in ENCODED.values()]
    data += [encode(noise, "JPEG", exif=exif(o)) for o in UPRIGHT]
    alone = [Picture.open(one).decode() for one in data]
    start = threading.Barrier(8)

    def worker(offset: int) -> list[tuple[int, Picture8]]:
        start.wait()
        order = [(i + offset) % len(data) for i in range(len(data))]
        return [(i, Picture.open(data[i]).decode()) for i in order]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for done in pool.map(worker, range(8)) for answer in done]
    assert len(answers) == 8 * len(data)
    assert [i for i, pixels in answers if not np.array_equal(pixels, alone[i])] == []


def test_an_array_is_a_picture_already(noise: Picture8) -> None:
    picture = Picture.of(noise)
    assert (picture.width, picture.height, picture.orientation) == (64, 48, 1)
    assert np.array_equal(picture.decode(0.1), noise)


def test_a_view_becomes_contiguous_pixels(noise: Picture8) -> None:
    pixels = Picture.of(noise[:, ::-1]).decode()
    assert pixels.flags.c_contiguous
    assert np.array_equal(pixels, noise[:, ::-1])


def test_a_grey_array_repeats_in_all_three_channels(noise: Picture8) -> None:
    assert np.array_equal(Picture.of(noise[..., 0]).decode(), as_rgb(noise[..., 0]))


def test_a_pillow_image_becomes_rgb_with_white_behind_it() -> None:
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (*BLUE, 0))
    picture = Picture.of(image)
    assert (picture.width, picture.height) == (2, 1)
    assert picture.decode().tolist() == [[list(RED), list(WHITE)]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "must be uint8.*got float32"),
        (np.zeros((4, 4, 3), np.int64), "must be uint8.*got int64"),
        (np.zeros((4, 4, 4), np.uint8), r"shape \(height, width, 3\), got \(4, 4, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"got \(2, 4, 4, 3\)"),
        (np.zeros(12, np.uint8), r"got \(12,\)"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
        (np.zeros((4, 0), np.uint8), r"got \(4, 0, 3\)"),
        (Image.new("RGB", (0, 5)), r"got \(5, 0, 3\)"),
        ("picture.jpg", "must be uint8"),
        (None, "must be uint8.*got object"),
    ],
)
def test_what_is_no_pixels_is_refused_with_what_came(value: object, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        Picture.of(value)


def test_resizing_to_the_same_size_keeps_every_pixel(noise: Picture8) -> None:
    assert np.array_equal(resize(noise, 64, 48), noise)


def test_resizing_down_averages_instead_of_skipping() -> None:
    checks = as_rgb((np.indices((64, 64)).sum(axis=0) % 2) * 255)
    small = resize(checks, 16, 8)
    assert small.shape == (8, 16, 3)
    assert np.abs(small.astype(int) - 127).max() <= 3
