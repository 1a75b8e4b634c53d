from pathlib import Path

import numpy as np
import pytest

from onlooker.core.errors import DatasetError
from onlooker.datasets.labelled import MAX_AGE, Examples, LabelledFace, parse_age, read, select


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_of_utkface_names_gives_age_gender_and_race(tmp_path: Path) -> None:
    for name in ("30_1_2_20170101000000000.jpg", "5_0_4_20170101000000000.jpg", "holiday.jpg"):
        (tmp_path / name).touch()
    found = read(tmp_path)
    assert found.faces == [
        LabelledFace.of(tmp_path / "30_1_2_20170101000000000.jpg", 30.0, 1, {"race": "Asian"}),
        LabelledFace.of(tmp_path / "5_0_4_20170101000000000.jpg", 5.0, 0, {"race": "Others"}),
    ]
    assert found.problems == ["holiday.jpg: 1 fields where age_gender_race_time has 4"]


@pytest.mark.parametrize("column", ["age", "real_age"])
def test_a_csv_may_call_the_age_either_name(tmp_path: Path, column: str) -> None:
    found = read(write(tmp_path / "faces.csv", f"file,{column}\na.jpg,31.5\n"))
    assert found.faces == [LabelledFace.of(tmp_path / "a.jpg", 31.5, None)]
    assert found.problems == []


@pytest.mark.parametrize(
    ("word", "female"),
    [
        *[(word, 1) for word in ("female", "Female", "F", "woman", "1", " female ")],
        *[(word, 0) for word in ("male", "MALE", "m", "man", "0")],
        ("", None),
    ],
)
def test_a_gender_may_be_written_in_several_ways(tmp_path: Path, word: str, female: int | None) -> None:
    found = read(write(tmp_path / "faces.csv", f"file,age,gender\na.jpg,20,{word}\n"))
    assert [face.female for face in found.faces] == [female]


def test_files_lie_beside_the_csv_or_in_the_folder_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    (tmp_path / "here.jpg").touch()
    for name in ("here.jpg", "there.jpg"):
        (tmp_path / "val" / name).touch()
    found = read(write(tmp_path / "val.csv", "file,age\nhere.jpg,1\nthere.jpg,2\nnowhere.jpg,3\n"))
    assert [f.path for f in found.faces] == [
        tmp_path / "here.jpg",
        tmp_path / "val" / "there.jpg",
        tmp_path / "nowhere.jpg",
    ]


def test_a_folder_with_a_labels_csv_is_read_by_it_and_not_by_names(tmp_path: Path) -> None:
    (tmp_path / "30_1_2_20170101000000000.jpg").touch()
    write(tmp_path / "labels.csv", "file,age,gender\n30_1_2_20170101000000000.jpg,44,male\n")
    assert read(tmp_path).faces == [LabelledFace.of(tmp_path / "30_1_2_20170101000000000.jpg", 44.0, 0)]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "faces.csv").write_bytes(b"\xef\xbb\xbffile,age\na.jpg,20\n")
    assert [f.age for f in read(tmp_path / "faces.csv").faces] == [20.0]


def test_spaces_around_the_names_of_columns_are_no_part_of_them(tmp_path: Path) -> None:
    (face,) = read(write(tmp_path / "faces.csv", "file, age , gender\na.jpg,20,female\n")).faces
    assert (face.age, face.female, face.groups) == (20.0, 1, {})


def test_the_names_of_columns_are_meant_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("File,Age,Gender,Camera\na.jpg,30,Female,Door\n", encoding="utf-8")
    (face,) = read(tmp_path).faces
    assert (face.name, face.age, face.female, face.groups) == ("a.jpg", 30, 1, {"Camera": "Door"})


def test_a_name_that_no_file_can_have_is_one_row_that_cannot_be_used(tmp_path: Path) -> None:
    found = read(write(tmp_path / "faces.csv", f"file,age\n{'x' * 5000}.jpg,20\na.jpg,30\n"))
    assert [face.age for face in found.faces] == [30.0]
    assert found.problems[0].startswith("faces.csv line 2: ")


def test_a_face_is_known_by_what_its_labels_call_it(tmp_path: Path) -> None:
    (face,) = read(write(tmp_path / "faces.csv", "file,age\nanna/0.jpg,20\n")).faces
    assert (face.name, face.path) == ("anna/0.jpg", tmp_path / "anna" / "0.jpg")


def test_a_list_of_before_knows_a_face_by_its_last_name_where_no_other_is_called_so(tmp_path: Path) -> None:
    faces = read(write(tmp_path / "faces.csv", "file,age\nanna/0.jpg,20\nben/0.jpg,30\nben/1.jpg,40\n")).faces
    assert [face.age for face in select(faces, frozenset({"0.jpg", "1.jpg"}))] == [40.0]
    assert [face.age for face in select(faces, frozenset({"anna/0.jpg", "1.jpg"}))] == [20.0, 40.0]


def test_rows_that_cannot_be_used_are_listed_with_the_line_they_stand_on(tmp_path: Path) -> None:
    rows = ["file,age,gender", "good.jpg,30,f", "a.jpg,young,f", "", "b.jpg,,m", "c.jpg,-1,m", "d.jpg,126,m"]
    rows += ["e.jpg,nan,m", "f.jpg,30,robot", ",30,m", "short.jpg", "last.jpg,125,m"]
    found = read(write(tmp_path / "faces.csv", "\n".join(rows) + "\n"))
    assert [(f.path.name, f.age) for f in found.faces] == [("good.jpg", 30.0), ("last.jpg", 125.0)]
    assert found.problems == [
        "faces.csv line 3: age must be a number of years or a class (25-34, 70+), got 'young'",
        "faces.csv line 5: age must be a number of years or a class (25-34, 70+), got ''",
        "faces.csv line 6: age must lie between 0 and 125, got -1",
        "faces.csv line 7: age must lie between 0 and 125, got 126",
        "faces.csv line 8: age must lie between 0 and 125, got nan",
        "faces.csv line 9: gender must be female, male or empty, got 'robot'",
        "faces.csv line 10: no file is named",
        "faces.csv line 11: age must be a number of years or a class (25-34, 70+), got ''",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs columns file and age (or real_age), has none"),
        ("picture,age\na.jpg,3\n", "needs columns file and age (or real_age), has picture, age"),
        ("file,years\na.jpg,3\n", "needs columns file and age (or real_age), has file, years"),
        ("file,age\n", "no row could be used"),
        (
            "file,age\na.jpg,old\n",
            "the first: faces.csv line 2: age must be a number of years or a class (25-34, 70+), got 'old'",
        ),
    ],
)
def test_a_csv_with_nothing_usable_is_an_error_that_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(write(tmp_path / "faces.csv", text))
    assert message in str(caught.value)
    assert str(tmp_path / "faces.csv") in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\xff\xd8", b"file,age\n\xff.jpg,3\n", b'file,age\n"' + b"x" * 140_000]
)
def test_a_file_that_is_no_csv_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "face.png").write_bytes(content)
    with pytest.raises(DatasetError, match="not a CSV file in UTF-8"):
        read(tmp_path / "face.png")


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder or CSV file"):
        read(tmp_path / "nowhere")


def test_a_folder_without_a_usable_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(DatasetError, match=r"no file is named age_gender_race_time\.jpg; put a labels\.csv"):
        read(tmp_path)


def test_select_keeps_the_named_files_in_their_order() -> None:
    faces = [LabelledFace.of(Path("x") / name, 1.0, None) for name in ("c.jpg", "a.jpg", "b.jpg")]
    assert [f.path.name for f in select(faces, frozenset({"a.jpg", "c.jpg", "z.jpg"}))] == ["c.jpg", "a.jpg"]


@pytest.mark.data
def test_appa_real_validation_labels_name_files_that_are_there(data: Path) -> None:
    found = read(data / "appa_real" / "val.csv")
    assert len(found.faces) > 1000
    assert found.problems == []
    assert all(f.path.is_file() for f in found.faces)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("25-34", 25, 34),
        ("0-2", 0, 2),
        ("(25, 32)", 25, 32),
        ("25 to 34", 25, 34),
        ("25\N{EN DASH}34", 25, 34),
        ("70+", 70, MAX_AGE),
        ("more than 70", 70, MAX_AGE),
        ("31.5", 31.5, 31.5),
        ("30-30", 30, 30),
    ],
)
def test_an_age_is_a_number_or_a_class(text: str, low: float, high: float) -> None:
    assert parse_age(text) == (low, high)


@pytest.mark.parametrize("text", ["", "young", "34-25", "-3", "120-130", "130+", "25-", "nan", "inf"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="age"):
        parse_age(text)


def test_a_class_has_no_age_but_a_place_among_the_ages(tmp_path: Path) -> None:
    rows = "file,age\na.jpg,25-34\nb.jpg,70+\nc.jpg,40\nd.jpg,110\n"
    faces = read(write(tmp_path / "faces.csv", rows)).faces
    assert [f.age for f in faces] == [None, None, 40, 110]
    assert [f.middle for f in faces] == [29.5, 85, 40, 110]


def test_further_columns_are_groups(tmp_path: Path) -> None:
    rows = "file,age,gender,race,camera\na.jpg,30,f,Black,door\nb.jpg,31,m,,till\n"
    faces = read(write(tmp_path / "faces.csv", rows)).faces
    assert [dict(f.groups) for f in faces] == [{"race": "Black", "camera": "door"}, {"camera": "till"}]


def test_examples_hold_crops_beside_their_labels(tmp_path: Path) -> None:
    faces = [LabelledFace.of(tmp_path, 30, 1), LabelledFace(tmp_path, 60, MAX_AGE, None)]
    examples = Examples.of(np.zeros((2, 4, 4, 3), np.uint8), faces)
    assert examples.age_low.tolist() == [30, 60]
    assert examples.age_high.tolist() == [30, 125]
    assert examples.females.tolist() == [1, -1]
    assert len(examples) == 2
