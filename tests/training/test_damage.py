"""Runs that are damaged or went wrong are refused in a sentence that says what to do."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onlooker.core.errors import InputError
from onlooker.datasets import labelled
from onlooker.datasets.labelled import Examples
from onlooker.testing import ScriptedDetector

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")

from onlooker.training.config import TrainConfig  # noqa: E402
from onlooker.training.crops import Sheet, gather  # noqa: E402
from onlooker.training.export import export  # noqa: E402
from onlooker.training.files import read_mapping, write_text  # noqa: E402
from onlooker.training.fit import Lesson, fit, validate  # noqa: E402
from onlooker.training.network import FaceNetwork, load_weights, write_state  # noqa: E402
from onlooker.training.parts import read_part, write_labels  # noqa: E402
from tests.training.small import CONFIG, unseen  # noqa: E402

ONCE = replace(CONFIG, epochs=1)


def faces(n: int = 16) -> Examples:
    """Faces of noise, of whom no gender is labelled."""
    crops = np.random.default_rng(0).integers(0, 256, (n, 46, 46, 3), dtype=np.uint8)
    ages = np.linspace(10, 80, n).astype(np.float32)
    return Examples(crops, ages, ages, np.full(n, -1, np.float32))


def test_a_training_that_diverges_says_so_and_keeps_nothing_of_that_epoch(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^training diverged in epoch 1; lower --learning-rate, and begin in another"):
        fit(Lesson(faces(), faces()), replace(ONCE, learning_rate=1e30), tmp_path, unseen)
    assert [path.name for path in tmp_path.iterdir()] == []


def test_an_epoch_whose_last_step_diverges_is_not_kept_either(tmp_path: Path) -> None:
    """One step in all: its loss is still a number, and its weights no more."""
    lesson = Lesson(faces(8), None)
    with pytest.raises(InputError, match="diverged in epoch 1"):
        fit(lesson, replace(ONCE, learning_rate=float("inf")), tmp_path, unseen)
    assert list(tmp_path.iterdir()) == []


def test_without_a_labelled_gender_none_is_told_right_or_wrong() -> None:
    network = FaceNetwork().eval()
    assert set(validate(network, faces(4))) == {"mae"}
    assert set(validate(network, replace(faces(4), females=np.array([1, -1, -1, 0], np.float32)))) == {"mae", "gender"}


def garbled(path: Path) -> list[bytes]:
    whole = path.read_bytes()
    return [b"", whole[: len(whole) // 2], b"not what it was"]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["empty", "half", "other"])
def test_weights_that_are_damaged_are_refused(tmp_path: Path, kind: int) -> None:
    ONCE.save(tmp_path / "config.json")
    for name in ("final.pt", "best.pt", "last.pt"):
        write_state(tmp_path / name, {"network": FaceNetwork().state_dict()})
        (tmp_path / name).write_bytes(garbled(tmp_path / name)[kind])
    for name, mend in (("final.pt", "run `onl"), ("best.pt", r"delete it and last\.pt, and run `onl")):
        with pytest.raises(InputError, match=rf"{name}: damaged, or of another run \(.*\); {mend}"):
            load_weights(tmp_path, name)
    with pytest.raises(InputError, match=r"last\.pt: damaged.*; delete it, and the run begins anew"):
        fit(Lesson(faces(), faces()), ONCE, tmp_path, unseen)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    replace(ONCE, network="lite1").save(tmp_path / "config.json")
    write_state(tmp_path / "best.pt", {"network": FaceNetwork("lite0").state_dict()})
    with pytest.raises(InputError, match="of another run"):
        load_weights(tmp_path, "best.pt")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"licence": "x"}', "\udcff"])
def test_a_summary_that_is_damaged_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"summary\.json: damaged.*run `onlooker train DATA --output .*` to its end"):
        export(tmp_path, tmp_path, "face")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "damaged"),
        ("[1]", "a list where a mapping was expected"),
        ('{"batch": "8"}', "batch is '8', of another kind than 64"),
        ('{"teachers": "a"}', "teachers is 'a'"),
        ('{"bfloat16": 1}', "bfloat16 is 1"),
        ('{"oversampling": 1}', ""),
    ],
)
def test_a_configuration_that_is_damaged_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    if not says:
        assert TrainConfig.load(path).oversampling == 1
        return
    with pytest.raises(InputError, match=says):
        TrainConfig.load(path)


def test_a_part_that_is_damaged_is_refused_and_crops_are_cut_anew(folder: Path, tmp_path: Path) -> None:
    some = labelled.read(folder).faces[:3]

    def cut() -> tuple[Examples, list[int], list[str]]:
        return gather(some, Sheet(32, 0.0, ScriptedDetector()), tmp_path / "test.npy", workers=1)

    examples, kept, _ = cut()
    (tmp_path / "test.json").write_text('{"stamp"', encoding="utf-8")
    assert np.array_equal(cut()[0].crops, examples.crops)
    assert json.loads((tmp_path / "test.json").read_text())["failed"] == {}
    write_labels(tmp_path, "test", examples, kept)
    (tmp_path / "test.npz").write_bytes((tmp_path / "test.npz").read_bytes()[:100])
    with pytest.raises(InputError, match=r"test\.npz: damaged.*run `onlooker train` on it again"):
        read_part(tmp_path, "test")


def test_a_text_that_cannot_be_written_leaves_the_one_of_before(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_text(path, '{"a": 1}')
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half a character: \ud83d")
    assert read_mapping(path, "") == {"a": 1}
