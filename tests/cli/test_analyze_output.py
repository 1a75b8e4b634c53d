"""``onlooker analyze`` and what it writes: marked pictures, output that goes on, interruptions."""

import csv
import io
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import ALBUM, Outcome, Run, objects

WHOLE_TIME = re.compile(r"\d+\.\d s")


def test_annotated_pictures_mirror_the_folder(run: Run, album: Path, portrait: Path) -> None:
    (Path.cwd() / album / "broken.png").touch()
    found = run("analyze", album, portrait, "--annotate", "marked")
    assert found.code == 2
    assert "annotated pictures lie in marked" in found.err
    marked = Path("marked")
    names = [name.removeprefix("album/") for name in ALBUM] + [portrait.name]
    assert sorted(p.relative_to(marked).as_posix() for p in marked.rglob("*") if p.is_file()) == sorted(
        f"{name}.annotated.jpg" for name in names
    )
    with Image.open(portrait) as before, Image.open(marked / "sub" / "a.jpg.annotated.jpg") as after:
        assert (after.format, after.size) == ("JPEG", before.size)
        change = np.abs(np.asarray(before, np.int16) - np.asarray(after.convert("RGB"), np.int16)).max(axis=2)
        assert 0.01 < (change > 40).mean() < 0.3, "the marks are neither absent nor all over"


def test_a_run_that_goes_on_marks_no_picture_over_another(run: Run, samples: Path) -> None:
    for folder, name in (("a", "group.jpg"), ("b", "grace_hopper.jpg")):
        Path(folder).mkdir()
        (Path(folder) / "x.jpg").write_bytes((samples / name).read_bytes())
    run("analyze", "a", "--annotate", "marked", "--output", "o.jsonl", "--format", "jsonl")
    first = Path("marked/x.jpg.annotated.jpg").read_bytes()
    run("analyze", "a", "b", "--annotate", "marked", "--output", "o.jsonl", "--format", "jsonl")
    assert sorted(p.name for p in Path("marked").iterdir()) == ["x.jpg.2.annotated.jpg", "x.jpg.annotated.jpg"]
    assert Path("marked/x.jpg.annotated.jpg").read_bytes() == first


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_every_picture_of_standard_input_is_read_into_an_output_that_goes_on(
    run: Run, samples: Path, kind: str
) -> None:
    rows = []
    for name in ("group.jpg", "grace_hopper.jpg", "group.jpg"):
        run("analyze", "-", "--format", kind, "--output", "out", stdin=(samples / name).read_bytes())
        rows.append(len(Path("out").read_text(encoding="utf-8").splitlines()))
    assert rows == ([1, 2, 3] if kind == "jsonl" else [6, 7, 12])


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_could_not_be_read_before_is_not_forgotten_when_it_goes_on(run: Run, portrait: Path, kind: str) -> None:
    Path("a.jpg").write_text("no picture", encoding="utf-8")
    options = ("analyze", "a.jpg", portrait, "--format", kind, "--output", "out")
    assert run(*options).code == 2
    again = run(*options)
    assert again.code == 2
    assert "1 picture in out could not be read before; to try again, take those lines out" in again.err


def test_one_picture_named_twice_is_annotated(run: Run, portrait: Path) -> None:
    found = run("analyze", portrait, portrait, "--annotate", "marked", "--format", "jsonl")
    assert found.code == 0
    assert len(objects(found.out)) == 2
    assert [p.name for p in Path("marked").iterdir()] == ["portrait.jpg.annotated.jpg"]


def test_a_picture_from_standard_input_is_annotated_once(run: Run, portrait: Path) -> None:
    found = run("analyze", "-", "-", "--annotate", "marked", "--format", "jsonl", stdin=portrait.read_bytes())
    assert found.code == 2
    assert [p["error"] is None for p in objects(found.out)] == [True, False]
    assert [p.name for p in Path("marked").iterdir()] == ["stdin.annotated.jpg"]


def test_a_folder_that_cannot_be_annotated_into_is_an_error(run: Run, portrait: Path) -> None:
    Path("marked").write_text("a file", encoding="utf-8")
    found = run("analyze", portrait, "--annotate", "marked")
    assert found.code == 2
    Path("marked").unlink()
    Path("marked/portrait.jpg.annotated.jpg").mkdir(parents=True)
    found = run("analyze", portrait, "--annotate", "marked")
    assert found.code == 2
    assert "the annotated picture cannot be written (Is a directory)" in found.err


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_an_interrupted_output_is_completed_without_doing_pictures_twice(run: Run, album: Path, kind: str) -> None:
    arguments = ("analyze", album, "--aligned", "--format", kind, "--output", "out")
    first = run(*arguments)
    assert (first.code, first.out) == (0, "")
    out = Path("out")
    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 5 + (kind == "csv")
    # Three whole pictures, the first bearing a mark that a second look would wipe out, and half of the fourth.
    head = lines[: 3 + (kind == "csv")]
    marked = [re.sub(rb"Z\.JPG(.*?)1\.0", rb"Z.JPG\g<1>0.123", line) for line in head]
    assert marked != head
    out.write_bytes(b"".join(marked) + lines[len(head)][:20])
    again = run(*arguments)
    assert again.code == 0
    assert out.read_bytes() == b"".join(marked) + b"".join(lines[len(head) :])
    # A csv may lack rows of its last picture, so that one is done again.
    kept = 3 if kind == "jsonl" else 2
    assert WHOLE_TIME.sub("T", again.err) == (
        f"{5 - kept} pictures, {5 - kept} faces, T; {kept} pictures already in out\n"
    )


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_foreign_output_file_is_refused_and_left_alone(run: Run, portrait: Path, kind: str) -> None:
    Path("notes").write_text("dear diary", encoding="utf-8")
    found = run("analyze", portrait, "--format", kind, "--output", "notes")
    assert found.code == 2
    assert found.err == (
        f"onlooker: notes: exists and is no {kind} output of `onlooker analyze`; name another --output file\n"
    )
    assert Path("notes").read_text(encoding="utf-8") == "dear diary"


def test_a_table_may_be_written_to_a_file(run: Run, portrait: Path) -> None:
    shown = run("analyze", portrait)
    kept = run("analyze", portrait, "--output", "table.txt")
    assert kept.out == ""
    assert Path("table.txt").read_text(encoding="utf-8") == shown.out


def many(folder: Path, source: Path, count: int) -> None:
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:04}{source.suffix}").symlink_to(source)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_an_interruption_leaves_whole_lines_and_ends_with_130(
    tmp_path: Path, samples: Path, detector: None, kind: str
) -> None:
    del detector
    many(tmp_path / "many", samples / "group.jpg", 300)
    # Whoever runs the tests in the background has SIGINT ignored, and a child inherits that.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from onlooker.cli.main import main; main()"
    arguments = ["analyze", "many", "--format", kind, "--output", "out"]
    out = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8"
    ) as child:
        try:
            deadline = time.monotonic() + 30
            while not (out.exists() and out.read_bytes().count(b"\n") > 6):
                assert time.monotonic() < deadline, "nothing was written"
                assert child.poll() is None
                time.sleep(0.02)
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 130
    assert err.strip() == "onlooker: interrupted"
    text = out.read_text(encoding="utf-8")
    assert text.endswith("\n")
    if kind == "jsonl":
        done = {p["source"]: len(p["faces"]) for p in objects(text)}
    else:
        done = {}
        for row in csv.DictReader(io.StringIO(text)):
            assert None not in row.values()
            done[row["source"]] = int(row["face"])
    assert list(done) == [f"many/{i:04}.jpg" for i in range(len(done))]
    assert 1 < len(done) < 300
    assert set(done.values()) == {5}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "table"])
def test_a_reader_who_has_seen_enough_ends_it_quietly(tmp_path: Path, portrait: Path, kind: str) -> None:
    many(tmp_path / "many", portrait, 100)
    with subprocess.Popen(
        [sys.executable, "-m", "onlooker.cli.main", "analyze", "many", "--format", kind, "--workers", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        child.stdout.close()
        assert child.stderr is not None
        err = child.stderr.read()
    assert first.endswith("\n")
    assert Outcome(child.returncode, "", err) == Outcome(0, "", "")
