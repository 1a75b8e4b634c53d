"""The sheets and the page of augmentation: all there, nine pictures each, and nothing asked of anybody."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.errors import InputError
from onlooker.core.faces import Picture8
from onlooker.report.augment import FILLS
from onlooker.report.gallery import CELL, GAP, sheet, techniques, transform_figure, write_gallery

SHEETS = ["shift-x", "shift-y", "flip-x", "flip-y", "rotation", "brightness", "zoom", "shear", "combined"]


@pytest.fixture(scope="module")
def gallery(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery") / "new"
    with Image.open(samples / "grace_hopper.jpg") as image:
        pixels = np.asarray(image.convert("RGB").resize((128, 150)))
    write_gallery(pixels, folder, name="<b>.jpg")
    return folder


def test_there_is_a_sheet_a_technique_and_one_a_fill_mode(gallery: Path) -> None:
    wanted = {*SHEETS, *(f"fill-{fill}" for fill in FILLS), "transform"}
    assert {path.stem for path in gallery.glob("*.png")} == wanted


def test_the_page_shows_each_sheet_in_words_too_and_needs_nobody(gallery: Path) -> None:
    text = (gallery / "index.html").read_text(encoding="utf-8")
    shown = re.findall(r'<img src="([^"]+)" alt="([^"]+)"', text)
    assert sorted(name for name, _ in shown) == sorted(path.name for path in gallery.glob("*.png"))
    assert all(len(alt) > 20 for _, alt in shown)
    assert not re.search(r"https?:|<script|@import|url\(", text)
    assert "&lt;b&gt;.jpg" in text
    assert "prefers-color-scheme: dark" in text


def test_a_sheet_holds_nine_pictures_that_differ(noise: Picture8) -> None:
    for one in techniques():
        made = np.asarray(sheet(noise, one.how, seed=1))
        assert made.shape == (3 * 48 + 2 * GAP, 3 * 64 + 2 * GAP, 4)
        cells = [
            made[y : y + 48, x : x + 64] for y in (0, 48 + GAP, 96 + 2 * GAP) for x in (0, 64 + GAP, 128 + 2 * GAP)
        ]
        assert all((cell[..., 3] == 255).all() for cell in cells)
        assert len({cell.tobytes() for cell in cells}) == (2 if one.name.startswith("flip") else 9), one.name


def test_the_seed_decides_and_a_fill_mode_changes_only_what_lies_beyond(noise: Picture8) -> None:
    modes = {one.how.fill: np.asarray(sheet(noise, one.how, 3)) for one in techniques() if "fill" in one.name}
    beyond = np.all(modes["constant"][..., :3] == 0, axis=2)
    assert 0.05 < beyond.mean() < 0.6
    whole = np.asarray(
        sheet(np.full_like(noise, 255), next(t.how for t in techniques() if t.name == "fill-constant"), 3)
    )
    inside = whole[..., 0] == 255
    for mode in ("nearest", "reflect", "wrap"):
        apart = modes[mode][inside].astype(int) - modes["constant"][inside]
        assert np.abs(apart).max() <= 2
        assert not np.array_equal(modes[mode], modes["constant"])
    again = next(t.how for t in techniques() if t.name == "combined")
    assert sheet(noise, again, 3).tobytes() == sheet(noise, again, 3).tobytes()
    assert sheet(noise, again, 3).tobytes() != sheet(noise, again, 4).tobytes()


def test_before_and_after_show_what_opencv_gave_and_what_the_network_gets() -> None:
    red = np.full((100, 100, 3), (250, 20, 10), dtype=np.uint8)
    figure = np.asarray(transform_figure(red))
    colours = [figure[CELL // 2, i * (CELL + GAP) + CELL // 2, :3].tolist() for i in range(4)]
    assert colours == [[10, 20, 250], *[[250, 20, 10]] * 3]


def test_a_folder_that_cannot_be_made_is_one_sentence(noise: Picture8, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written to"):
        write_gallery(noise, tmp_path / "file" / "new", name="a.jpg")
