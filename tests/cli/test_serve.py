"""``onlooker serve``: its check of the settings, and what it says where it cannot start."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, process


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A data folder of the test's own; and the log, which a server takes over, is given back."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)


def test_check_prints_what_is_in_force_and_no_secret(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[serve]\nsecret = "very"\nport = 1\n[limits]\nrate = 2\n')
    done = run("serve", "--check", "--config", "a.toml", "--port", "0", "--workers", "3")
    assert done.code == 0
    shown = json.loads(done.out)
    assert (shown["serve"]["port"], shown["serve"]["workers"], shown["limits"]["rate"]) == (0, 3, 2.0)
    assert shown["serve"]["store"].startswith("file:///")
    assert shown["serve"]["queue"].startswith("sqlite:///")
    assert shown["serve"]["secret"] == "(set)"
    assert "very" not in done.out
    assert not (tmp_path / "data").exists()


def test_check_shows_every_place_and_no_password(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = json.loads(run("serve", "--check").out)
    assert shown["keys"]["file"] == str(tmp_path / "data" / "onlooker" / "keys.json")
    assert shown["display"]["ledger"] == f"sqlite://{tmp_path}/data/onlooker/ledger.sqlite"
    monkeypatch.setenv("ONLOOKER_DISPLAY_LEDGER", "postgresql://screen:hush@hush@db.example/shop?password=hush")
    done = run("serve", "--check")
    assert json.loads(done.out)["display"]["ledger"] == "postgresql://***@db.example/shop?***"
    assert "hush" not in done.out
    monkeypatch.setenv("ONLOOKER_DISPLAY_LEDGER", "mysql://screen:hush@hush@db.example/shop")
    done = run("serve", "--check")
    assert done.code == 2
    assert "mysql://***@db.example/shop: a ledger is sqlite:///file" in done.err


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("STORE", "ftp://a", 2, "ftp://a: a store is file:///folder"),
        ("QUEUE", "redis://a", 2, "redis://a: a queue is sqlite:///file"),
        ("MODEL_DETECTOR", "yunett", 2, "no detector is called 'yunett'"),
        ("MODEL_DETECTOR", "none.onnx", 3, "none.onnx: the model yunet cannot be read"),
        ("MODEL_CARD", "none.json", 3, "none.json: no such model card"),
        ("MODEL_CARD", "face_v0", 3, "no model is called 'face_v0'"),
        ("MODEL_CARD", "yunet", 3, "yunet is no age and gender model"),
    ],
)
def test_check_refuses_what_no_server_starts_with(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: int, said: str
) -> None:
    monkeypatch.setenv(f"ONLOOKER_{variable}", value)
    done = run("serve", "--check")
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    # Where others answer, the model is with them.
    assert run("serve", "--check", "--workers", "0").code == (0 if variable.startswith("MODEL") else code)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "none.toml"], "none.toml"),
        (["--port", "70000"], "70000"),
        (["--workers", "-1"], "-1"),
        (["--store", "ftp://a"], "a store is file:///folder"),
        (["--store", "file://relative"], "a store is file:///folder"),
        (["--queue", "redis://a"], "a queue is sqlite:///file"),
        (["--store", "file:///proc/none"], "/proc/none: cannot be used as a store"),
        (["--host", "not a host"], "cannot be used"),
        (["more"], "more"),
    ],
)
def test_what_cannot_be_served_is_said(run: Run, arguments: list[str], said: str) -> None:
    done = run("serve", "--port", "0", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_queue_that_cannot_be_used_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tasks.sqlite").write_text("no database, whatever its name says")
    done = run("serve", "--port", "0", "--queue", f"sqlite://{tmp_path}/tasks.sqlite")
    assert done.code == 2
    assert "cannot be used as a queue" in done.err


def test_a_model_that_is_missing_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLOOKER_MODEL_DETECTOR", str(tmp_path / "none.onnx"))
    done = process("serve", "--port", "0", cwd=tmp_path)
    assert done.code in (2, 3)
    assert "none.onnx" in done.err
    assert "Traceback" not in done.err
