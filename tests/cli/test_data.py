import json
import shutil
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from onlooker.datasets.split import read_split
from onlooker.jobs.objects import open_store
from tests.cli.conftest import Run
from tests.datasets.pictures import photograph, save
from tests.jobs.conftest import _bucket, amazon, bucket, seaweed  # noqa: F401 (fixtures)


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


def test_an_unreadable_picture_is_named_and_has_no_part(run: Run, folder: Path) -> None:
    (folder / "30_0_0_20170101000000999.jpg").touch()
    found = run("data", "split", folder, "--output", "split.csv")
    assert found.code == 0
    assert "left out: 30_0_0_20170101000000999.jpg: the file is empty" in found.err
    assert "20170101000000999" not in Path("split.csv").read_text(encoding="utf-8")


def test_pictures_none_of_which_can_be_read_are_no_data_set(run: Run, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "30_0_0_20170101000000999.jpg").touch()
    found = run("data", "split", "faces", "--output", "split.csv")
    assert found.code == 2
    assert "none of its pictures can be read; the first, 30_0_0_20170101000000999.jpg: the file is empty" in found.err
    assert not Path("split.csv").exists()


def test_a_folder_that_is_not_there_is_an_error(run: Run) -> None:
    found = run("data", "split", "nowhere", "--output", "split.csv")
    assert found.code == 2
    assert found.err == "onlooker: nowhere: no such folder or CSV file of labelled faces; check the path\n"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder ``src`` of three pictures, one of which is not what its name says."""
    folder = tmp_path / "src"
    (folder / "sub").mkdir(parents=True)
    save(folder, "true.jpg", photograph(0))
    photograph(1).save(folder / "sub" / "b.png")
    photograph(2).save(folder / "liar.jpg", "WEBP")
    return Path("src")


LIAR = "not what their names say: 1\n  liar.jpg: its content is WEBP\n"


def test_pictures_are_converted_reported_and_not_done_twice(run: Run, pictures: Path) -> None:
    found = run("data", "convert", pictures, "dst", "--report", "new/report.json")
    assert (found.code, found.out) == (0, "3 pictures: 2 converted, 1 already fine, 0 failed\n")
    assert found.err == LIAR
    told = json.loads(Path("new/report.json").read_text(encoding="utf-8"))
    assert [(p["source"], p["target"]) for p in told["pictures"]] == [
        ("liar.jpg", "liar.jpg"),
        ("true.jpg", "true.jpg"),
        ("sub/b.png", "sub/b.jpg"),
    ]
    again = run("data", "convert", pictures, "dst", "--report", "report.csv")
    assert again.out == "3 pictures: 2 converted, 1 already fine, 0 failed; 3 of them done before\n"
    assert Path("report.csv").read_text(encoding="utf-8").startswith("source,target,state,format,lies,note,earlier\n")


def test_a_broken_picture_is_said_and_the_exit_code_is_2(run: Run, pictures: Path, tmp_path: Path) -> None:
    for i in range(22):
        (tmp_path / "src" / f"z{i:02}.png").touch()
    (tmp_path / "src" / "notes.txt").touch()
    found = run("data", "convert", pictures, "dst")
    assert found.code == 2
    assert found.out == "25 pictures: 2 converted, 1 already fine, 22 failed; 1 other file left alone\n"
    assert "failed: 22\n  z00.png: the file is empty (0 bytes)" in found.err
    assert found.err.endswith("  and 2 more; --report FILE lists them all\n")
    assert Path("dst/sub/b.jpg").is_file()


@pytest.mark.parametrize("target", ["src", "src/within", "."])
def test_a_target_within_the_source_or_about_it_is_refused(run: Run, pictures: Path, target: str) -> None:
    found = run("data", "convert", pictures, target)
    assert (found.code, found.out) == (2, "")
    assert found.err == f"onlooker: {target}: one of the two folders lies in the other; name a folder beside src\n"


@pytest.mark.parametrize("address", ["s3://pictures/faces", "s3://pictures"])
def test_pictures_are_converted_into_a_bucket(run: Run, pictures: Path, bucket: str, address: str) -> None:  # noqa: F811
    store = open_store(f"s3://{bucket}")
    found = run("data", "convert", pictures, address)
    assert (found.code, found.out) == (0, "3 pictures: 2 converted, 1 already fine, 0 failed\n")
    prefix = "faces/" if address.endswith("faces") else ""
    keys = [info.key for info in store.list()]
    assert sorted(keys) == sorted(
        prefix + name for name in (".onlooker-convert/journal.json", "liar.jpg", "sub/b.jpg", "true.jpg")
    )
    stored = store.get(f"{prefix}true.jpg")
    assert stored.data == Path("src/true.jpg").read_bytes()
    assert stored.info.content_type == "image/jpeg"
    with Image.open(BytesIO(store.get(f"{prefix}liar.jpg").data)) as image:
        assert image.format == "JPEG"
    store.delete(f"{prefix}sub/b.jpg")
    again = run("data", "convert", pictures, address + "/")
    assert again.out == "3 pictures: 2 converted, 1 already fine, 0 failed; 2 of them done before\n"
    assert store.head(f"{prefix}sub/b.jpg") is not None


def test_a_bucket_that_is_not_there_is_one_sentence(run: Run, pictures: Path, bucket: str) -> None:  # noqa: F811
    del bucket
    found = run("data", "convert", pictures, "s3://not-there/faces")
    assert (found.code, found.out) == (2, "")
    assert found.err == "onlooker: s3://not-there: there is no such bucket; create it or name another\n"


def test_a_name_that_no_bucket_takes_fails_alone(run: Run, pictures: Path, bucket: str) -> None:  # noqa: F811
    del bucket
    shutil.copyfile("src/true.jpg", b"src/\xff.jpg")
    found = run("data", "convert", pictures, "s3://pictures/odd")
    assert found.code == 2
    assert found.out == "4 pictures: 2 converted, 1 already fine, 1 failed\n"
    assert "  \\udcff.jpg: its key would be no Unicode text of up to 1024 bytes; rename it\n" in found.err


def test_a_gallery_is_written_from_a_picture(run: Run, pictures: Path) -> None:
    found = run("data", "augment", pictures / "true.jpg", "--output", "shown", "--seed", "2", "--fill", "wrap")
    assert (found.code, found.out) == (0, "14 sheets; open shown/index.html\n")
    text = Path("shown/index.html").read_text(encoding="utf-8")
    assert "true.jpg, with seed 2." in text
    assert "filled by <em>wrap</em>" in text


def test_a_gallery_of_what_is_no_picture_is_one_sentence(run: Run) -> None:
    found = run("data", "augment", "nowhere.jpg")
    assert (found.code, found.err) == (2, "onlooker: nowhere.jpg: no such file; check the path\n")
    assert not Path("augmented").exists()


def test_a_check_lists_what_is_wrong_and_ends_in_2(run: Run, folder: Path) -> None:
    found = run("data", "check", folder)
    assert found.code == 2
    assert "40 faces with labels: 21 male (52.5%), 19 female (47.5%), aged 20 to 70\n" in found.out
    assert "names without labels: 1\n  holiday.jpg: 1 fields where age_gender_race_time has 4\n" in found.out
    told = json.loads(run("data", "check", folder, "--format", "json").out)
    assert (told["sound"], told["faces"], len(told["near"]), len(told["conflicts"])) == (False, 40, 2, 2)
    (folder / "holiday.jpg").unlink()
    assert run("data", "check", folder, "--names-only").code == 0


def test_a_check_of_nothing_is_one_sentence(run: Run) -> None:
    found = run("data", "check", "nowhere")
    assert (found.code, found.err) == (2, "onlooker: nowhere: no such folder of labelled faces; check the path\n")


def test_exploring_writes_a_page_and_says_what_was_left_out(run: Run, folder: Path) -> None:
    found = run("data", "explore", folder, "--no-faces")
    assert (found.code, found.out) == (0, "40 faces; open explored/index.html\n")
    assert found.err == "left out: holiday.jpg: 1 fields where age_gender_race_time has 4\n"
    assert sorted(path.name for path in Path("explored").iterdir()) == sorted(
        ["index.html", *(f"{n}.{k}" for n in ("gender", "age", "density", "outliers", "race") for k in ("png", "svg"))]
    )
