"""Where an exported model goes: both files at once, and never in the place of another's."""

import hashlib
from pathlib import Path

import pytest

from onlooker.core.errors import InputError
from onlooker.models.cards import ModelCard
from onlooker.models.store import checksum
from onlooker.training.place import FAST, place


def put(
    run: Path, output: Path, name: str, *, data: bytes = b"weights", form: str = "lite0", origin: str = "of faces"
) -> ModelCard:
    """Export what is no network, as ``export`` does."""
    with place(run, output, name, form=form, origin=origin) as (path, settle):
        path.write_bytes(data)
        sha = hashlib.sha256(data).hexdigest()
        return settle(ModelCard(name, "", form, path.name, sha, len(data), "", origin, path=path))


def test_both_files_are_put_in_their_place_and_nothing_else(tmp_path: Path) -> None:
    card = put(tmp_path / "run", tmp_path / "models", "a.b")
    assert ModelCard.load(tmp_path / "models" / "a.b.json") == card
    assert checksum(card.folder / card.file) == card.sha256
    assert sorted(path.name for path in card.folder.iterdir()) == ["a.b.json", "a.b.onnx"]
    assert (card.folder / card.file).stat().st_mode & 0o044 == 0o044


def test_an_export_that_fails_leaves_the_model_of_before(tmp_path: Path) -> None:
    card = put(tmp_path, tmp_path, "face")
    again = place(tmp_path, tmp_path, "face", form="lite0", origin="of faces")
    with pytest.raises(FileNotFoundError), again as (_, settle):
        settle(card)  # as if its making had been stopped: the draft was never written
    assert ModelCard.load(card.path) == card
    assert checksum(tmp_path / "face.onnx") == card.sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.json", "face.onnx"]


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a\\b", "/face", "../face"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name of a model; choose one without"):
        put(tmp_path, tmp_path / "models", name)
    assert list(tmp_path.iterdir()) == []


def test_the_same_run_is_exported_again_in_its_own_folder(tmp_path: Path) -> None:
    put(tmp_path, tmp_path, "face")
    again = put(tmp_path, tmp_path, "face", data=b"the same with another torch")
    assert checksum(tmp_path / "face.onnx") == again.sha256
    assert ModelCard.load(tmp_path / "face.json") == again


def test_elsewhere_a_model_is_replaced_by_no_other_that_is_like_it(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    before = put(tmp_path / "one", shop, "face")
    put(tmp_path / "one", shop, "face")  # the very same
    with pytest.raises(InputError, match=r"face\.json is the card of other weights than these, .*; choose another"):
        put(tmp_path / "two", shop, "face", data=b"of another run")
    assert checksum(shop / "face.onnx") == before.sha256


@pytest.mark.parametrize(
    ("name", "there", "form", "origin", "says"),
    [
        ("face", "lite0", "lite2", "of others", r"the card of another model \(lite0, of faces\); choose another"),
        ("face", f"lite0{FAST}: a", "lite0: a", "of faces", r"face\.json is the fast form of .* face_fast now; choose"),
        ("mine", f"lite0{FAST}: a", "lite0: a", "of faces", r"another form of this model \(lite0 in eight bits: a\); "),
        ("face_fast", "lite0: a", f"lite0{FAST}: a", "of faces", r"another form of this model \(lite0: a\); choose"),
    ],
)
def test_a_model_of_another_form_or_origin_is_told_before_anything_is_built(
    tmp_path: Path, name: str, there: str, form: str, origin: str, says: str
) -> None:
    run = tmp_path if origin == "of faces" else tmp_path / "run"
    put(tmp_path, tmp_path, name, form=there)
    with pytest.raises(InputError, match=says), place(run, tmp_path, name, form=form, origin=origin):
        pytest.fail("it would be built")


def test_a_run_whose_data_has_another_name_now_gives_the_same_weights_a_new_card(tmp_path: Path) -> None:
    put(tmp_path, tmp_path, "face")
    assert put(tmp_path, tmp_path, "face", origin="of a new name").origin == "of a new name"
    with pytest.raises(InputError, match=r"another model \(lite0, of a new name\)"):
        put(tmp_path, tmp_path, "face", data=b"others")


def test_links_to_a_model_elsewhere_give_way_and_leave_that_as_it_is(tmp_path: Path) -> None:
    card, run = put(tmp_path / "kept", tmp_path / "kept", "face"), tmp_path / "run"
    run.mkdir()
    for name in ("face.onnx", "face.json"):
        (run / name).symlink_to(tmp_path / "kept" / name)
    again = put(run, run, "face", data=b"the same with another torch")
    assert (checksum(run / "face.onnx"), ModelCard.load(run / "face.json")) == (again.sha256, again)
    assert (checksum(card.folder / "face.onnx"), ModelCard.load(card.path)) == (card.sha256, card)


@pytest.mark.parametrize(("file", "says"), [("config.json", "no card of a model"), ("config.onnx", "without a card")])
def test_what_is_no_model_is_not_replaced(tmp_path: Path, file: str, says: str) -> None:
    (tmp_path / file).write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=says):
        put(tmp_path, tmp_path, "config")
    assert (tmp_path / file).read_text(encoding="utf-8") == "{}"
