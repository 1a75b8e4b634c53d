from pathlib import Path

import pytest

from onlooker.datasets.utkface import Record, parse_name, parse_names, read


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("26_1_2_20170109142408075.jpg.chip.jpg", (26, 1, 2)),
        ("1_0_4_20161219140623097.jpg", (1, 0, 4)),
        ("116_0_0_20170112213500903.jpg.chip.jpg", (116, 0, 0)),
        ("0_1_3_20170112.png", (0, 1, 3)),
        ("24_0_1_20170116220224657 .jpg.chip.jpg", (24, 0, 1)),
        ("55_0_0_20170116232725357jpg.chip.jpg", (55, 0, 0)),
    ],
)
def test_a_name_gives_its_labels(name: str, labels: tuple[int, int, int]) -> None:
    assert parse_name(name) == Record(name, *labels)


@pytest.mark.parametrize(
    ("name", "clause"),
    [
        ("39_1_20170116174525125.jpg.chip.jpg", "3 fields where age_gender_race_time has 4"),
        ("portrait.jpg", "1 fields where age_gender_race_time has 4"),
        ("1_2_3_4_5.jpg", "5 fields where age_gender_race_time has 4"),
        ("old_1_0_20170116174525125.jpg", "age 'old' is no number of years"),
        ("-5_1_0_20170116174525125.jpg", "age '-5' is no number of years"),
        ("1999_1_0_20170116174525125.jpg", "age '1999' is no number of years"),
        ("117_1_0_20170116174525125.jpg", "age 117 lies outside UTKFace's 0 to 116"),
        ("30_2_0_20170116174525125.jpg", "gender '2' is neither 0 (male) nor 1 (female)"),
        ("30__0_20170116174525125.jpg", "gender '' is neither 0 (male) nor 1 (female)"),
        ("30_1_5_20170116174525125.jpg", "race '5' is none of 0 to 4"),
        ("30_1_0_yesterday.jpg", "time 'yesterday' is no number of 8 digits or more"),
        ("30_1_0_2017.jpg", "time '2017' is no number of 8 digits or more"),
    ],
)
def test_a_malformed_name_is_told_which_part_is_wrong(name: str, clause: str) -> None:
    with pytest.raises(ValueError, match=clause.split("'")[0].split("(")[0]) as caught:
        parse_name(name)
    assert str(caught.value) == clause


def test_names_keep_their_order_and_each_problem_names_its_file() -> None:
    good, other = "50_0_0_20170101000000000.jpg", "5_1_1_20170101000000000.jpg"
    records, problems = parse_names([good, "nobody.jpg", other])
    assert [(r.file, r.age) for r in records] == [(good, 50), (other, 5)]
    assert problems == ["nobody.jpg: 1 fields where age_gender_race_time has 4"]


def test_a_folder_is_read_by_name_and_only_its_pictures(tmp_path: Path) -> None:
    for name in ("30_1_0_20170101000000000.JPG", "2_0_3_20170101000000000.jpg", "bad.png", "30_1_0_20170101.txt"):
        (tmp_path / name).touch()
    records, problems = read(tmp_path)
    assert [r.file for r in records] == ["2_0_3_20170101000000000.jpg", "30_1_0_20170101000000000.JPG"]
    assert problems == ["bad.png: 1 fields where age_gender_race_time has 4"]
