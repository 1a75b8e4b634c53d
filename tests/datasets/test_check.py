"""Nothing is dropped in silence: names, pictures, repeats and contradictions are listed."""

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from onlooker.core.errors import DatasetError
from onlooker.datasets.check import Pair, Part, check, report_parts, summary
from onlooker.datasets.utkface import RACES, Record, parse_dataset
from tests.datasets.pictures import photograph, save

OTHER, MANY = "1_0_0_20170101000000000.jpg", "26_1_2_20170101000000001.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six faces: one twice under two ages, one once more re-encoded under another gender; and what has no label."""
    save(tmp_path, OTHER, photograph(1))
    save(tmp_path, MANY, photograph(2))
    save(tmp_path, "27_1_2_20170101000000002.jpg", photograph(2))
    save(tmp_path, "40_0_0_20170101000000003.jpg", photograph(3))
    save(tmp_path, "40_1_0_20170101000000004.jpg", photograph(3), quality=60)
    save(tmp_path, "70_1_4_2017010100000000.jpg", photograph(5))
    (tmp_path / "61_1_20170109142408075.jpg").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_sound_folder_is_sound(tmp_path: Path) -> None:
    save(tmp_path, OTHER, photograph(1))
    save(tmp_path, MANY, photograph(2))
    found = check(tmp_path)
    assert found.sound
    assert (found.exact, found.near, found.conflicts, found.malformed, found.odd_times) == ((), (), (), [], [])


def test_everything_that_is_wrong_is_listed(folder: Path) -> None:
    done: list[int] = []
    found = check(folder, progress=done.append)
    assert not found.sound
    assert found.malformed == ["61_1_20170109142408075.jpg: 3 fields where age_gender_race_time has 4"]
    assert found.odd_times == ["70_1_4_2017010100000000.jpg"]
    assert found.left_alone == ["notes.txt"]
    assert found.exact == (Pair(MANY, "27_1_2_20170101000000002.jpg", 1.0, True),)
    (near,) = found.near
    assert (near.first, near.second) == ("40_0_0_20170101000000003.jpg", "40_1_0_20170101000000004.jpg")
    assert near.conflict
    assert 0.95 < near.likeness < 1
    assert found.conflicts == (
        (MANY, "27_1_2_20170101000000002.jpg"),
        ("40_0_0_20170101000000003.jpg", "40_1_0_20170101000000004.jpg"),
    )
    assert done == [1, 2, 3, 4, 5, 6]


def test_the_same_labels_twice_are_a_repeat_but_no_contradiction(tmp_path: Path) -> None:
    for number in (0, 1):
        save(tmp_path, f"26_1_2_2017010100000000{number}.jpg", photograph(2))
    found = check(tmp_path)
    assert [pair.conflict for pair in found.exact] == [False]
    assert found.sound


def test_a_picture_that_cannot_be_read_is_listed_and_the_others_are_compared(folder: Path) -> None:
    (folder / "0_0_0_20170101000000009.jpg").write_bytes(b"\xff\xd8\xff")
    found = check(folder)
    (said,) = found.unreadable
    assert said.startswith("0_0_0_20170101000000009.jpg: ")
    assert (len(found.exact), len(found.near)) == (1, 1)


def test_names_alone_read_no_picture(folder: Path) -> None:
    for path in folder.glob("*.jpg"):
        path.write_bytes(b"")
    found = check(folder, pictures=False)
    assert (found.looked, found.unreadable, found.exact) == (False, (), ())
    assert "repeats" not in summary(found, 5)


def test_how_alike_counts_as_one_can_be_told(folder: Path) -> None:
    assert len(check(folder, near=0.5).near) >= 1
    assert check(folder, near=1.0).near == ()


def test_the_report_cut_its_list_by_name() -> None:
    ages = [age for age in range(1, 117) for _ in range(200)]
    records = [Record(f"{age}_0_0_{i:017}.jpg", age, 0, 0) for i, age in enumerate(ages)]
    parts = report_parts(records)
    assert [part.faces for part in parts] == [15_000, 7_000, 1_200]
    assert parts[0].old > 0, "a hundred comes before twenty"
    assert sum(part.child for part in parts) == 18 * 200
    assert sum(part.old for part in parts) == 57 * 200
    # By name the last 1,200 are those of 94 to 99, and of 9.
    assert parts[2] == Part("test", 1_200, 200, 0, 1_000)


def test_the_summary_shows_the_first_and_counts_the_rest(folder: Path) -> None:
    text = summary(check(folder), 1)
    assert "6 faces with labels: 2 male (33.3%), 4 female (66.7%), aged 1 to 70" in text
    assert "exact repeats (1 of them of different age or gender): 1\n" in text
    assert "photographs under different ages or genders: 2\n" in text
    assert "\n  and 1 more; --format json lists them all" in text
    json.dumps(check(folder).to_dict())


def test_a_data_set_is_a_table_of_its_names(folder: Path) -> None:
    frame = parse_dataset(folder)
    assert list(frame.columns) == ["age", "gender", "race", "file"]
    assert frame.iloc[1].tolist() == [26, "female", "Asian", MANY]
    assert len(frame) == 6
    assert frame.attrs["problems"] == ["61_1_20170109142408075.jpg: 3 fields where age_gender_race_time has 4"]


@pytest.mark.parametrize("read", [parse_dataset, check])
def test_a_folder_that_is_absent_or_empty_is_one_sentence(read: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder of labelled faces; check the path"):
        read(tmp_path / "none")
    with pytest.raises(DatasetError, match="no picture is named age_gender_race_time"):
        read(tmp_path)


def test_without_pandas_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DatasetError, match=r"of which pandas is missing: pip install 'onlooker\[data\]'"):
        parse_dataset(folder)
    assert check(folder, pictures=False).records, "checking needs no extra"


@pytest.mark.data
def test_utkface_is_what_its_names_say(data: Path) -> None:
    found = check(data / "utkface", pictures=False)
    assert len(found.malformed) == 3
    told = found.to_dict()
    assert (told["faces"], told["male"], told["female"], told["ages"]) == (23_705, 12_391, 11_314, [1, 116])
    assert found.parts[2].adult == 0
    assert found.parts[0].old / found.parts[0].faces == pytest.approx(0.002, abs=0.0005)
    frame = parse_dataset(data / "utkface")
    assert frame["gender"].value_counts().to_dict() == {"male": 12_391, "female": 11_314}
    assert set(frame["race"]) == set(RACES)
