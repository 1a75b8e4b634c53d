"""Annotated pictures: the words at a face, and where they and the box land."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.errors import InputError
from onlooker.core.faces import Faces, Picture8
from onlooker.media.draw import annotate, label, save_annotated
from onlooker.testing import face_detection

Box = tuple[float, float, float, float]


def faces(*boxes: Box, p_female: float = 0.9, age: float = 34.4, low: float = 28.6, high: float = 41.2) -> Faces:
    n = len(boxes)
    return Faces(
        box=np.array(boxes, np.float32).reshape(n, 4),
        landmarks=np.repeat(face_detection(0, 0, 50).landmarks, n, axis=0),
        score=np.full(n, 0.9, np.float32),
        age=np.full(n, age, np.float32),
        age_low=np.full(n, low, np.float32),
        age_high=np.full(n, high, np.float32),
        p_female=np.full(n, p_female, np.float32),
        pose=np.zeros((n, 3), np.float32),
        brightness=np.full(n, 50, np.float32),
        sharpness=np.full(n, 90, np.float32),
        age_distribution=np.full((n, 101), 1 / 101, np.float32),
    )


def black(width: int = 400, height: int = 300) -> Picture8:
    return np.zeros((height, width, 3), np.uint8)


def drawn(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where an annotated black picture is no longer black."""
    return np.asarray(np.asarray(image).any(axis=2))


@pytest.mark.parametrize(
    ("p_female", "text"),
    [
        (0.97, "34 (29 to 41) female 97%"),
        (0.06, "34 (29 to 41) male 94%"),
        (0.5, "34 (29 to 41) undetermined"),
        (0.79, "34 (29 to 41) undetermined"),
        (0.21, "34 (29 to 41) undetermined"),
        (0.81, "34 (29 to 41) female 81%"),
        (0.19, "34 (29 to 41) male 81%"),
        (1.0, "34 (29 to 41) female 99%"),
        (0.0, "34 (29 to 41) male 99%"),
    ],
)
def test_a_label_says_the_age_its_interval_and_the_gender_or_that_it_is_open(p_female: float, text: str) -> None:
    assert label(faces((0, 0, 60, 60), p_female=p_female).row(0)) == text


def test_a_label_says_the_whole_years_of_the_answer() -> None:
    face = faces((0, 0, 60, 60), p_female=0.5, age=84.46, low=72.5, high=98.44).row(0)
    assert [face.to_dict()[name] for name in ("age", "age_low", "age_high")] == [84.5, 72.5, 98.4]
    assert label(face) == "85 (73 to 98) undetermined"


def test_annotating_leaves_the_pixels_as_they_were(noise: Picture8) -> None:
    before = noise.copy()
    image = annotate(noise, faces((10, 10, 40, 40)))
    assert np.array_equal(noise, before)
    assert image.size == (64, 48)
    assert not np.array_equal(np.asarray(image), before)


def test_without_faces_the_picture_stays_as_it_is(noise: Picture8) -> None:
    assert np.array_equal(np.asarray(annotate(noise, Faces.empty())), noise)


def test_the_outline_lies_around_the_box_and_its_inside_stays_clear() -> None:
    marks = drawn(annotate(black(), faces((150, 100, 250, 220))))
    for side in (marks[160, 146:150], marks[160, 251:255], marks[221:225, 200]):
        assert side.any()
    assert not marks[110:211, 160:241].any()
    assert not marks[:, :140].any()
    assert not marks[230:].any()


def test_the_label_lies_above_the_box_where_there_is_room() -> None:
    marks = drawn(annotate(black(), faces((150, 100, 250, 220))))
    assert marks[82:96, 160:240].mean() > 0.9


def test_the_label_lies_below_the_box_where_there_is_no_room_above() -> None:
    marks = drawn(annotate(black(), faces((150, 2, 250, 122))))
    assert marks[126:138, 160:240].mean() > 0.9


@pytest.mark.parametrize(("p_female", "other"), [(0.9, 0.1), (0.1, 0.5), (0.5, 0.9)])
def test_female_male_and_undetermined_have_colours_of_their_own(p_female: float, other: float) -> None:
    box = (150.0, 100.0, 250.0, 220.0)
    outline = (160, slice(146, 150))
    one = np.asarray(annotate(black(), faces(box, p_female=p_female)))[outline].max(axis=0)
    two = np.asarray(annotate(black(), faces(box, p_female=other)))[outline].max(axis=0)
    assert np.abs(one.astype(int) - two).max() > 40


def test_every_face_is_marked() -> None:
    marks = drawn(annotate(black(), faces((20, 100, 80, 170), (300, 150, 360, 220))))
    assert marks[130, :25].any()
    assert marks[180, 361:366].any()


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((-30, -40, 60, 70), id="past the upper left corner"),
        pytest.param((350, 250, 450, 380), id="past the lower right corner"),
        pytest.param((-50, -50, 450, 350), id="larger than the picture"),
        pytest.param((-300, 100, -200, 220), id="left of it"),
        pytest.param((600, 100, 700, 220), id="right of it"),
        pytest.param((100, -300, 200, -180), id="above it"),
        pytest.param((100, 500, 200, 620), id="below it"),
        pytest.param((100, 100, 101, 101), id="a pixel"),
        pytest.param((100, 100, 100, 100), id="nothing"),
        pytest.param((100, 100, 102, 102), id="two pixels"),
        pytest.param((50, 100, 52, 250), id="a sliver"),
    ],
)
def test_the_label_is_whole_and_within_the_picture_wherever_the_box_is(box: Box) -> None:
    def letters(image: Image.Image) -> int:
        return int((np.asarray(image)[..., 1] > 160).sum())

    in_the_open = letters(annotate(black(), faces((100, 150, 190, 250))))
    assert in_the_open > 100
    assert letters(annotate(black(), faces(box))) >= 0.9 * in_the_open


@pytest.mark.parametrize("size", [(3, 200), (200, 3), (12, 12)])
def test_a_picture_smaller_than_its_label_keeps_its_size(size: tuple[int, int]) -> None:
    image = annotate(black(*size), faces((0, 0, size[0], size[1])))
    assert image.size == size
    assert drawn(image).any()


def test_a_saved_picture_is_a_jpeg_that_shows_what_was_annotated(tmp_path: Path) -> None:
    found = faces((150, 100, 250, 220))
    path = tmp_path / "new" / "folders" / "picture.jpg"
    save_annotated(black(), found, path)
    with Image.open(path) as image:
        assert image.format == "JPEG"
        error = np.asarray(image).astype(float) - np.asarray(annotate(black(), found))
    assert math.sqrt(float((error**2).mean())) < 6


def test_a_picture_longer_than_a_jpeg_may_be_is_shrunk(tmp_path: Path) -> None:
    save_annotated(black(70_000, 14), Faces.empty(), tmp_path / "long.jpg")
    with Image.open(tmp_path / "long.jpg") as image:
        assert image.size == (65_500, 13)


def test_a_target_that_is_a_folder_is_an_input_error(noise: Picture8, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the annotated picture cannot be written \(Is a directory\)") as caught:
        save_annotated(noise, Faces.empty(), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")


def test_a_target_below_a_file_is_an_input_error(noise: Picture8, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(InputError, match="the annotated picture cannot be written"):
        save_annotated(noise, Faces.empty(), file / "picture.jpg")
    assert file.read_text() == "in the way"
