from pathlib import Path

import pytest

from onlooker.models import store
from onlooker.models.cards import DEFAULT_MODEL, builtin_card
from tests.cli.conftest import Run


def cached() -> list[str]:
    folder = store.cache_folder()
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def test_each_card_says_what_may_be_done_with_it_and_how_to_check_it(run: Run) -> None:
    found = run("models")
    assert found.code == 0
    lines = found.out.splitlines()
    yunet = lines[lines.index("yunet") :]
    assert "  licence: Apache-2.0" in yunet
    assert "  sha256: 104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12" in yunet
    assert "  size: 0.3 MB" in yunet
    assert "  file: not fetched: onlooker models fetch yunet" in yunet
    face = lines[lines.index(DEFAULT_MODEL) : lines.index(f"{DEFAULT_MODEL}_fast")]
    card = builtin_card(DEFAULT_MODEL)
    assert f"  sha256: {card.sha256}" in face
    assert f"  licence: {card.licence}" in face
    assert f"  file: present: {card.folder / card.file}" in face
    figures = next(line for line in face if line.startswith("  on "))
    assert f"gender_brier {next(iter(card.scores.values()))['gender_brier']['value']:.4f} (" in figures


def test_a_corrupt_file_is_shown_beside_the_cards_and_is_no_failure(run: Run) -> None:
    path = store.cache_folder() / "yunet_n_dynamic.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the network")
    found = run("models")
    assert found.code == 0
    assert f"  file: {path}: fails the checksum of yunet" in found.out


def test_an_unknown_model_is_told_those_there_are(run: Run) -> None:
    found = run("models", "fetch", "nonsense")
    assert (found.code, found.out) == (3, "")
    assert (
        found.err
        == f"onlooker: no model is called 'nonsense'; there are {DEFAULT_MODEL}, {DEFAULT_MODEL}_fast, yunet\n"
    )


def test_a_wrong_copy_is_refused_and_nothing_of_it_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"not the network")
    found = run("models", "fetch", "yunet", "--from", "other.onnx")
    assert (found.code, found.out) == (3, "")
    assert found.err.startswith("onlooker: other.onnx is not the file of yunet (SHA-256 ")
    assert found.err.endswith("; get another copy\n")
    assert "expected 104ee26c71d5" in found.err
    assert cached() == []


def test_a_copy_that_is_not_there_is_an_error(run: Run) -> None:
    found = run("models", "fetch", "yunet", "--from", "missing.onnx")
    assert (found.code, found.out) == (3, "")
    assert "could not be fetched from missing.onnx (" in found.err
    assert "No such file or directory" in found.err
    assert cached() == []


def test_what_ships_with_the_package_needs_no_fetching(run: Run) -> None:
    card = builtin_card(DEFAULT_MODEL)
    found = run("models", "fetch", DEFAULT_MODEL)
    assert (found.code, found.out) == (0, f"{DEFAULT_MODEL} is verified and ready: {card.folder / card.file}\n")


@pytest.mark.parametrize("timeout", ["0", "soon"])
def test_a_timeout_is_a_number_of_seconds(run: Run, timeout: str) -> None:
    found = run("models", "fetch", "yunet", "--timeout", timeout)
    assert found.code == 2
    assert "--timeout" in found.err


@pytest.mark.data
def test_a_copy_of_yunet_is_verified_kept_and_used(run: Run, samples: Path, yunet_file: Path) -> None:
    path = store.cache_folder() / "yunet_n_dynamic.onnx"
    found = run("models", "fetch", "yunet", "--from", yunet_file)
    assert (found.code, found.out) == (0, f"yunet is verified and ready: {path}\n")
    assert cached() == ["yunet_n_dynamic.onnx"]
    assert f"  file: present: {path}" in run("models").out
    picture = samples / "eileen_collins.png"
    chosen, automatic, by_file = (
        run("analyze", picture, "--format", "jsonl", "--detector", name) for name in ("yunet", "auto", str(yunet_file))
    )
    assert chosen.code == 0
    assert chosen.out.count('"box"') == 1
    assert automatic.out == by_file.out == chosen.out


@pytest.mark.data
def test_fetching_mends_a_corrupt_file(run: Run, yunet_file: Path) -> None:
    path = store.cache_folder() / "yunet_n_dynamic.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the network")
    assert run("models", "fetch", "yunet", "--from", yunet_file).code == 0
    assert path.read_bytes() == yunet_file.read_bytes()
