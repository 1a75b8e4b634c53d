"""What ``onlooker analyze`` says of pictures, good and bad."""

import csv
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from onlooker.core.faces import Picture8
from tests.cli.conftest import ALBUM, Run, objects, process

WHOLE_TIME = re.compile(r"\d+\.\d s")


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
    good = [f"good{number}.jpg" for number in range(len(broken))]
    for name in good:
        Path(name).write_bytes(portrait.read_bytes())
    paths = [part for pair in zip(broken, good, strict=True) for part in pair]
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


def test_end_to_end_in_a_process_of_its_own(tmp_path: Path, portrait: Path) -> None:
    found = process("analyze", portrait, "missing.jpg", "--format", "jsonl", cwd=tmp_path)
    assert found.code == 2
    good, bad = objects(found.out)
    assert len(good["faces"]) == 1
    assert bad["error"] == "no such file; check the path"
    report, verdict = found.err.splitlines()
    assert WHOLE_TIME.sub("T", report) == "2 pictures, 1 face, T"
    assert verdict == "onlooker: 1 of 2 pictures could not be read; see their lines"
