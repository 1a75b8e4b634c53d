"""What is damaged, too large, missing or no picture ends in one clear sentence, or in as much as there is."""

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.errors import PictureError
from onlooker.core.faces import Picture8
from onlooker.media import images
from onlooker.media.images import Picture
from tests.media.pictures import (
    ENCODED,
    UPRIGHT,
    encode,
    exif,
    png_header,
    quarters,
)


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


def test_a_jpeg_that_ends_in_a_white_wall_lacks_nothing_but_its_last_bytes(noise: Picture8) -> None:
    wall = np.full((400, 64, 3), 255, np.uint8)
    wall[:48] = noise
    whole = encode(wall, "JPEG", quality=95)
    pixels = Picture.open(whole[:-2]).decode()
    assert np.array_equal(pixels, Picture.open(whole).decode())


def test_a_picture_stored_from_its_foot_and_one_from_its_head_are_both_seen_to_lack_half(noise: Picture8) -> None:
    upwards = encode(noise, "BMP")
    downwards = upwards[:22] + (-48).to_bytes(4, "little", signed=True) + upwards[26:]
    for whole in (upwards, downwards):
        with pytest.raises(PictureError, match=r"only 2\d % of its rows"):
            Picture.open(whole[: len(whole) // 4]).decode()


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
    with pytest.raises(PictureError, match="a folder, and no picture is known in it"):
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
