"""Every format, and whatever holds pixels already, ends in the right pixels."""

import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.errors import PictureError
from onlooker.core.faces import Picture8
from onlooker.media import images
from onlooker.media.images import Picture, resize
from tests.media.pictures import BLUE, ENCODED, RED, WHITE, as_rgb, encode, furthest, quarters


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


def test_a_pillow_image_that_cannot_be_decoded_is_a_picture_error(noise: Picture8) -> None:
    data = encode(noise, "PNG")
    closed = Image.open(BytesIO(data))
    closed.close()
    for image, why in ((Image.open(BytesIO(data[: len(data) // 2])), "truncated"), (closed, "closed")):
        with pytest.raises(
            PictureError, match=rf"the Pillow image cannot be decoded \(.*{why}.*\); give the file's path"
        ):
            Picture.of(image)


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
