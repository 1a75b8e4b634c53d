"""``onlooker display``: what it refuses, what it says."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from onlooker.cli.display import command, demo_campaign
from onlooker.core.errors import ConfigError


def test_it_names_its_addresses_and_ends_when_told_to(tmp_path: Path) -> None:
    """No camera is there, and the screen plays all the same."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("ONLOOKER_")}
    arguments = ["display", "--campaign", "demo", "--source", str(tmp_path / "none.mp4"), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "onlooker.cli.main", *arguments, "--screen", "window"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**known, "XDG_DATA_HOME": str(tmp_path)},
        encoding="utf-8",
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(2)]
    url = re.findall(r"http://\S+(?=/display)", said[0])[0]
    assert f"{url}/operator" in said[1]
    with urllib.request.urlopen(f"{url}/operator/events") as stream:
        for line in stream:
            if line.startswith(b"data: {") and (state := json.loads(line[6:]))["camera"]["state"] == "lost":
                break
    assert state["screen"] == "window"
    assert "no such file" in state["errors"][-1]["text"]
    with urllib.request.urlopen(f"{url}/display/next", b'{"page": "page-0001", "play": "play-0001"}') as answer:
        assert json.load(answer)["advert"] in ("crumb-and-crust", "fern-and-foxglove")
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert "Traceback" not in log
    assert (tmp_path / "onlooker" / "ledger.sqlite").is_file()


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(command, ["--port", "0", *arguments])
    assert isinstance(done.exception, ConfigError), done
    return str(done.exception)


def test_what_cannot_be_played_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert "none.toml" in refused("--campaign", str(tmp_path / "none.toml"))
    file = tmp_path / "bad.toml"
    file.write_text(demo_campaign().read_text().replace("duration = 8", "duraton = 8", 1))
    assert re.search(r"bad.toml, line \d+: .*duraton", refused("--campaign", str(file)))
    assert refused("--campaign", str(file), "--check") == refused("--campaign", str(file))
    assert "ledger" in refused("--campaign", "demo", "--ledger", "mysql://host/name")
    settings = tmp_path / "settings.toml"
    settings.write_text("[display]\nface_store = true\n")
    assert "line 2" in refused("--campaign", "demo", "--config", str(settings))


def test_a_campaign_is_checked_without_being_played() -> None:
    done = CliRunner().invoke(command, ["--campaign", "demo", "--check"])
    assert done.exit_code == 0
    head, *rows = done.output.splitlines()
    assert head == f"{demo_campaign()}: nothing is wrong with its 8 adverts"
    assert rows[0].split() == ["harbour-street", "8", "s", "the", "default"]
    assert [row.split()[0] for row in rows if row.endswith("adults only")] == ["old-tern"]
