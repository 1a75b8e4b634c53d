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
from tests.media.pictures import encode, swapped_profile

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


def test_marked_pictures_are_not_marked_again(run: Run, album: Path) -> None:
    options = ("analyze", album, "--aligned", "--format", "jsonl", "--annotate", album / "out")
    first, second = run(*options), run(*options)
    assert first.out == second.out
    assert [p["source"] for p in objects(second.out)] == ALBUM
    assert len(list(Path("album").rglob("*.annotated.jpg"))) == len(ALBUM)
    assert WHOLE_TIME.sub("T", second.err) == (
        "5 pictures, 5 faces, T; 1 other file left alone; 5 marked pictures left out\n"
        "annotated pictures lie in album/out\n"
    )
    named = run("analyze", "album/out/b.jpg.annotated.jpg", "--aligned", "--format", "jsonl")
    assert [p["source"] for p in objects(named.out)] == ["album/out/b.jpg.annotated.jpg"]


def test_a_marked_picture_takes_no_place_of_one_that_is_read(run: Run, portrait: Path) -> None:
    for name in ("x.jpg", "x.jpg.annotated.jpg"):
        Path(name).write_bytes(portrait.read_bytes())
    assert run("analyze", "x.jpg", "x.jpg.annotated.jpg", "--aligned", "--annotate", ".").code == 0
    assert Path("x.jpg.annotated.jpg").read_bytes() == portrait.read_bytes()
    assert Path("x.jpg.2.annotated.jpg").exists()


def test_a_picture_of_which_something_was_passed_over_is_named_once(run: Run, portrait: Path) -> None:
    data = portrait.read_bytes()
    Path("half.jpg").write_bytes(data[: len(data) * 9 // 10])
    with Image.open(portrait) as page:
        page.save("scan.tiff", save_all=True, append_images=[page, page])
    found = run(
        "analyze", "half.jpg", "scan.tiff", "-", portrait, "--annotate", "o", stdin=Path("half.jpg").read_bytes()
    )
    assert found.code == 0
    assert found.err.splitlines()[:-2] == [
        "onlooker: half.jpg: is truncated, and was decoded as far as it goes; copy the file again",
        "onlooker: scan.tiff: has further pages; the first was read",
        "onlooker: -: is truncated, and was decoded as far as it goes; copy the file again",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_names_move_no_cursor_and_forge_no_row(run: Run, tmp_path: Path) -> None:
    name = "red\x1b[31m\nfake.jpg   1   31  23 to 40.jpg"
    Path(name).write_text("no picture", encoding="utf-8")
    found = run("analyze", name, tmp_path / f"{name}/gone", "--aligned")
    assert len(found.out.splitlines()) == 3
    assert "red\\x1b[31m\\nfake.jpg   1   31  23 to 40.jpg" in found.out
    assert "\x1b" not in found.out + found.err
    wrong = run("analyze", "x.jpg", "--output", f"{name}/o")
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 1)
    assert wrong.err.startswith("onlooker: red\\x1b[31m\\nfake.jpg")
    (tmp_path / "d\x1b").mkdir()
    assert "\x1b" not in run("analyze", "x.jpg", "--output", "d\x1b").err


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


def test_one_picture_named_twice_is_done_and_annotated_once(run: Run, portrait: Path) -> None:
    found = run("analyze", portrait, portrait, "--annotate", "marked", "--format", "jsonl")
    assert found.code == 0
    assert len(objects(found.out)) == 1
    assert "; 1 picture named again\n" in found.err
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


def test_a_picture_that_cannot_be_annotated_is_told_and_the_others_are_done(run: Run, album: Path) -> None:
    for name in ("a.jpeg", "b.jpg"):
        (Path("marked") / f"{name}.annotated.jpg").mkdir(parents=True)
    found = run("analyze", album, "--annotate", "marked", "--format", "jsonl")
    assert found.code == 2
    assert [p["error"] for p in objects(found.out)] == [None] * 5
    assert sorted(p.name for p in Path("marked").rglob("*") if p.is_file()) == [
        f"{name}.annotated.jpg" for name in ("Z.JPG", "a.jpg", "c.jpg")
    ]
    said = found.err.splitlines()
    assert said[:2] == [
        f"onlooker: album/{name}: marked/{name}.annotated.jpg: the annotated picture cannot be written (Is a directory)"
        for name in ("a.jpeg", "b.jpg")
    ]
    end = "onlooker: 2 of 5 pictures could not be annotated, each named above; mend that"
    assert said[-1] == f"{end} and run again"
    kept = run("analyze", album, "--annotate", "marked", "--output", "o.csv")
    assert kept.err.splitlines()[-1] == (
        f"{end}, take their lines out of o.csv or name another --output, and run again"
    )


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(run: Run, album: Path) -> None:
    Path("file").write_text("in the way", encoding="utf-8")
    found = run("analyze", album, "--annotate", "file/marked", "--output", "o.jsonl")
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "onlooker: file/marked: cannot be written to (Not a directory); name another folder with --annotate\n"
    )
    assert not Path("o.jsonl").exists()


@pytest.mark.parametrize("fault", ["a file where a folder goes", "no room"])
def test_a_run_stops_where_no_picture_could_be_annotated_any_more_and_loses_none(
    run: Run, album: Path, fault: str
) -> None:
    if fault == "no room":
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full, a disk without room")
        wrong, says = (
            Path("marked/sub/a.jpg.annotated.jpg"),
            "No space left on device); make room, or name another folder",
        )
        wrong.parent.mkdir(parents=True)
        wrong.symlink_to("/dev/full")
    else:
        wrong, says = Path("marked/sub"), "File exists); see to that folder and its rights, or name another"
        wrong.parent.mkdir()
        wrong.touch()
    options = ("analyze", album, "--aligned", "--annotate", "marked", "--output", "o.jsonl")
    found = run(*options)
    assert found.code == 2
    assert found.err == f"onlooker: marked/sub/a.jpg.annotated.jpg: the annotated picture cannot be written ({says}\n"
    assert [p["source"] for p in objects(Path("o.jsonl").read_text(encoding="utf-8"))] == ALBUM[:3]
    wrong.unlink()
    assert run(*options).code == 0
    assert [p["source"] for p in objects(Path("o.jsonl").read_text(encoding="utf-8"))] == ALBUM
    assert sorted(p.relative_to("marked").as_posix() for p in Path("marked").rglob("*.annotated.jpg")) == [
        f"{name.removeprefix('album/')}.annotated.jpg" for name in ALBUM
    ]


def test_annotated_pictures_keep_the_colours_that_a_profile_says(run: Run) -> None:
    Path("swapped.png").write_bytes(
        encode(Image.new("RGB", (64, 64), (250, 10, 10)), "PNG", icc_profile=swapped_profile())
    )
    assert run("analyze", "swapped.png", "--annotate", "marked", "--aligned").code == 0
    with Image.open("marked/swapped.png.annotated.jpg") as image:
        red, green, blue = np.asarray(image.convert("RGB"))[32, 32].tolist()
    assert "icc_profile" not in image.info
    assert green > 200 > 60 > max(red, blue)


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
        f"{5 - kept} pictures, {5 - kept} faces, T; {kept} pictures already in out; 1 other file left alone\n"
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
