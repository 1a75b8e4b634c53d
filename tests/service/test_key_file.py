"""The file that API keys are kept in: what is in it, and who may change it when."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onlooker.core.errors import ConfigError
from onlooker.service import security
from onlooker.service.security import PREFIX, Key, KeyFile


def test_a_key_is_kept_as_a_digest_for_its_owner_s_eyes(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "deep" / "keys.json")
    key, plain = keys.add("shop")
    assert plain.startswith(PREFIX)
    assert plain not in keys.path.read_text()
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    now = datetime.now(UTC)
    assert keys.find(plain, now) == key == keys.by_id(key.id, now)
    assert keys.find(plain + "x", now) is None
    assert keys.find("", now) is None
    assert {path.name for path in keys.path.parent.iterdir()} == {"keys.json", "keys.json.lock"}


def test_a_rekognition_key_is_kept_itself_for_it_signs(tmp_path: Path) -> None:
    key, plain = KeyFile(tmp_path / "keys.json").add("shop", rekognition=True)
    assert key.secret == plain


def test_keys_end_and_are_revoked(tmp_path: Path) -> None:
    keys, now = KeyFile(tmp_path / "keys.json"), datetime.now(UTC)
    ending, plain = keys.add("shop", expires=now + timedelta(days=1))
    assert keys.find(plain, now) == ending
    assert keys.find(plain, now + timedelta(days=1)) is None
    assert keys.by_id(ending.id, now + timedelta(days=1)) is None
    other, second = keys.add("shop")
    keys.add("office")
    assert keys.revoke("nobody") == []
    assert keys.revoke(other.id) == [other]
    assert keys.find(second, now) is None
    assert keys.revoke("shop") == [ending]
    assert [key.name for key in keys.keys()] == ["office"]  # noqa: SIM118 (no mapping)


def test_nobody_else_changes_the_keys_between_a_look_and_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a key that was made meanwhile would be lost, and one that was revoked be back."""
    monkeypatch.setattr(security, "LOCK_SECONDS", 0)
    path = tmp_path / "keys.json"

    class Interrupted(KeyFile):
        def _write(self, keys: list[Key]) -> None:
            with pytest.raises(ConfigError, match=r"keys\.json: .*another command is at it"):
                KeyFile(path).add("meanwhile")
            super()._write(keys)

    Interrupted(path).add("shop")
    KeyFile(path).add("office")
    assert [key.name for key in Interrupted(path).revoke("shop")] == ["shop"]
    assert [key.name for key in KeyFile(path).keys()] == ["office"]  # noqa: SIM118 (no mapping)


def test_of_keys_that_are_made_at_once_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    names = [f"shop {number}" for number in range(16)]
    with ThreadPoolExecutor(8) as commands:
        list(commands.map(lambda name: KeyFile(path).add(name), names))
    assert sorted(key.name for key in KeyFile(path).keys()) == sorted(names)  # noqa: SIM118 (no mapping)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root writes for others")
def test_what_root_writes_for_a_service_the_service_may_read_and_change(tmp_path: Path) -> None:
    folder, service = tmp_path / "state", (65534, 65533)
    folder.mkdir(mode=0o700)
    os.chown(folder, *service)
    keys = KeyFile(folder / "keys.json")
    keys.add("shop")
    keys.add("office")
    for file in folder.iterdir():
        held = file.stat()
        assert (file.name, held.st_uid, held.st_gid) == (file.name, *service)
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert {file.name for file in folder.iterdir()} == {"keys.json", "keys.json.lock"}


@pytest.mark.parametrize("text", ["", "{", "{}", '[{"name": "a"}]', "\x00"])
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"keys\.json: the keys cannot be read"):
        KeyFile(path).keys()


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"keys\.json: the keys cannot be"):
        KeyFile(tmp_path / "file" / "keys.json").add("shop")
