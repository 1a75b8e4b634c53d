"""Every snippet of docs/python.md runs as it stands, and holds under a user's own ``mypy --strict``."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onlooker
from tests.media.films import film, street

ROOT = Path(__file__).parent.parent
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.S | re.M)
TOGETHER = [snippet for snippet in SNIPPETS if "__main__" not in snippet]
PROGRAMS = [snippet for snippet in SNIPPETS if "__main__" in snippet]


@pytest.fixture
def place(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the page speaks of."""
    (tmp_path / "photos").mkdir()
    for name in ("holiday.jpg", "photos/a.jpg", "photos/b.jpg"):
        shutil.copy(samples / "grace_hopper.jpg", tmp_path / name)
    shutil.copy(samples / "group.jpg", tmp_path)
    shutil.copy(samples / "eileen_collins.png", tmp_path / "crop.jpg")
    (tmp_path / "photos" / "c.jpg").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_snippets_do_what_the_page_says(place: Path, samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = street(samples)
    film(place / "shop.mp4", [scene.frame(0.5 + n / 10) for n in range(8)], rate=10)
    told: dict[str, Any] = {}
    for snippet in TOGETHER:
        exec(compile(snippet, "docs/python.md", "exec"), told)
    said = capsys.readouterr().out
    assert said.startswith("85 (71 to 99) undetermined\n")
    assert re.search(r"^photos/a\.jpg 512 600 1$", said.replace(os.sep, "/"), re.M)
    assert re.search(r"^photos/c\.jpg not a picture", said.replace(os.sep, "/"), re.M)
    assert re.search(r"^group\.jpg +5 ", said, re.M)
    assert re.search(r"^0\.\d0 s [0-9a-f]{8} \d\d\.\d+ ", said, re.M)
    assert said.endswith("no such file; check the path\n")
    assert len(told["women"]) + len(told["undetermined"]) <= len(told["faces"]) == 5
    with Image.open("marked.jpg") as marked, Image.open("group.jpg") as plain:
        assert marked.size == plain.size
        assert np.asarray(marked).tobytes() != np.asarray(plain).tobytes()
    with Image.open("holiday.jpg") as image:
        bgr = np.asarray(image)[..., ::-1]
    assert told["faces_of_opencv"](bgr).age == pytest.approx(told["analyzer"](image).age)
    sight = told["watch_opencv"](onlooker.Watcher.of(told["analyzer"]), bgr, 0.0, 0)
    assert (sight.at, sight.number, sight.searched) == (0.0, 0, True)


def test_the_programs_run_in_processes_of_their_own(place: Path) -> None:
    assert PROGRAMS
    for program in PROGRAMS:
        (place / "program.py").write_text(program, encoding="utf-8")
        done = subprocess.run([sys.executable, "program.py"], check=True, capture_output=True, text=True)
        lines = {Path(line.split()[0]).name: line.split()[1] for line in done.stdout.splitlines()}
        assert lines == {"a.jpg": "1", "b.jpg": "1", "c.jpg": "not"}


def test_a_user_s_strict_mypy_holds_on_the_snippets(place: Path) -> None:
    (place / "page.py").write_text("\n".join(TOGETHER), encoding="utf-8")
    (place / "program.py").write_text("\n".join(PROGRAMS), encoding="utf-8")
    (place / "mypy.ini").write_text("[mypy]\nstrict = True\n[mypy-pandas]\nignore_missing_imports = True\n", "utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        "mypy.ini",
        "--cache-dir",
        str(ROOT / ".mypy_cache" / "user"),
    ]
    done = subprocess.run([*command, "page.py", "program.py"], check=False, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("Success: no issues found in 2 source files", "")
