from collections import Counter
from pathlib import Path

import pytest

from onlooker.datasets.split import read_split
from tests.cli.conftest import Run
from tests.datasets.pictures import photograph, save


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty generated faces, two of them copies, and a name that has no label."""
    path = tmp_path / "faces"
    path.mkdir()
    for i in range(38):
        save(path, f"{20 + i % 30}_{i % 2}_0_20170101000000{i:03}.jpg", photograph(i))
    for i in (0, 1):
        save(path, f"70_0_4_20170101000000{900 + i}.jpg", photograph(i), quality=50)
    (path / "holiday.jpg").touch()
    return Path("faces")


def test_a_split_is_written_and_summed_up(run: Run, folder: Path) -> None:
    found = run("data", "split", folder, "--output", "new/split.csv")
    assert found.code == 0
    assert found.err == "left out: holiday.jpg: 1 fields where age_gender_race_time has 4\n"
    rows = read_split(Path("new/split.csv"))
    sizes = Counter(row.part for row in rows)
    assert sizes.total() == 40
    assert {row.file for row in rows} == {p.name for p in folder.iterdir()} - {"holiday.jpg"}
    assert found.out.startswith("new/split.csv: 40 faces in 38 groups: train ")
    for part, n in sizes.items():
        assert f"{part} {n} ({n / 40:.1%})" in found.out
    by_file = {row.file: row for row in rows}
    for copy, original in (("70_0_4_20170101000000900", "20_0_0_20170101000000000"),):
        assert by_file[f"{copy}.jpg"].group == by_file[f"{original}.jpg"].group
        assert by_file[f"{copy}.jpg"].part == by_file[f"{original}.jpg"].part


def test_the_seed_decides_the_split(run: Run, folder: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert run("data", "split", folder, "--output", name, "--seed", seed).code == 0
    a, b, c = (Path(name).read_text(encoding="utf-8") for name in "abc")
    assert a == b
    assert a != c


def test_an_unreadable_picture_is_named_and_no_split_is_written(run: Run, folder: Path) -> None:
    (folder / "30_0_0_20170101000000999.jpg").touch()
    found = run("data", "split", folder, "--output", "split.csv")
    assert (found.code, found.out) == (2, "")
    assert "faces/30_0_0_20170101000000999.jpg: the file is empty" in found.err
    assert not Path("split.csv").exists()


def test_a_folder_that_is_not_there_is_an_error(run: Run) -> None:
    found = run("data", "split", "nowhere", "--output", "split.csv")
    assert found.code == 2
    assert found.err == "onlooker: nowhere: no such folder or CSV file of labelled faces; check the path\n"
