import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onlooker.core.errors import DatasetError
from onlooker.datasets import labelled, utkface
from onlooker.datasets.split import (
    PARTS,
    SplitRow,
    age_band,
    assign_parts,
    build_split,
    part_files,
    read_split,
    write_split,
)
from tests.conftest import ROOT
from tests.datasets.pictures import photograph, save

PUBLISHED = ROOT / "splits" / "utkface_v1.csv"


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=150), st.integers(0, 50))
def test_no_group_is_torn_and_every_stratum_gets_its_shares(sizes: list[tuple[int, int]], seed: int) -> None:
    groups = [g for g, (size, _) in enumerate(sizes) for _ in range(size)]
    strata = [stratum for size, stratum in sizes for _ in range(size)]
    parts = assign_parts(strata, groups, seed=seed)
    assert len({(g, p) for g, p in zip(groups, parts, strict=True)}) == len(sizes)
    largest = max(size for size, _ in sizes)
    for stratum in set(strata):
        mine = Counter(p for p, s in zip(parts, strata, strict=True) if s == stratum)
        for part, share in PARTS.items():
            assert abs(mine[part] - share * mine.total()) <= 2 * largest, (stratum, part)


def test_strata_of_a_few_faces_are_spread_over_the_parts_together() -> None:
    strata = [i // 2 for i in range(400)]
    sizes = Counter(assign_parts(strata, range(400)))
    assert sizes == {"train": pytest.approx(300, abs=2), "test": pytest.approx(40, abs=2)} | dict.fromkeys(
        ("validation", "calibration"), pytest.approx(30, abs=2)
    )


def test_the_seed_alone_decides_the_parts() -> None:
    strata, groups = [i % 3 for i in range(200)], list(range(200))
    first = assign_parts(strata, groups, seed=1)
    assert assign_parts(strata, groups, seed=1) == first
    assert assign_parts(strata, groups, seed=2) != first


@pytest.mark.parametrize(("age", "band"), [(0, 0), (2, 0), (3, 1), (9.9, 1), (10, 2), (79, 8), (80, 9), (116, 9)])
def test_age_bands_begin_at_their_lower_ends(age: float, band: int) -> None:
    assert age_band(age) == band


def test_a_built_split_keeps_copies_together(tmp_path: Path) -> None:
    for i in range(20):
        save(tmp_path, f"{20 + i}_{i % 2}_0_20170101000000{i:03}.jpg", photograph(i))
    copy = save(tmp_path, "60_1_3_20170101000000999.jpg", photograph(7), quality=40)
    twin = tmp_path / "61_1_3_20170101000000999.jpg"
    twin.write_bytes((tmp_path / "20_0_0_20170101000000000.jpg").read_bytes())
    rows = {row.file: row for row in build_split(labelled.read(tmp_path).faces)}
    assert len(rows) == 22
    assert len({row.group for row in rows.values()}) == 20
    for one, other in ((copy.name, "27_1_0_20170101000000007.jpg"), (twin.name, "20_0_0_20170101000000000.jpg")):
        assert (rows[one].group, rows[one].part) == (rows[other].group, rows[other].part)


def test_pictures_of_one_name_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    """As faces cut from films lie, a folder a person: no face may stand in two parts because another is called so."""
    rows = ["file,age"]
    for i in range(80):
        (tmp_path / f"person{i:02}").mkdir()
        save(tmp_path / f"person{i:02}", "0.jpg", photograph(i))
        rows.append(f"person{i:02}/0.jpg,{20 + i % 40}")
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    faces = labelled.read(tmp_path).faces
    write_split(tmp_path / "split.csv", build_split(faces))
    chosen = {
        part: {f.path for f in labelled.select(faces, part_files(tmp_path / "split.csv", part))} for part in PARTS
    }
    assert sum(len(paths) for paths in chosen.values()) == len(set().union(*chosen.values())) == 80
    assert len(chosen["train"]) == pytest.approx(60, abs=2)


def test_a_picture_that_cannot_be_read_is_told_and_has_no_part(tmp_path: Path) -> None:
    for i in range(20):
        save(tmp_path, f"{20 + i}_0_0_20170101000000{i:03}.jpg", photograph(i))
    (tmp_path / "30_1_0_20170101000000999.jpg").write_text("no picture", encoding="utf-8")
    told: list[str] = []
    rows = build_split(labelled.read(tmp_path).faces, left_out=told.append)
    assert len(rows) == 20
    (sentence,) = told
    assert sentence.startswith("30_1_0_20170101000000999.jpg: not a picture in a known format")


def test_a_name_that_is_no_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    write_split(tmp_path / "s.csv", [SplitRow("caf\udce9.jpg", "test", 0)])
    assert b"caf\xe9.jpg" in (tmp_path / "s.csv").read_bytes()
    assert read_split(tmp_path / "s.csv") == [SplitRow("caf\udce9.jpg", "test", 0)]


def test_a_split_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("file,part,group\na.jpg,test,0\n", encoding="utf-8-sig")
    assert read_split(tmp_path / "s.csv") == [SplitRow("a.jpg", "test", 0)]


def test_what_is_written_is_read_again_by_file(tmp_path: Path) -> None:
    rows = [SplitRow("b,1.jpg", "train", 3), SplitRow("a.jpg", "test", 0), SplitRow("\u00e9.jpg", "train", 3)]
    path = tmp_path / "new" / "split.csv"
    write_split(path, rows)
    assert path.read_text(encoding="utf-8") == 'file,part,group\na.jpg,test,0\n"b,1.jpg",train,3\n\u00e9.jpg,train,3\n'
    assert read_split(path) == [rows[1], rows[0], rows[2]]
    assert part_files(path, "train") == {"b,1.jpg", "\u00e9.jpg"}


def test_a_full_disk_leaves_the_split_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [SplitRow("a.jpg", "train", 0)]
    write_split(tmp_path / "s.csv", before)
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        real(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_split(tmp_path / "s.csv", [SplitRow("a.jpg", "test", 0), SplitRow("b.jpg", "test", 1)])
    assert read_split(tmp_path / "s.csv") == before
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]


def test_a_split_is_written_through_a_link_and_into_a_pipe(tmp_path: Path) -> None:
    rows = [SplitRow("a.jpg", "train", 0)]
    (tmp_path / "link.csv").symlink_to("s.csv")
    write_split(tmp_path / "link.csv", rows)
    assert (tmp_path / "link.csv").is_symlink()
    assert read_split(tmp_path / "s.csv") == rows
    read, write = os.pipe()
    write_split(Path(f"/dev/fd/{write}"), rows)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"file,part,group\na.jpg,train,0\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"file,part,group\n",
        b"file,part\na.jpg,train\n",
        b"name,part,group\na.jpg,train,1\n",
        b"file,part,group\na.jpg,train\n",
        b"file,part,group\na.jpg,train,first\n",
        b'file,part,group\n"' + b"x" * 140_000,
    ],
)
def test_a_malformed_split_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes(content)
    with pytest.raises(
        DatasetError, match=r"split\.csv: not a split; it must be a CSV with the columns file, part, group"
    ):
        read_split(path)


def test_a_split_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such split file; `onlooker data split` writes one"):
        read_split(tmp_path / "split.csv")


def test_an_unknown_part_is_told_those_there_are(tmp_path: Path) -> None:
    write_split(tmp_path / "s.csv", [SplitRow("a", "train", 0), SplitRow("b", "test", 1), SplitRow("c", "train", 2)])
    with pytest.raises(DatasetError, match=r"has no part 'dev', only test, train$"):
        part_files(tmp_path / "s.csv", "dev")


@pytest.fixture(scope="module")
def published() -> list[SplitRow]:
    return read_split(PUBLISHED)


def test_the_published_split_has_every_face_once_in_its_shares(published: list[SplitRow]) -> None:
    assert len(published) == len({row.file for row in published}) == 23_705
    sizes = Counter(row.part for row in published)
    assert {part: n / len(published) for part, n in sizes.items()} == {
        part: pytest.approx(share, abs=0.0005) for part, share in PARTS.items()
    }


def test_no_group_of_the_published_split_stands_in_two_parts(published: list[SplitRow]) -> None:
    parts: dict[int, set[str]] = defaultdict(set)
    for row in published:
        parts[row.group].add(row.part)
    assert len(parts) < len(published), "no duplicate was found at all"
    assert [group for group, where in parts.items() if len(where) > 1] == []


def test_the_parts_of_the_published_split_are_alike_in_age_gender_and_race(published: list[SplitRow]) -> None:
    found: Counter[tuple[str, int, int, int]] = Counter()
    strata: Counter[tuple[int, int, int]] = Counter()
    for row in published:
        record = utkface.parse_name(row.file)
        stratum = (age_band(record.age), record.gender, record.race)
        found[row.part, *stratum] += 1
        strata[stratum] += 1
    for stratum, n in strata.items():
        for part, share in PARTS.items():
            assert abs(found[part, *stratum] - share * n) < 8, (part, stratum)


@pytest.mark.data
def test_the_published_split_fits_the_real_folder(data: Path, published: list[SplitRow]) -> None:
    records, _ = utkface.read(data / "utkface")
    assert [row.file for row in published] == sorted(r.file for r in records)
