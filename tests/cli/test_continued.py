"""Output that goes on: of one model and one set of settings, and each picture once."""

import csv
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlooker.analyzer import Analysis, Analyzer
from onlooker.cli import held as reading
from onlooker.cli.held import ASKED, Held, Seen, agree, read_held
from onlooker.cli.output import open_output
from onlooker.core.errors import InputError
from onlooker.testing import FixedEstimator, ScriptedDetector, face_detection
from tests.cli.conftest import Run, objects
from tests.datasets.pictures import photograph, save

OTHER = (
    "onlooker: out: holds other answers for {} (made with other settings, or the picture has changed since); name "
    "another --output file, or the settings of before, or, where the picture has changed, take its lines out\n"
)


def names(path: Path, kind: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    rows = objects(text) if kind == "jsonl" else csv.DictReader(text.splitlines())
    return [row["source"] for row in rows]


@pytest.fixture
def three(tmp_path: Path, samples: Path, portrait: Path) -> Path:
    """A folder ``w`` of two pictures with a face; a third, five faces, is to come between them."""
    (tmp_path / "w").mkdir()
    shutil.copyfile(portrait, tmp_path / "w" / "a.jpg")
    shutil.copyfile(portrait, tmp_path / "w" / "c.jpg")
    shutil.copyfile(samples / "group.jpg", tmp_path / "b.jpg")
    return Path("w")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize(
    "other",
    [("--confidence", "0.6"), ("--model", "face_v5_fast"), ("--aligned",)],
    ids=lambda other: str(other[0]),
)
def test_other_settings_do_not_go_on_with_a_file(run: Run, three: Path, kind: str, other: tuple[str, ...]) -> None:
    options = ("analyze", three, "--format", kind, "--output", "out")
    run(*options)
    before = Path("out").read_bytes()
    Path("b.jpg").rename("w/b.jpg")
    found = run(*options, *other)
    assert (found.code, found.out) == (2, "")
    assert found.err in (OTHER.format("w/a.jpg"), OTHER.format("w/c.jpg"))
    assert Path("out").read_bytes() == before
    assert run(*options).code == 0
    assert sorted(set(names(Path("out"), kind))) == ["w/a.jpg", "w/b.jpg", "w/c.jpg"]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_picture_that_was_replaced_is_told_and_stops_nothing(run: Run, three: Path, kind: str) -> None:
    for name in "defghijklmnop":
        shutil.copyfile("w/c.jpg", f"w/{name}.jpg")
    options = ("analyze", three, "--aligned", "--format", kind, "--output", "out")
    run(*options)
    before = Path("out").read_text(encoding="utf-8")
    time.sleep(0.02)  # a file system's clock may be that coarse
    Path("b.jpg").replace("w/a.jpg")
    shutil.copyfile("w/c.jpg", "w/q.jpg")
    found = run(*options)
    assert found.code == 0
    assert found.err.startswith(
        "onlooker: out: w/a.jpg changed since, and its old answer stays; to read it again, take its lines out\n"
    )
    after = Path("out").read_text(encoding="utf-8")
    assert after.startswith(before)
    assert names(Path("out"), kind)[-1] == "w/q.jpg"
    assert run(*options, "--confidence", "0.6").code == 2, "and another setting is still noticed"
    lines = [line for line in after.splitlines(keepends=True) if "w/a.jpg" not in line]
    Path("out").write_text("".join(lines), encoding="utf-8")
    found = run(*options)
    assert (found.code, "changed" in found.err) == (0, False)
    assert sum(name == "w/a.jpg" for name in names(Path("out"), kind)) == 1
    time.sleep(0.02)
    Path("w/a.jpg").write_bytes(Path("w/a.jpg").read_bytes())
    found = run(*options)
    assert (found.code, "changed" in found.err) == (0, False), "touched, and the same as it was"


def test_an_output_to_which_nothing_is_added_keeps_its_date(run: Run, three: Path) -> None:
    options = ("analyze", three, "--aligned", "--output", "out.jsonl")
    run(*options)
    os.utime("out.jsonl", (2_000_000_000, 2_000_000_000))
    assert run(*options).code == 0
    assert Path("out.jsonl").stat().st_mtime == 2_000_000_000


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_picture_is_done_once_however_its_folder_is_named(run: Run, three: Path, kind: str) -> None:
    options = ("--aligned", "--format", kind, "--output", "out")
    for folder in (three, f"./{three}", three.absolute(), f"{three}/../{three}"):
        assert run("analyze", folder, *options).code == 0
    assert [Path(name).name for name in names(Path("out"), kind)] == ["a.jpg", "c.jpg"]
    found = run("analyze", "./w/a.jpg", three, three.absolute() / "c.jpg", "--aligned", "--format", "jsonl")
    assert [line["source"] for line in objects(found.out)] == ["./w/a.jpg", "w/c.jpg"]
    assert "; 2 pictures named again\n" in found.err


def test_rows_that_may_be_cut_short_are_replaced_though_a_new_picture_comes_before(run: Run, three: Path) -> None:
    options = ("analyze", three, "--output", "out.csv")
    run(*options)
    Path("b.jpg").rename("w/b.jpg")
    assert run(*options).err.endswith("; 1 picture already in out.csv\n")
    assert names(Path("out.csv"), "csv") == ["w/a.jpg", "w/c.jpg", *["w/b.jpg"] * 5]


# By doubles -----------------------------------------------------------------------------------------------------------


class Counted(Analyzer):
    """Says what it was asked. One face at a place, of an age."""

    def __init__(self, *, age: float = 31.0, p_female: float = 0.8, at: float = 40.0, faces: int = 1) -> None:
        found = [face_detection(at + 70 * i, 30, 60) for i in range(faces)]
        detections = replace(
            found[0],
            boxes=np.concatenate([one.boxes for one in found]),
            scores=np.concatenate([one.scores for one in found]),
            landmarks=np.concatenate([one.landmarks for one in found]),
        )
        super().__init__(ScriptedDetector(detections), FixedEstimator(age, p_female), workers=1)
        self.asked: list[str] = []

    def analyze(self, source: object, name: str | None = None, confidence: float | None = None) -> Analysis:
        self.asked.append(str(name))
        return super().analyze(source, name, confidence)  # type: ignore[arg-type]


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Fifteen pictures, each larger than the one before, from 200 pixels on."""
    (tmp_path / "p").mkdir()
    sizes = range(200, 350, 10)
    paths = [save(tmp_path / "p", f"{i:02}.jpg", photograph(i).resize((size, size))) for i, size in enumerate(sizes)]
    return [str(path) for path in paths]


def held_of(kind: str, path: Path, analyzer: Analyzer, sources: Sequence[str]) -> Held:
    with open_output(kind, path) as (writer, _):
        for source in sources:
            writer.write(analyzer.analyze(source))
    return read_held(kind, path, "out")[0]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_few_pictures_are_asked_the_smallest_of_the_last(tmp_path: Path, pictures: list[str], kind: str) -> None:
    held = held_of(kind, tmp_path / "out", Counted(), pictures)
    again = Counted()
    agree(again, held, "out")
    first = 5 if kind == "jsonl" else 4  # of a csv, the last may be cut short
    assert again.asked == pictures[first : first + ASKED]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize(
    "other",
    [
        Counted(age=31.5),
        Counted(p_female=0.83),
        Counted(at=42.0),
        Counted(faces=2),
    ],
    ids=["age", "gender", "box", "count"],
)
def test_an_answer_is_another_by_age_gender_place_or_number(
    tmp_path: Path, pictures: list[str], kind: str, other: Counted
) -> None:
    held = held_of(kind, tmp_path / "out", Counted(), pictures[:3])
    with pytest.raises(InputError, match=r"^out: holds other answers for .*00\.jpg \("):
        agree(other, held, "out")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_another_processor_rounds_otherwise_is_the_same(tmp_path: Path, pictures: list[str], kind: str) -> None:
    held = held_of(kind, tmp_path / "out", Counted(faces=2), pictures[:3])
    again = Counted(age=31.2, p_female=0.81, at=40.5, faces=2)
    agree(again, held, "out")
    assert len(again.asked) == (3 if kind == "jsonl" else 2)


def test_what_cannot_be_read_any_more_and_what_never_could_be_is_not_asked(tmp_path: Path, pictures: list[str]) -> None:
    held = held_of("jsonl", tmp_path / "out", Counted(), [*pictures[:6], str(tmp_path / "missing.jpg"), "-"])
    for path in pictures[:4]:
        Path(path).unlink()
    again = Counted()
    agree(again, held, "out")
    assert again.asked == pictures[:6]
    assert len(held.done) == 7
    assert len(held.failed) == 1


def test_two_are_enough_where_they_are_large(
    tmp_path: Path, pictures: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onlooker.cli.held.PIXELS", 50_000)
    held = held_of("jsonl", tmp_path / "out", Counted(), pictures[:3])
    again = Counted()
    agree(again, held, "out")
    assert again.asked == pictures[:2]


def touched(kind: str, path: Path, pictures: list[str], changed: Sequence[str]) -> Held:
    """An output of all pictures, of which some changed since."""
    held_of(kind, path, Counted(), pictures)
    os.utime(path, ns=(0, Path(pictures[0]).stat().st_mtime_ns + 3600 * 10**9))  # as if it were written in an hour
    later = path.stat().st_mtime_ns + 10**9
    for picture in changed:
        os.utime(picture, ns=(later, later))
    return read_held(kind, path, "out")[0]


def test_pictures_that_are_newer_than_the_output_are_asked_besides(
    tmp_path: Path, pictures: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    again = Counted()
    agree(again, touched("csv", tmp_path / "out", pictures, pictures[1:2]), "out")
    assert again.asked == [*pictures[4:7], pictures[1]]
    assert capsys.readouterr().err == ""


def test_a_picture_that_is_as_it_was_stops_it_whatever_else_changed(tmp_path: Path, pictures: list[str]) -> None:
    held = touched("csv", tmp_path / "out", pictures, pictures[:4])
    with pytest.raises(InputError, match=r"^out: holds other answers for .*04\.jpg \("):
        agree(Counted(age=60), held, "out")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (1, "out: {} changed since (or the settings have), and its old answer stays; to read it again, take its lines"),
        (3, "out: {} and 2 more changed since (or the settings have), and their old answers stay; to read them again,"),
        (9, "out: {} and 2 more, and perhaps others of 6 newer pictures, changed since (or the settings have), and"),
    ],
)
def test_where_all_that_can_be_asked_changed_it_goes_on_with_a_word(
    tmp_path: Path, pictures: list[str], changed: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    some = pictures[:changed]
    agree(Counted(age=60), touched("jsonl", tmp_path / "out", some, some), "out")
    assert capsys.readouterr().err.startswith(f"onlooker: {says.format(some[0])}")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_of_many_answers_only_those_that_may_be_asked_are_looked_into(
    tmp_path: Path, pictures: list[str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    held_of(kind, path, Counted(), pictures[:1])
    *head, line = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines = [line.replace("00.jpg", f"{i}.jpg") for i in range(500)]
    path.write_text("".join([*head, *lines]), encoding="utf-8")
    looked: list[dict[str, Any]] = []
    seen = reading._seen

    def noted(face: dict[str, Any]) -> Seen:
        looked.append(face)
        return seen(face)

    monkeypatch.setattr(reading, "_seen", noted)
    found = read_held(kind, path, "out")[0]
    assert len(found.done) == (500 if kind == "jsonl" else 499)
    assert len(looked) == len(found.sample) == reading.RECENT


def test_lines_that_have_no_faces_to_compare_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text('{"source": "a.jpg"}\n{"source": "b.jpg", "faces": [{"age": 3}]}\n', encoding="utf-8")
    held = read_held("jsonl", path, "out")[0]
    assert {Path(name).name for name in held.done} == {"a.jpg", "b.jpg"}
    assert held.sample == ()
