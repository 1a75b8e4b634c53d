"""What is said of a picture of which not all was read."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from onlooker import Analyzer
from onlooker.core.faces import Picture8
from onlooker.media.images import Picture
from onlooker.media.remarks import FURTHER_PAGES, TRUNCATED
from onlooker.testing import FixedEstimator, ScriptedDetector, face_detection
from tests.media.pictures import encode


def several(form: str, *kinds: int, mode: str = "RGB", **options: Any) -> bytes:
    """A file of several pictures; of a TIFF, each with its NewSubfileType."""
    out, pages = BytesIO(), [Image.new(mode, (40 + 8 * i, 32)) for i in range(len(kinds))]
    for page, kind in zip(pages, kinds, strict=True):
        tags = ImageFileDirectory_v2()
        tags[254] = kind
        page.encoderinfo = {"tiffinfo": tags}
    pages[0].save(out, form, save_all=True, append_images=pages[1:], **options)
    return out.getvalue()


def chain(further: int, *, kind: int, last: int | None = None) -> bytes:
    """A TIFF of one picture and as many further pages of a kind, which say nothing but that."""
    data = bytearray(several("TIFF", 0))
    (first,) = struct.unpack_from("<L", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    begin = len(data)
    struct.pack_into("<L", data, first + 2 + 12 * entries, begin)
    for i in range(further):
        following, value = begin + 18 * (i + 1), kind
        if i == further - 1:
            following, value = 0, kind if last is None else last
        data += struct.pack("<HHHLLL", 1, 254, 4, 1, value, following)
    return bytes(data)


@pytest.mark.parametrize(
    ("form", "kinds", "remarks"),
    [
        ("TIFF", [0], []),
        ("TIFF", [0, 0, 0], [FURTHER_PAGES]),
        ("TIFF", [0, 1, 2], [FURTHER_PAGES]),
        ("TIFF", [0, 1, 1], []),
        ("GIF", [0, 0, 0], []),
        ("MPO", [0, 0], []),
    ],
)
def test_further_pages_are_told_and_smaller_copies_and_animations_are_not(
    form: str, kinds: list[int], remarks: list[str]
) -> None:
    picture = Picture.open(several(form, *kinds))
    assert picture.remarks == remarks
    assert picture.decode().shape == (32, 40, 3), "the first one, after all"


@pytest.mark.parametrize(
    ("mode", "options", "begin"),
    [
        ("RGB", {}, b"II*\0"),
        ("I;16B", {}, b"MM\0*"),
        ("RGB", {"big_tiff": True}, b"II+\0"),
    ],
    ids=["little", "big", "BigTIFF"],
)
def test_pages_are_told_in_every_form_of_a_tiff(mode: str, options: dict[str, Any], begin: bytes) -> None:
    two, copies = several("TIFF", 0, 0, mode=mode, **options), several("TIFF", 0, 1, 1, mode=mode, **options)
    assert two[:4] == copies[:4] == begin
    assert Picture.open(two).remarks == [FURTHER_PAGES]
    assert Picture.open(copies).remarks == []


def test_no_more_pages_are_looked_at_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, many = several("TIFF", 0), chain(2000, kind=0)
    read: list[int] = []
    seek = TiffImageFile._seek

    def counted(image: TiffImageFile, frame: int) -> None:
        read.append(frame)
        seek(image, frame)

    monkeypatch.setattr(TiffImageFile, "_seek", counted)
    assert Picture.open(alone).remarks == []
    assert set(read) == {0}
    assert Picture.open(many).remarks == [FURTHER_PAGES]
    assert set(read) == {0}, "Pillow was asked for no further page"
    assert Picture.open(chain(2000, kind=1, last=0)).remarks == [], "given up long before"
    assert Picture.open(chain(9, kind=1, last=0)).remarks == [FURTHER_PAGES]


def test_pages_that_lead_round_in_a_ring_are_gone_through_once() -> None:
    data = several("TIFF", 0)
    (first,) = struct.unpack_from("<L", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    after = first + 2 + 12 * entries
    assert Picture.open(data[:after] + struct.pack("<L", first) + data[after + 4 :]).remarks == []


def test_pages_that_are_damaged_do_not_lose_the_first() -> None:
    data = several("TIFF", 0, 0, 0)
    with Image.open(BytesIO(data)) as image:
        image.seek(1)
        second = image.tell() and image._frame_pos[1]  # type: ignore[attr-defined]
    damaged = data[:second] + b"\xff" * (len(data) - second)
    picture = Picture.open(damaged)
    assert (picture.width, picture.height) == (40, 32)


def test_an_analysis_says_once_that_its_picture_is_truncated(noise: Picture8, tmp_path: Path) -> None:
    whole = encode(noise, "JPEG", quality=95)
    path = tmp_path / "half.jpg"
    path.write_bytes(whole[: len(whole) * 9 // 10])
    # The crop needs more pixels than the detector, so that the picture is decoded twice.
    analyzer = Analyzer(ScriptedDetector(face_detection(4, 4, 8)), FixedEstimator(), min_face=200)
    analysis = analyzer.analyze(path)
    assert len(analysis.faces) == 1
    assert analysis.remarks == (TRUNCATED,)
    assert "remarks" not in analysis.to_dict()
    assert analyzer.analyze(whole).remarks == ()
