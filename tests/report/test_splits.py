from pathlib import Path

import numpy as np
import pytest

from onlooker.core.demographics import age_class
from onlooker.core.errors import DatasetError
from onlooker.datasets import utkface
from onlooker.report.faces import Faces, read_faces
from onlooker.report.splits import Parts, cut, shares
from tests.conftest import ROOT
from tests.report.conftest import made_up

V1 = ROOT / "splits" / "utkface_v1.csv"
ALL = 23_705


def of_size(count: int) -> Faces:
    labels = {"gender": np.zeros(count, np.intp), "age": np.zeros(count, np.intp)}
    return Faces(
        Path("x"), [str(i) for i in range(count)], np.zeros((count, 1), np.uint8), np.zeros(count, np.int64), labels
    )


def of_names(folder: Path) -> Faces:
    records, _ = utkface.read(folder)
    ages = np.array([record.age for record in records])
    labels = {"gender": np.array([record.gender for record in records]), "age": age_class(ages.astype(np.float64))}
    return Faces(folder, [r.file for r in records], np.zeros((len(records), 1), np.uint8), ages, labels)


def sizes(parts: Parts) -> list[int]:
    return [len(part) for _, part in parts.items()]


def test_the_parts_are_as_large_as_the_reports() -> None:
    faces = of_size(ALL)
    for split in ("report", "shuffled"):
        assert sizes(cut(faces, split, task="gender", seed=1, v1=V1)) == [15_000, 7_000, 1_705]
        assert sizes(cut(faces, split, task="age", seed=1, v1=V1)) == [15_008, 7_000, 1_697]


def test_the_reports_split_goes_by_position_and_the_shuffled_one_by_its_seed() -> None:
    faces = of_size(ALL)
    as_printed = cut(faces, "report", task="gender", seed=1, v1=V1)
    assert np.array_equal(np.concatenate([part for _, part in as_printed.items()]), np.arange(ALL))
    first, again, other = (cut(faces, "shuffled", task="gender", seed=seed, v1=V1) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    assert np.array_equal(np.sort(np.concatenate([part for _, part in first.items()])), np.arange(ALL))


def test_a_smaller_set_is_cut_in_the_same_proportions() -> None:
    assert sizes(cut(made_up(200), "shuffled", task="gender", seed=1, v1=V1)) == [127, 59, 14]


def test_faces_that_the_published_split_does_not_know_are_told() -> None:
    with pytest.raises(DatasetError, match="the train part of the v1 split is empty"):
        cut(made_up(20), "v1", task="gender", seed=1, v1=V1)


@pytest.mark.data
def test_the_printed_split_cannot_give_the_printed_figures(data: Path) -> None:
    faces = of_names(data / "utkface")
    found = shares(faces, cut(faces, "report", task="gender", seed=1, v1=V1))
    assert found["train"]["old"] < 0.0025
    assert found["test"]["adult"] == 0
    assert found["test"]["child"] == pytest.approx(0.333, abs=0.001)


def test_pixels_are_read_once(folder: Path, tmp_path: Path) -> None:
    told: list[int] = []
    first = read_faces(folder, tmp_path / "faces.npy", told.append)
    again = read_faces(folder, tmp_path / "faces.npy", told.append)
    assert told == list(range(1, 121))
    assert first.pixels.shape == (120, 32, 32, 3)
    assert np.array_equal(first.pixels, again.pixels)
    assert first.names == sorted(first.names)


def test_a_folder_without_faces_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder; name UTKFace's by --data"):
        read_faces(tmp_path / "none", tmp_path / "faces.npy")
    with pytest.raises(DatasetError, match="no file is named age_gender_race_time"):
        read_faces(tmp_path, tmp_path / "faces.npy")
