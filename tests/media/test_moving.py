"""Pictures that move: the stage, the marks on a frame, and the recorder."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.errors import InputError
from onlooker.media.overlay import Mark, overlay, to_jpeg
from onlooker.media.record import Recorder
from onlooker.media.scene import Actor, Scene, Step
from onlooker.media.video import frames
from tests.media.films import counted, film, number_of

RED = (200, 20, 20)


# The stage ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def actor() -> Actor:
    return Actor(Image.new("RGB", (50, 100), RED), [Step(1, 100, 100, 100), Step(3, 200, 100, 50)])


def reds(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> tuple[float, int]:
    """Where the actor is, and how many of its pixels are seen."""
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 80)
    return (float(np.nonzero(red)[1].mean()) if red.any() else -1.0), int(red.sum())


def test_an_actor_comes_walks_and_leaves(actor: Actor) -> None:
    scene = Scene(300, 200, [actor], noise=0)
    assert reds(scene.frame(0.9)) == (-1.0, 0)
    near, far = reds(scene.frame(1.0)), reds(scene.frame(3.0))
    assert near[0] == pytest.approx(100, abs=1.5)
    assert reds(scene.frame(2.0))[0] == pytest.approx(150, abs=1.5)
    assert far[0] == pytest.approx(200, abs=1.5)
    assert near[1] > 3 * far[1]
    assert reds(scene.frame(3.1)) == (-1.0, 0)


def test_a_moment_looks_the_same_on_every_run(actor: Actor) -> None:
    first, second = (Scene(300, 200, [actor]) for _ in range(2))
    np.testing.assert_array_equal(first.frame(1.5), second.frame(1.5))
    assert (first.frame(1.5) != first.frame(1.54)).any()


def test_an_actor_may_leave_through_the_edge(actor: Actor) -> None:
    away = Actor(actor.portrait, [Step(0, 20, 100, 100), Step(1, -500, 100, 100)])
    assert Scene(300, 200, [away]).frame(1.0).shape == (200, 300, 3)


# Marks ----------------------------------------------------------------------------------------------------------------


def test_marks_are_drawn_on_a_copy() -> None:
    pixels = np.full((200, 300, 3), 90, np.uint8)
    image = np.asarray(overlay(pixels, [Mark((100, 60, 160, 140), "34 (28 to 40)", RED)]))
    assert (pixels == 90).all()
    assert (image[60, 100:160] == RED).all()
    assert (image[60 - 12 : 58, 101:140] != 90).any(), "the text stands above the box"


def test_a_box_at_the_edge_or_of_no_size_does_no_harm() -> None:
    pixels = np.zeros((50, 60, 3), np.uint8)
    overlay(pixels, [Mark((-20, -20, 30, 20), "a", RED), Mark((5, 5, 5, 5), "b", RED), Mark((50, 40, 20, 10), "", RED)])


def test_a_jpeg_in_memory() -> None:
    data = to_jpeg(Image.new("RGB", (8, 8)))
    assert data[:2] == b"\xff\xd8"


# The recorder ---------------------------------------------------------------------------------------------------------


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="video needs the extra [video]")
    path = film(tmp_path / "film.mp4", counted(8), rate=10)
    got = list(frames(path))
    assert [number_of(f.pixels) for f in got] == list(range(8))
    assert [f.at for f in got] == pytest.approx([k / 10 for k in range(8)], abs=2e-3)


def test_moments_that_repeat_are_left_out_and_odd_sizes_fitted(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="video needs the extra [video]")
    with Recorder(tmp_path / "film.mkv") as recorder:
        recorder.add(Image.new("RGB", (101, 75)), 0.0)
        recorder.add(Image.new("RGB", (101, 75)), 0.0)
        recorder.add(Image.new("RGB", (300, 200)), 0.5)
    got = list(frames(tmp_path / "film.mkv"))
    assert [f.pixels.shape for f in got] == [(74, 100, 3)] * 2


@pytest.mark.parametrize("name", ["film.odd", "no/folder/film.mp4", "film"])
def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    pytest.importorskip("av", reason="video needs the extra [video]")
    with pytest.raises(InputError, match=r"cannot be written.*\.mp4"):
        Recorder(tmp_path / name)


def test_nothing_to_record_is_no_error_and_no_file(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="video needs the extra [video]")
    with Recorder(tmp_path / "film.mp4"):
        assert (tmp_path / "film.mp4").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_recording_replaces_no_file(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="video needs the extra [video]")
    path = film(tmp_path / "film.mp4", counted(3))
    before = path.read_bytes()
    for name in ("film.mp4", "../" + tmp_path.name + "/film.mp4"):
        with pytest.raises(InputError, match=r"film\.mp4: is there already, and is not written over; name a new file"):
            Recorder(tmp_path / name)
    assert path.read_bytes() == before


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"\[video\]"):
        Recorder(tmp_path / "film.mp4")
