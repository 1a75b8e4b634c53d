"""What is kept between runs is used for the same faces alone, and an interruption never stands in the way."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from onlooker.core.errors import InputError
from onlooker.report import ours
from onlooker.report.backend import keras
from onlooker.report.faces import Faces, read_faces
from onlooker.report.fit import Part, fit
from onlooker.report.kept import key_of, read_array, write_array, write_text, write_whole
from onlooker.report.networks import Model
from onlooker.report.plain import forward_of
from onlooker.report.run import Options, _trained_part, reproduce
from tests.report.conftest import made_up

FACES = made_up(120)
OTHERS = replace(FACES, names=[f"1{name}" for name in FACES.names])
ELSEWHERE = replace(FACES, folder=Path("elsewhere"))
OF_KERAS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # with torch and numpy 2
KEY = key_of(Path("utkface"), ["a.jpg"])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def stand_in() -> Model:
    """A network of Inception's shape, whose base is the mean of each colour."""
    pictures = keras.layers.Input((32, 32, 3))
    features = keras.layers.GlobalAveragePooling2D(name="features")(pictures)
    head = keras.layers.Dense(2, activation="sigmoid", name="gender")
    return keras.Model(pictures, head(features), name="inception_gender")


@pytest.fixture
def options(tmp_path: Path) -> Options:
    v1 = tmp_path / "v1.csv"
    rows = "".join(f"{name},test,{i}\n" for i, name in enumerate(FACES.names))
    v1.write_text(f"file,part,group\n{rows}", encoding="utf-8")
    return Options(data=Path("utkface"), output=tmp_path, v1=v1, epochs=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Our model's place taken: how many faces it was asked about, call by call. It says its call's number."""
    calls: list[int] = []

    def read(_: object, sources: list[object], *__: object) -> NDArray[np.float32]:
        calls.append(len(sources))
        return np.full((len(sources), 2), len(calls), dtype=np.float32)

    monkeypatch.setattr(ours, "Analyzer", lambda **_: None)
    monkeypatch.setattr(ours, "_read", read)
    return calls


def ask(faces: Faces, cache: Path) -> ours.Said:
    return ours.ask(faces, np.arange(10), cache, workers=1)


def test_what_was_kept_is_known_by_folder_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "deep" / "array.npy"
    write_array(kept, np.arange(3), KEY)
    assert read_array(kept, KEY) is not None
    assert read_array(kept, key_of(Path("utkface"), ["b.jpg"])) is None
    assert read_array(kept, key_of(Path("other"), ["a.jpg"])) is None
    absolute = Path("utkface").resolve()
    monkeypatch.chdir(tmp_path)
    assert read_array(kept, key_of(absolute, ["a.jpg"])) is not None
    assert read_array(kept, key_of(Path("utkface"), ["a.jpg"])) is None


@pytest.mark.parametrize("spoil", [cut_short, emptied])
@pytest.mark.parametrize("name", ["array.npy", "array.npy.key"])
def test_what_was_cut_short_is_not_there(tmp_path: Path, name: str, spoil: Callable[[Path], None]) -> None:
    write_array(tmp_path / "array.npy", np.arange(300), KEY)
    spoil(tmp_path / name)
    assert read_array(tmp_path / "array.npy", KEY) is None


def test_an_interruption_leaves_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "before")

    def interrupted(file: Any) -> None:
        file.write(b"hal")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, interrupted)
    assert path.read_text(encoding="utf-8") == "before"


def test_an_array_that_was_interrupted_is_not_taken_for_the_one_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "array.npy"
    write_array(kept, np.arange(3), KEY)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("onlooker.report.kept.write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_array(kept, np.arange(4), key_of(Path("utkface"), ["b.jpg"]))
    assert read_array(kept, KEY) is None


@pytest.mark.parametrize("other", [OTHERS, ELSEWHERE], ids=["names", "folder"])
def test_our_model_is_asked_anew_about_other_faces(tmp_path: Path, asked: list[int], other: Faces) -> None:
    cache = tmp_path / "ours-x.npy"
    first = ask(FACES, cache)
    assert ask(FACES, cache)["ours_full"]["age"].tolist() == first["ours_full"]["age"].tolist() == [2] * 10
    assert asked == [10, 10]
    assert ask(other, cache)["ours_full"]["age"].tolist() == [4] * 10


@pytest.mark.parametrize("spoil", [cut_short, emptied])
def test_our_model_is_asked_anew_where_its_answers_were_cut_short(
    tmp_path: Path, asked: list[int], spoil: Callable[[Path], None]
) -> None:
    cache = tmp_path / "ours-x.npy"
    ask(FACES, cache)
    spoil(cache)
    ask(FACES, cache)
    assert asked == [10] * 4


def test_pixels_of_another_folder_are_read_though_the_names_are_the_same(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    names = sorted(path.name for path in folder.iterdir())
    for name, taken in zip(names, reversed(names), strict=True):
        (other / name).write_bytes((folder / taken).read_bytes())
    first, second = (read_faces(place, tmp_path / "faces.npy") for place in (folder, other))
    assert np.array_equal(second.pixels, first.pixels[::-1])


@pytest.mark.parametrize("spoil", [cut_short, emptied])
def test_pixels_that_were_cut_short_are_read_again(folder: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    first = read_faces(folder, tmp_path / "faces.npy")
    for path in list(tmp_path.iterdir()):
        spoil(path)
    assert np.array_equal(read_faces(folder, tmp_path / "faces.npy").pixels, first.pixels)


def test_features_are_computed_anew_for_other_faces_and_where_they_were_cut_short(options: Options) -> None:
    told: list[int] = []
    options = replace(options, count=lambda _, done, __: told.append(done))

    def features(faces: Faces) -> NDArray[Any]:
        return _trained_part(stand_in(), faces, options.output / "shuffled" / "inception_gender", options)[1]

    first = features(FACES)
    assert np.array_equal(features(FACES), first)
    assert told == [64, 120]
    darker = replace(OTHERS, pixels=np.asarray(FACES.pixels // 2, dtype=np.uint8))
    assert features(darker).mean() < first.mean()
    cut_short(options.output / "shuffled" / "features-imagenet-1.npy")
    assert features(darker).mean() < first.mean()


@OF_KERAS
def test_a_head_is_not_put_on_a_base_of_other_weights(options: Options, asked: list[int]) -> None:
    result = reproduce("inception", stand_in(), FACES, replace(options, weights="none"))
    assert "--weights none" in result["made_by"]
    written = options.output / "results" / "shuffled-inception_gender.json"
    with pytest.raises(InputError, match="begun with another choice of weights; name another --output folder"):
        reproduce("inception", stand_in(), FACES, options)
    assert json.loads(written.read_text(encoding="utf-8"))["made_by"] == result["made_by"]
    again = reproduce("inception", stand_in(), FACES, replace(options, weights="none"))
    assert again["history"] == result["history"]
    assert len(asked) == 2


@OF_KERAS
@pytest.mark.usefixtures("asked")
def test_a_head_is_not_taken_for_one_of_other_faces(options: Options) -> None:
    reproduce("inception", stand_in(), FACES, options)
    with pytest.raises(InputError, match="another list of training files, list of validation files; name"):
        reproduce("inception", stand_in(), OTHERS, options)


@OF_KERAS
@pytest.mark.usefixtures("asked")
def test_a_result_is_written_whole(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = Path.replace

    def interrupted(path: Path, target: Path) -> Path:
        if target.parent.name == "results":
            raise KeyboardInterrupt
        return replaced(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reproduce("inception", stand_in(), FACES, options)
    assert not list((options.output / "results").glob("*.json"))


def part(*names: str) -> Part:
    return Part(FACES.pixels[:2].mean(axis=(1, 2), dtype=np.float32), {"gender": np.array([0, 1])}, names)


def trained(folder: Path, train: Part, validation: Part) -> None:
    model = stand_in()
    fit(model, forward_of(model.layers[-1:]), train, validation, folder, epochs=1, seed=1)


def test_as_many_other_faces_are_another_run(tmp_path: Path) -> None:
    trained(tmp_path, part("a", "b"), part("c", "d"))
    trained(tmp_path, part("a", "b"), part("c", "d"))
    with pytest.raises(InputError, match="begun with another list of training files; name"):
        trained(tmp_path, part("a", "x"), part("c", "d"))
    with pytest.raises(InputError, match="begun with another list of validation files; name"):
        trained(tmp_path, part("a", "b"), part("d", "c"))


def test_one_of_before_the_files_were_kept_is_another_run(tmp_path: Path) -> None:
    trained(tmp_path, part("a", "b"), part("c", "d"))
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    state["stamp"] = {key: state["stamp"][key] for key in ("network", "seed", "train", "validation")}
    torch.save(state, tmp_path / "last.pt")
    with pytest.raises(InputError, match="begun with another list of training files, list of validation files; name"):
        trained(tmp_path, part("a", "b"), part("c", "d"))
