import csv
import io
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onlooker.analyzer import Analysis
from onlooker.cli.forms import CSV_COLUMNS, Csv, JsonLines, Table
from onlooker.cli.names import identity, shorten
from onlooker.cli.output import open_output
from onlooker.core.errors import InputError
from onlooker.core.faces import Detections, Faces
from onlooker.testing import FixedEstimator, clear_view, face_detection


def analysis(
    source: str, faces: int = 1, *, error: str | None = None, p_female: float = 0.9, size: float = 40
) -> Analysis:
    if error:
        return Analysis(source, None, None, Faces.empty(), error)
    several = [face_detection(10 + 50 * i, 10, size) for i in range(faces)]
    found = Detections(
        np.concatenate([np.zeros((0, 4)), *(d.boxes for d in several)]),
        np.concatenate([np.zeros(0), *(d.scores for d in several)]),
        np.concatenate([np.zeros((0, 5, 2)), *(d.landmarks for d in several)]),
    )
    read = FixedEstimator(31.26, p_female).estimate([np.zeros((1, 1, 3), np.uint8)] * faces)
    return Analysis(source, 640, 480, Faces.join(found, read, clear_view(faces)))


ODD = 'a,"b"\nc\u2028d\x85\u00e9.jpg'
ANSWERS = [
    analysis("one.jpg"),
    analysis("three.jpg", 3),
    analysis(ODD, 2),
    analysis("empty.jpg", error="the file is empty"),
    analysis("nobody.jpg", 0),
    analysis("undecodable \udcff.jpg"),
    analysis("last.jpg", 4),
]


def write(kind: str, path: Path, answers: Sequence[Analysis]) -> list[str]:
    """Write those that the file does not hold yet, as the command does; the sources that were written."""
    with open_output(kind, path) as (writer, already):
        todo = [a for a in answers if identity(a.source) not in already.done]
        for answer in todo:
            writer.write(answer)
    return [a.source for a in todo]


def test_a_json_line_holds_one_picture_with_exactly_these_keys() -> None:
    stream = io.StringIO()
    for answer in ANSWERS:
        JsonLines(stream).write(answer)
    lines = [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]
    assert [line["source"] for line in lines] == [a.source for a in ANSWERS]
    assert [len(line["faces"]) for line in lines] == [1, 3, 2, 0, 0, 1, 4]
    assert [line["found"] for line in lines] == [1, 3, 2, 0, 0, 1, 4]
    assert all(list(line) == ["source", "width", "height", "found", "faces", "error"] for line in lines)
    keys = ["box", "landmarks", "score", "age", "age_low", "age_high", "p_female", "gender", "age_class"]
    keys += ["pose", "quality", "doubts"]
    assert all(list(face) == keys for line in lines for face in line["faces"])
    assert (lines[0]["width"], lines[0]["height"], lines[0]["error"]) == (640, 480, None)
    assert (lines[3]["width"], lines[3]["height"], lines[3]["error"]) == (None, None, "the file is empty")
    face = lines[0]["faces"][0]
    assert (face["age"], face["age_low"], face["age_high"]) == (31.3, 23.1, 39.5)
    assert (face["p_female"], face["gender"], face["score"]) == (0.9, "female", 0.99)
    assert np.shape(face["box"]) == (4,)
    assert np.shape(face["landmarks"]) == (5, 2)


def test_a_csv_has_a_row_a_face_and_one_for_a_picture_without() -> None:
    stream = io.StringIO()
    writer = Csv(stream)
    for answer in ANSWERS:
        writer.write(answer)
    assert stream.getvalue().split("\n")[0] == (
        "source,width,height,face,x1,y1,x2,y2,score,age,age_low,age_high,p_female,gender,age_class,"
        "yaw,pitch,roll,face_height,brightness,sharpness,doubts,error"
    )
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert [(row["source"], row["face"]) for row in rows] == [
        (a.source, str(n) if n else "") for a in ANSWERS for n in (range(1, len(a.faces) + 1) if len(a.faces) else [0])
    ]
    assert rows[0] == {
        "source": "one.jpg",
        "width": "640",
        "height": "480",
        "face": "1",
        **dict(zip(("x1", "y1", "x2", "y2"), map(str, ANSWERS[0].faces.row(0).to_dict()["box"]), strict=True)),
        "score": "0.99",
        "age": "31.3",
        "age_low": "23.1",
        "age_high": "39.5",
        "p_female": "0.9",
        "gender": "female",
        "age_class": "adult",
        "yaw": "0.0",
        "pitch": "0.0",
        "roll": "0.0",
        "face_height": "45",
        "brightness": "50",
        "sharpness": "90",
        "doubts": "",
        "error": "",
    }
    failed = rows[6]
    assert {k: v for k, v in failed.items() if v} == {"source": "empty.jpg", "error": "the file is empty"}
    nobody = rows[7]
    assert {k: v for k, v in nobody.items() if v} == {"source": "nobody.jpg", "width": "640", "height": "480"}


def test_an_undetermined_gender_is_left_open_in_each_form() -> None:
    forms = []
    for kind in (JsonLines, Csv, Table):
        stream = io.StringIO()
        kind(stream).write(analysis("a.jpg", p_female=0.6))
        forms.append(stream.getvalue())
    assert json.loads(forms[0])["faces"][0]["gender"] is None
    assert next(csv.DictReader(io.StringIO(forms[1])))["gender"] == ""
    assert forms[2].splitlines()[-1].endswith("  undetermined")


def test_a_doubt_is_given_in_each_form_and_explains_an_undetermined_gender() -> None:
    small = analysis("a.jpg", p_female=0.6, size=6)
    turned = Faces(**{**{f.name: getattr(small.faces, f.name) for f in fields(Faces)}, "pose": [[-71.26, 0, -0.01]]})
    forms = []
    for kind in (JsonLines, Csv, Table):
        stream = io.StringIO()
        kind(stream).write(replace(small, faces=turned))
        forms.append(stream.getvalue())
    (face,) = json.loads(forms[0])["faces"]
    assert face["doubts"] == ["small", "turned"]
    assert '"pose": {"yaw": -71.3, "pitch": 0.0, "roll": 0.0}' in forms[0]
    row = next(csv.DictReader(io.StringIO(forms[1])))
    assert [row[k] for k in ("yaw", "pitch", "roll", "face_height")] == ["-71.3", "0.0", "0.0", "7"]
    assert row["doubts"] == "small turned"
    assert forms[2].splitlines()[-1].endswith("  undetermined (small, turned)")


def test_a_doubt_leaves_a_sure_gender_undetermined_and_says_why() -> None:
    stream = io.StringIO()
    Table(stream).write(analysis("a.jpg", p_female=0.99, size=6))
    assert stream.getvalue().splitlines()[-1].endswith("  undetermined (small)")


def test_a_table_names_a_picture_once_and_says_what_is_wrong_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = io.StringIO()
    table = Table(stream)
    for answer in (
        analysis("pair.jpg", 2),
        analysis("man.jpg", p_female=0.1),
        analysis("bad.jpg", error="the file [red]is empty"),
        analysis("nobody.jpg", 0),
        analysis("very/long/" * 9 + "end.jpg"),
    ):
        table.write(answer)
    assert stream.getvalue().splitlines() == [
        "picture                         face  age  interval   gender",
        "pair.jpg                           1   31  23 to 40   female 90%",
        "                                   2   31  23 to 40   female 90%",
        "man.jpg                            1   31  23 to 40   male 90%",
        "bad.jpg                         the file [red]is empty",
        "nobody.jpg                      no face found",
        "\u2026g/very/long/very/long/end.jpg     1   31  23 to 40   female 90%",
    ]


@pytest.mark.parametrize(("name", "width", "shown"), [("abc", 3, "abc"), ("abcd", 3, "\u2026cd"), ("", 5, "")])
def test_a_long_name_keeps_its_end(name: str, width: int, shown: str) -> None:
    assert shorten(name, width) == shown


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@given(share=st.floats(0, 1))
def test_a_file_cut_anywhere_is_completed_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, kind: str, share: float
) -> None:
    answers = [a for a in ANSWERS if a.source != ODD]  # cut within a name of two lines, a csv is refused
    path = tmp_path_factory.mktemp("cut") / "out"
    write(kind, path, answers)
    whole = path.read_bytes()
    path.write_bytes(whole[: round(share * len(whole))])
    write(kind, path, answers)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_picture_that_a_file_holds_is_not_done_again(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out"
    write(kind, path, ANSWERS[:5])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"source": "undec' if kind == "jsonl" else whole + b"undec")
    # A csv cannot tell whether the last picture has all its rows, so that one is done again.
    redone = 5 if kind == "jsonl" else 4
    assert write(kind, path, ANSWERS) == [a.source for a in ANSWERS[redone:]]
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_other_pictures_are_added_and_none_is_lost(tmp_path: Path, kind: str) -> None:
    together, apart = tmp_path / "together", tmp_path / "apart"
    write(kind, together, ANSWERS)
    write(kind, apart, ANSWERS[:2])
    write(kind, apart, ANSWERS[2:])
    assert apart.read_bytes() == together.read_bytes()


def test_a_table_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write("table", path, ANSWERS)
    write("table", path, ANSWERS[:1])
    assert [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines()] == ["picture", "one.jpg"]


HEADER = ",".join(CSV_COLUMNS)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("jsonl", b"dear diary\n"),
        ("jsonl", b"dear diary"),
        ("jsonl", b"\x89PNG\r\n\x1a\n\x00\xff"),
        ("jsonl", b'["source"]\n'),
        ("jsonl", b'{"name": "x"}\n'),
        ("jsonl", b'{"source": ["x"]}\n'),
        ("jsonl", b'{"source": "x"}\n7\n'),
        ("jsonl", f"{HEADER}\n".encode()),
        ("csv", b"dear diary\n"),
        ("csv", b"source,age\nx,3\n"),
        ("csv", b'{"source": "x"}\n'),
        ("csv", b"\xff\xfe\n"),
        ("csv", b'"' + b"x" * 140_000 + b"\n"),
        ("csv", f"{HEADER}\r\na.jpg,1,1,,,,,,,,,,,,,,,,,,,\r\n".encode()),
        ("csv", f"{HEADER}\na.jpg,1\n".encode()),
        ("csv", f"{HEADER}\n'a.jpg'\n\n".encode()),
        ("table", b"dear diary\n"),
        ("table", f"{HEADER}\n".encode()),
        ("table", b'{"source": "x"}\n'),
        ("table", b"picture of my cat\n"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path, kind: str, content: bytes) -> None:
    path = tmp_path / "out"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"exists and is no {kind} output of `onlooker analyze`"):
        write(kind, path, ANSWERS)
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written \(No such file or directory\); name another --output"):
        write("jsonl", tmp_path / "nowhere" / "out", [])
