"""Any picture becomes a real JPEG, and what is one already is left as it is."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from onlooker.core.errors import PictureError
from onlooker.core.faces import Picture8
from onlooker.datasets.jpeg import ENDINGS, jpeg_name, looks_like_picture, to_jpeg
from onlooker.media.colour import is_srgb
from onlooker.media.images import FORMATS, Picture
from tests.datasets.pictures import photograph
from tests.media.pictures import ENCODED, SRGB, UPRIGHT, encode, exif, furthest, psd, quarters, swapped_profile


def decoded(data: bytes) -> Picture8:
    """As a program that knows neither EXIF nor profiles sees it."""
    with Image.open(BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert "icc_profile" not in image.info
        assert not image.getexif()
        return np.asarray(image)


@pytest.mark.parametrize("name", [n for n in ENCODED if n not in ("JPEG", "progressive JPEG", "MPO")])
def test_each_format_is_converted_not_renamed(name: str) -> None:
    jpeg = to_jpeg(ENCODED[name][0](), "picture")
    assert not jpeg.kept
    assert furthest(decoded(jpeg.data), quarters()) <= 14


def test_a_phones_heic_is_upright_and_in_srgb(tmp_path: Path) -> None:
    """Written by another process, since the encoder and the decoder each bring a libheif."""
    Image.fromarray(quarters()).save(tmp_path / "in.png")
    (tmp_path / "profile").write_bytes(swapped_profile())
    write = (
        "import pillow_heif; from PIL import Image; pillow_heif.register_heif_opener(); exif = Image.Exif(); "
        "exif[0x112] = 6; profile = open('profile', 'rb').read(); "
        "Image.open('in.png').save('out.heic', quality=100, exif=exif, icc_profile=profile)"
    )
    subprocess.run([sys.executable, "-c", write], cwd=tmp_path, check=True)
    jpeg = to_jpeg((tmp_path / "out.heic").read_bytes(), "IMG_0001.HEIC")
    assert (jpeg.format, jpeg.lies, jpeg.notes) == ("HEIF", False, ("colour profile applied",))
    pixels = decoded(jpeg.data)
    assert pixels.shape == (48, 64, 3)
    assert pixels[5, 5, 1] > 200 > pixels[5, 5, 0]


@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG"])
def test_a_true_jpeg_is_copied_byte_for_byte(name: str) -> None:
    data = ENCODED[name][0]()
    jpeg = to_jpeg(data, "picture.jpg")
    assert (jpeg.kept, jpeg.data, jpeg.lies, jpeg.notes) == (True, data, False, ())


@pytest.mark.parametrize(
    "options",
    [{"exif": exif(1)}, {"icc_profile": SRGB}, {"comment": "\xff\xc9 is no frame header here"}],
    ids=["upright by its EXIF", "sRGB by its profile", "a comment that looks like a marker"],
)
def test_what_says_the_same_in_other_words_is_fine_too(options: dict[str, Any]) -> None:
    data = encode(quarters(), "JPEG", **options)
    assert to_jpeg(data, "a.jpg").data == data


def test_grey_is_fine() -> None:
    data = encode(Image.fromarray(quarters()).convert("L"), "JPEG")
    assert to_jpeg(data, "a.jpg").kept


@pytest.mark.parametrize("orientation", list(UPRIGHT)[1:])
def test_a_turned_jpeg_is_made_upright_for_those_who_know_no_exif(orientation: int) -> None:
    jpeg = to_jpeg(encode(quarters(), "JPEG", quality=95, subsampling=0, exif=exif(orientation)), "a.jpg")
    assert jpeg.notes == ("turned upright",)
    assert furthest(decoded(jpeg.data), UPRIGHT[orientation](quarters())) <= 14


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_colour_profile_is_applied(kind: str) -> None:
    options: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    lossless = options.get(kind, {})
    jpeg = to_jpeg(encode(quarters(), kind, icc_profile=swapped_profile(), **lossless), "a")
    assert jpeg.notes == ("colour profile applied",)
    pixels = decoded(jpeg.data)
    red, green = pixels[5, 5].astype(int), pixels[5, 60].astype(int)
    assert red[1] > 200 > red[0]
    assert green[0] > 200 > green[1]


def test_a_profile_is_applied_beneath_transparency() -> None:
    image = Image.new("RGBA", (16, 16), (250, 10, 10, 255))
    image.paste((0, 0, 0, 0), (8, 0, 16, 16))
    pixels = decoded(to_jpeg(encode(image, "PNG", icc_profile=swapped_profile()), "a.png").data)
    assert pixels[8, 2, 1] > 200 > pixels[8, 2, 0]
    assert pixels[8, 13].min() > 245


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "I;16"])
def test_a_profile_that_does_not_fit_the_picture_loses_nothing(mode: str) -> None:
    image = Image.fromarray(quarters())
    wide = np.full((8, 8), 257 * 80, dtype=np.uint16)
    image = Image.fromarray(wide) if mode == "I;16" else image.convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    with_profile, without = (
        decoded(to_jpeg(encode(image, kind, **options), "a").data) for options in ({"icc_profile": b"junk"}, {})
    )
    assert np.array_equal(with_profile, without)


def test_a_grey_profile_is_applied_to_grey() -> None:
    linear = encode(Image.fromarray(np.full((8, 8), 128, dtype=np.uint8)), "PNG", icc_profile=grey_profile())
    assert decoded(to_jpeg(linear, "a.png").data).mean() == pytest.approx(188, abs=3)


def grey_profile() -> bytes:
    """A grey profile whose numbers are proportional to light (ICC.1:2022: header, tag table, wtpt and kTRC)."""
    white = b"XYZ \0\0\0\0" + b"".join(round(v * 65536).to_bytes(4, "big") for v in (0.9642, 1.0, 0.8249))
    curve = b"curv" + bytes(8)
    at = 128 + 4 + 24
    table = (2).to_bytes(4, "big") + b"wtpt" + at.to_bytes(4, "big") + len(white).to_bytes(4, "big")
    table += b"kTRC" + (at + len(white)).to_bytes(4, "big") + len(curve).to_bytes(4, "big")
    size = (at + len(white) + len(curve)).to_bytes(4, "big")
    header = size + bytes(4) + b"\x02\x10\0\0mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28) + white[8:] + bytes(48)
    return header + table + white + curve


def test_profiles_are_known_by_what_they_do() -> None:
    assert is_srgb(SRGB)
    assert not any(map(is_srgb, (swapped_profile(), grey_profile(), b"junk", b"")))


def test_lab_and_cmyk_come_out_in_their_colours() -> None:
    rgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(quarters()), rgb, lab, outputMode="LAB")
    assert image is not None
    for data in (encode(image, "TIFF"), encode(Image.fromarray(quarters()).convert("CMYK"), "JPEG", quality=98)):
        assert furthest(decoded(to_jpeg(data, "a").data), quarters()) <= 40


def test_transparent_is_white() -> None:
    assert decoded(to_jpeg(encode(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"), "a").data).min() == 255


def test_of_several_pictures_the_first_is_taken_and_said() -> None:
    others = [Image.new("RGB", (64, 48), colour) for colour in ("black", "white")]
    for kind in ("GIF", "TIFF", "WEBP", "MPO"):
        jpeg = to_jpeg(encode(quarters(), kind, save_all=True, append_images=others), "a")
        assert jpeg.notes[-1] == "the first of 3 pictures"
        assert np.abs(decoded(jpeg.data).astype(int) - quarters()).mean() < 5


@pytest.mark.parametrize(
    ("name", "kind", "lies"),
    [
        ("a.jpg", "PNG", True),
        ("a.png", "JPEG", True),
        ("a.JPEG", "JPEG", False),
        ("a.txt", "GIF", True),
        ("a", "GIF", False),
        ("a.mpo", "PNG", True),
    ],
)
def test_a_name_that_lies_is_caught(name: str, kind: str, lies: bool) -> None:
    jpeg = to_jpeg(encode(quarters(), kind), name)
    assert (jpeg.format, jpeg.lies) == (kind, lies)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_a_picture_that_lacks_its_end_is_refused(kind: str) -> None:
    data = encode(photograph(1), kind)
    with pytest.raises(PictureError):
        to_jpeg(data[: len(data) * 9 // 10], "a")


def test_a_jpeg_that_few_programs_read_is_encoded_anew() -> None:
    data = bytearray(encode(quarters(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    assert to_jpeg(bytes(data), "a.jpg").kept
    data[frame + 1] = 0xC1  # extended sequential: the same but for its limits
    assert to_jpeg(bytes(data), "a.jpg").kept
    cmyk = encode(Image.fromarray(quarters()).convert("CMYK"), "JPEG")
    assert not to_jpeg(cmyk, "a.jpg").kept


def test_what_no_jpeg_can_hold_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onlooker.datasets.jpeg.MAX_SIDE", 60)
    with pytest.raises(PictureError, match="64 x 48 pixels; a JPEG's side has 60 at most"):
        to_jpeg(encode(quarters(), "PNG"), "a.png")


def test_a_lower_quality_is_a_smaller_file() -> None:
    data = encode(photograph(1).resize((400, 400)), "PNG")
    sizes = [len(to_jpeg(data, "a.png", quality=q).data) for q in (50, 80, 92)]
    assert sizes == sorted(sizes)


def test_every_format_has_endings_and_a_start_that_is_known() -> None:
    assert set(ENDINGS) == set(FORMATS)
    for name, (make, _) in ENCODED.items():
        assert looks_like_picture(make()[:32]) == (name not in ("TGA", "PPM")), name
    assert not looks_like_picture(b"")
    assert not looks_like_picture(b"BMW drivers: a list of them all")
    assert Picture.open(psd(quarters())).format == "PSD"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.png", "a.jpg"),
        ("A.JPEG", "A.jpg"),
        ("1_0.jpg.chip.jpg", "1_0.jpg.chip.jpg"),
        ("a", "a.jpg"),
        ("v1.2", "v1.2.jpg"),
        ("a.dat", "a.dat.jpg"),
    ],
)
def test_the_name_of_the_jpeg(name: str, wanted: str) -> None:
    assert jpeg_name(name) == wanted
