"""The folder's own promises: others see nothing, and a folder that goes meanwhile is no error."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onlooker.core.errors import StorageError
from onlooker.jobs.folder import FolderStore

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def open_hand() -> Iterator[None]:
    """The rights that most machines give to what says nothing of its own."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def keys(store: FolderStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("open_hand")
def test_every_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    top = tmp_path / "there" / "share"
    FolderStore(top / "onlooker" / "pictures").put("shop/monday/noon/a", b"x")
    made = [top, *(path for path in top.rglob("*") if path.is_dir())]
    assert len(made) == 8
    assert {mode(folder) for folder in made} == {0o700}
    assert mode(tmp_path / "there") == 0o755, "a folder that is there keeps its rights"


def test_emptied_folders_go_except_the_topmost(store: FolderStore, tmp_path: Path) -> None:
    store.put("in/a", b"x")
    store.put("shop/monday/noon/a", b"x")
    store.put("a", b"x")
    store.delete("in/a", "shop/monday/noon/a", "a", "never/there")
    objects = tmp_path / "store" / "objects"
    assert sorted(path.relative_to(objects).as_posix() for path in objects.rglob("*")) == ["in_", "shop_"]


def look_at(monkeypatch: pytest.MonkeyPatch, name: str, first: Callable[[Path], None]) -> None:
    """Let ``first`` happen right before a folder of that name is listed."""
    scandir = os.scandir

    def looked(path: Any) -> Any:
        if Path(path).name == name:
            first(Path(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", looked)


@pytest.mark.parametrize("prefix", ["", "in/", "in/gone/"])
def test_a_folder_that_goes_while_it_is_listed_is_empty(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    for key in ("in/gone/a", "in/stays", "out/a"):
        store.put(key, b"x")
    look_at(monkeypatch, "gone_", lambda _: store.delete("in/gone/a"))
    assert keys(store, prefix) == [key for key in ("in/stays", "out/a") if key.startswith(prefix)]


def test_a_folder_that_cannot_be_listed_is_a_fault_of_the_store(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    store.put("in/a", b"x")
    look_at(monkeypatch, "in_", refuse)
    with pytest.raises(StorageError, match=r"in/\* cannot be listed \(Permission denied\); check the folder's rights"):
        keys(store, "in/")
    (tmp_path / "store" / "aside").rmdir()
    with pytest.raises(StorageError, match=r"left aside cannot be listed \(No such file or directory\)"):
        store.expire("out/", NOW)


@pytest.mark.parametrize("error", [FileExistsError, FileNotFoundError])
@pytest.mark.parametrize("if_absent", [False, True])
def test_a_folder_that_goes_while_it_is_made_is_made_again(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, error: type[OSError], if_absent: bool
) -> None:
    """It was there, so that it could not be made, and gone when it was looked at; or the one above it went."""
    mkdir, refusals = os.mkdir, [error(), error(), error()]

    def refused(path: Any, *rest: Any) -> None:
        if Path(path).name == "deep_" and refusals:
            raise refusals.pop()
        mkdir(path, *rest)

    monkeypatch.setattr(os, "mkdir", refused)
    assert store.put("in/deep/a", b"x", if_absent=if_absent)
    assert not refusals
    assert store.get("in/deep/a").data == b"x"
    assert store.put("in/deep/a", b"y", if_absent=if_absent) is not if_absent


def test_a_file_where_a_folder_should_be_is_a_fault_of_the_store(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "store" / "objects" / "in_").write_bytes(b"")
    with pytest.raises(StorageError, match=r"in/a cannot be stored \(Not a directory\)"):
        store.put("in/a", b"x")


def test_a_secret_of_the_folder_lasts_and_is_one_for_each_purpose(store: FolderStore, tmp_path: Path) -> None:
    made = store.derived_secret("website")
    assert FolderStore(tmp_path / "store").derived_secret("website") == made
    others = [store.derived_secret("other"), FolderStore(tmp_path / "another").derived_secret("website")]
    others.append((tmp_path / "store" / "secret").read_bytes())
    assert len(made) == 32
    assert len({made, *others}) == 4
