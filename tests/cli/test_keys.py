"""``onlooker keys``: made once, listed without themselves, taken away."""

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_key_is_made_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    made = run("keys", "add", "shop", "--file", "keys.json")
    assert made.code == 0
    plain = made.out.strip()
    assert plain.startswith("olk_")
    assert "not shown again" in made.err
    listed = run("keys", "list", "--file", "keys.json")
    assert "shop" in listed.out
    assert "valid" in listed.out
    assert "no end" in listed.out
    assert plain not in listed.out + (tmp_path / "keys.json").read_text()
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    identity = listed.out.split()[0]
    assert run("keys", "revoke", identity, "--file", "keys.json").code == 0
    assert run("keys", "list", "--file", "keys.json").out == ""


def test_a_key_may_end(run: Run) -> None:
    run("keys", "add", "shop", "--days", "3", "--file", "keys.json")
    assert "until 20" in run("keys", "list", "--file", "keys.json").out
    assert run("keys", "add", "shop", "--days", "0", "--file", "keys.json").code == 2


def test_a_rekognition_key_comes_as_an_sdk_takes_it(run: Run, tmp_path: Path) -> None:
    made = run("keys", "add", "shop", "--rekognition", "--file", "keys.json")
    plain, identity, secret = made.out.split()
    assert identity.startswith("AWS_ACCESS_KEY_ID=AKIA")
    assert secret == f"AWS_SECRET_ACCESS_KEY={plain}"
    assert plain in (tmp_path / "keys.json").read_text()


def test_a_name_s_keys_go_together(run: Run) -> None:
    for name in ("shop", "shop", "office"):
        run("keys", "add", name, "--file", "keys.json")
    assert "2 revoked" in run("keys", "revoke", "shop", "--file", "keys.json").err
    assert run("keys", "list", "--file", "keys.json").out.count("\n") == 1


def test_what_is_not_there_cannot_be_revoked(run: Run) -> None:
    done = run("keys", "revoke", "nobody", "--file", "keys.json")
    assert done.code != 0
    assert "nobody" in done.err


def test_a_damaged_file_is_said_and_left_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    for command in (("add", "shop"), ("list",), ("revoke", "shop")):
        done = run("keys", *command, "--file", "keys.json")
        assert done.code == 2
        assert "the keys cannot be read" in done.err
    assert (tmp_path / "keys.json").read_text() == "{"


def test_by_default_the_file_is_the_server_s(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    run("keys", "add", "shop")
    assert (tmp_path / "data" / "onlooker" / "keys.json").is_file()
    monkeypatch.setenv("ONLOOKER_KEYS_FILE", str(tmp_path / "other.json"))
    run("keys", "add", "shop")
    assert (tmp_path / "other.json").is_file()
