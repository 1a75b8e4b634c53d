"""A folder of pictures becomes a folder of JPEG files; every one is accounted for, and nothing is done twice."""

import csv
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from onlooker.core.errors import InputError, StorageError, StorageFull
from onlooker.datasets.convert import Entry, Report, convert, plan, recall
from onlooker.datasets.jpeg import to_jpeg
from onlooker.datasets.target import STATE, FolderTarget
from tests.datasets.pictures import photograph


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of pictures of several kinds, one of them broken, beside what is none."""
    folder = tmp_path / "src"
    (folder / "deep" / "er").mkdir(parents=True)
    photograph(0).save(folder / "true.jpg")
    photograph(1).save(folder / "b.png")
    photograph(2).save(folder / "deep" / "c.webp")
    photograph(3).save(folder / "deep" / "er" / "liar.jpg", "PNG")
    photograph(4).save(folder / "deep" / "nameless", "TIFF")
    (folder / "broken.psd").write_bytes(b"8BPS" + bytes(50))
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    (folder / ".hidden.png").write_bytes((folder / "b.png").read_bytes())
    return folder


def run(source: Path, folder: Path, **options: Any) -> Report:
    with FolderTarget(folder) as target:
        known = {name: entry.target for name, entry in recall(target).items()}
        return convert(plan(source, known), target, **options)


def files(folder: Path) -> dict[str, Path]:
    found = (p for p in folder.rglob("*") if p.is_file() and STATE not in p.parts)
    return {p.relative_to(folder).as_posix(): p for p in found}


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are converted from now on."""
    asked: list[str] = []

    def watch(data: bytes, name: str, **more: Any) -> Any:
        asked.append(name)
        return to_jpeg(data, name, **more)

    monkeypatch.setattr("onlooker.datasets.convert.to_jpeg", watch)
    return asked


def by_source(report: Report) -> dict[str, Entry]:
    return {entry.source: entry for entry in report.entries}


def test_the_tree_stays_and_each_picture_is_accounted_for(source: Path, tmp_path: Path) -> None:
    done: list[int] = []
    report = run(source, tmp_path / "dst", progress=done.append)
    made = files(tmp_path / "dst")
    assert sorted(made) == ["b.jpg", "deep/c.jpg", "deep/er/liar.jpg", "deep/nameless.jpg", "true.jpg"]
    for path in made.values():
        with Image.open(path) as image:
            assert image.format == "JPEG"
            image.load()
    assert made["true.jpg"].read_bytes() == (source / "true.jpg").read_bytes()
    assert report.counts == {"converted": 4, "already fine": 1, "failed": 1}
    assert report.left_alone == ["notes.txt"]
    found = by_source(report)
    assert (found["deep/er/liar.jpg"].lies, found["deep/er/liar.jpg"].note) == (True, "its content is PNG")
    assert found["broken.psd"].note.startswith("not a picture in a known format")
    assert done == [1, 2, 3, 4, 5, 6]


def test_a_second_run_does_only_what_is_new_changed_or_failed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(source, tmp_path / "dst")
    photograph(7).save(source / "new.png")
    photograph(8).save(source / "b.png")
    (tmp_path / "dst" / "deep" / "c.jpg").unlink()
    asked = watched(monkeypatch)
    before = files(tmp_path / "dst")["b.jpg"].read_bytes()
    report = run(source, tmp_path / "dst")
    assert sorted(asked) == ["b.png", "broken.psd", "deep/c.webp", "new.png"]
    assert {name for name, entry in by_source(report).items() if entry.earlier} == {
        "true.jpg",
        "deep/er/liar.jpg",
        "deep/nameless",
    }
    assert files(tmp_path / "dst")["b.jpg"].read_bytes() != before
    assert report.counts == {"converted": 5, "already fine": 1, "failed": 1}


def test_another_quality_does_what_was_encoded_again(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "dst")
    first = files(tmp_path / "dst")["b.jpg"].stat().st_size
    report = run(source, tmp_path / "dst", quality=40)
    assert files(tmp_path / "dst")["b.jpg"].stat().st_size < first
    assert [entry.source for entry in report.entries if entry.earlier] == ["true.jpg"]


def test_names_that_collide_are_kept_apart_and_stay_so(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "dst")
    for name in ("b.tiff", "b.png.png", "B.bmp", "true.png"):
        photograph(9).save(source / name)
    names = {entry.source: entry.target for entry in run(source, tmp_path / "dst").entries}
    assert names["b.png"] == "b.jpg", "the first run's name is kept"
    assert names["true.jpg"] == "true.jpg"
    assert names["true.png"] == "true.png.jpg"
    assert len({name.casefold() for name in names.values()}) == len(names)
    again = {entry.source: entry.target for entry in run(source, tmp_path / "dst").entries}
    assert again == names


def test_a_true_jpeg_keeps_its_name_whatever_comes_before_it(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name, kind in (("a.bmp", "BMP"), ("a.jpg", "JPEG"), ("a.bmp.jpg", "JPEG")):
        photograph(1).save(tmp_path / "src" / name, kind)
    assert plan(tmp_path / "src").names == {"a.bmp": "a.bmp.2.jpg", "a.bmp.jpg": "a.bmp.jpg", "a.jpg": "a.jpg"}


def test_workers_change_nothing(source: Path, tmp_path: Path) -> None:
    reports = [run(source, tmp_path / f"dst{n}", workers=n) for n in (1, 5)]
    assert reports[0].entries == reports[1].entries
    one, five = (files(tmp_path / f"dst{n}") for n in (1, 5))
    assert {n: p.read_bytes() for n, p in one.items()} == {n: p.read_bytes() for n, p in five.items()}


def test_an_interrupted_run_leaves_whole_files_and_goes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "dst", workers=1, progress=stop)
    for path in files(tmp_path / "dst").values():
        with Image.open(path) as image:
            image.load()
    asked = watched(monkeypatch)
    run(source, tmp_path / "dst")
    assert asked.count("b.png") == asked.count("true.jpg") == 0
    assert "deep/c.webp" in asked


def test_what_a_killed_run_left_aside_is_removed(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "dst")
    left = tmp_path / "dst" / STATE / "aside-0123"
    left.write_bytes(b"half a pic")
    (tmp_path / "dst" / STATE / "journal.json").write_bytes(b'[{"source": "b.p')
    report = run(source, tmp_path / "dst")
    assert not left.exists()
    assert not any(entry.earlier for entry in report.entries), "a journal that cannot be read counts for none"


def test_a_decoder_that_trips_ends_one_picture_only(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def trip(data: bytes, name: str, **more: Any) -> Any:
        if name == "b.png":
            raise ZeroDivisionError("a decoder's own")
        return to_jpeg(data, name, **more)

    monkeypatch.setattr("onlooker.datasets.convert.to_jpeg", trip)
    report = run(source, tmp_path / "dst")
    note = by_source(report)["b.png"].note
    assert note == "the picture cannot be converted (ZeroDivisionError: a decoder's own)"
    assert report.counts["failed"] == 2


def test_one_broken_picture_among_many_loses_no_other(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    photograph(0).resize((8, 8)).save(tmp_path / "src" / "0000.png")
    for i in range(1, 200):
        shutil.copyfile(tmp_path / "src" / "0000.png", tmp_path / "src" / f"{i:04}.png")
    (tmp_path / "src" / "0100.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9))
    report = run(tmp_path / "src", tmp_path / "dst")
    assert report.counts == {"converted": 199, "failed": 1}
    assert len(files(tmp_path / "dst")) == 199


def test_a_pipe_or_a_folder_called_as_a_picture_fails_and_blocks_nothing(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "pipe.png")
    os.mkfifo(source / "pipe")
    (source / "folder.png").mkdir()
    (source / "lost.png").symlink_to("nowhere")
    found = by_source(run(source, tmp_path / "dst"))
    assert found["pipe.png"].note == "not a regular file; leave it out, or put a picture there"
    assert found["lost.png"].note == "the file cannot be read (No such file or directory)"
    assert "pipe" not in found


def test_a_target_that_is_a_folder_already_is_that_pictures_failure(source: Path, tmp_path: Path) -> None:
    (tmp_path / "dst" / "b.jpg").mkdir(parents=True)
    note = by_source(run(source, tmp_path / "dst"))["b.png"].note
    assert note == "its JPEG cannot be written as b.jpg (Is a directory); rename it"


def test_a_full_disk_ends_the_run_in_a_sentence(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name.startswith("aside") and data[:2] == b"\xff\xd8":
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull, match="the disk is full; make room and run again"):
        run(source, tmp_path / "dst")


def test_two_runs_do_not_write_into_one_folder(source: Path, tmp_path: Path) -> None:
    with FolderTarget(tmp_path / "dst"), pytest.raises(InputError, match="another run is converting into it"):
        run(source, tmp_path / "dst")


def test_a_target_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written to"), FolderTarget(tmp_path / "file" / "dst"):
        pass


def test_a_picture_alone_and_a_folder_without_one(source: Path, tmp_path: Path) -> None:
    assert plan(source / "b.png").names == {"b.png": "b.jpg"}
    (tmp_path / "empty").mkdir()
    for path, why in ((tmp_path / "empty", "holds no picture"), (tmp_path / "none", "no such file or folder")):
        with pytest.raises(InputError, match=why):
            plan(path)


def test_the_report_names_every_picture(source: Path, tmp_path: Path) -> None:
    report = run(source, tmp_path / "dst")
    told = json.loads(report.to_json())
    assert told["counts"] == {"converted": 4, "already fine": 1, "failed": 1}
    assert told["left_alone"] == ["notes.txt"]
    rows = list(csv.DictReader(report.to_csv().splitlines()))
    assert [row["source"] for row in rows] == [row["source"] for row in told["pictures"]]
    assert {row["source"]: row["target"] for row in rows}["broken.psd"] == ""


def test_a_bucket_that_fails_ends_the_run_and_keeps_what_was_done(source: Path) -> None:
    class Failing:
        def __init__(self) -> None:
            self.written: list[str] = []
            self.journal = b""
            self.lock = threading.Lock()

        def holds(self, name: str) -> bool:
            return name in self.written

        def holds_other(self, name: str, data: bytes) -> bool:
            del data
            return name in self.written

        def write(self, name: str, data: bytes) -> None:
            del data
            with self.lock:
                if len(self.written) == 2:
                    raise StorageError("s3://b: storing was refused")
                self.written.append(name)

        def recall(self) -> bytes:
            return self.journal

        def remember(self, journal: bytes) -> None:
            self.journal = journal

    target = Failing()
    with pytest.raises(StorageError, match="storing was refused"):
        convert(plan(source), target, workers=1)
    done = [name for name, entry in recall(target).items() if entry.state != "failed"]
    assert len(done) == 2


def test_another_picture_of_that_name_is_not_written_over(tmp_path: Path) -> None:
    """One picture into its own folder, where an unrelated original is called as its JPEG would be."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (30, 20), "red").save(tmp_path / "photos" / "a.png")
    Image.new("RGB", (30, 20), "blue").save(tmp_path / "photos" / "a.jpg")
    before = (tmp_path / "photos" / "a.jpg").read_bytes()
    (entry,) = run(tmp_path / "photos" / "a.png", tmp_path / "photos").entries
    assert (entry.state, entry.note.partition(";")[0]) == ("failed", "another picture lies at a.jpg already")
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == before


def test_two_folders_into_one_do_not_lose_a_picture(tmp_path: Path) -> None:
    for folder, colour in (("one", "red"), ("two", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (30, 20), colour).save(tmp_path / folder / "IMG_1.png")
    assert run(tmp_path / "one", tmp_path / "both").entries[0].state == "converted"
    before = (tmp_path / "both" / "IMG_1.jpg").read_bytes()
    assert run(tmp_path / "two", tmp_path / "both").entries[0].state == "failed"
    assert (tmp_path / "both" / "IMG_1.jpg").read_bytes() == before
    # And what changed in its own folder is done again.
    Image.new("RGB", (40, 20), "red").save(tmp_path / "one" / "IMG_1.png")
    assert run(tmp_path / "one", tmp_path / "both").entries[0].state == "converted"


def test_a_picture_of_another_folder_is_not_written_over_however_often_it_is_tried(tmp_path: Path) -> None:
    for folder, colour in (("one", "red"), ("two", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (30, 20), colour).save(tmp_path / folder / "a.png")
    run(tmp_path / "one", tmp_path / "both")
    before = (tmp_path / "both" / "a.jpg").read_bytes()
    for _ in range(3):
        (entry,) = run(tmp_path / "two", tmp_path / "both").entries
        assert (entry.state, entry.note.partition(";")[0]) == ("failed", "another picture lies at a.jpg already")
        assert (tmp_path / "both" / "a.jpg").read_bytes() == before
        with FolderTarget(tmp_path / "both") as target:
            owner = recall(target)["a.png"]
        assert (owner.state, owner.root) == ("converted", str(tmp_path / "one"))
    (entry,) = run(tmp_path / "one", tmp_path / "both").entries
    assert entry.earlier, "what was made is still known as the first folder's"


def test_a_file_that_nobody_here_made_is_not_written_over_however_often_it_is_tried(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "dst").mkdir()
    photograph(0).save(tmp_path / "src" / "a.png")
    (tmp_path / "dst" / "a.jpg").write_bytes(b"somebody's own")
    for _ in range(3):
        assert run(tmp_path / "src", tmp_path / "dst").counts == {"failed": 1}
        assert (tmp_path / "dst" / "a.jpg").read_bytes() == b"somebody's own"


def test_a_picture_that_broke_after_it_was_made_is_its_own_when_it_is_whole_again(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    photograph(0).save(tmp_path / "src" / "a.png")
    run(tmp_path / "src", tmp_path / "dst")
    (tmp_path / "src" / "a.png").write_bytes(b"half")
    assert run(tmp_path / "src", tmp_path / "dst").counts == {"failed": 1}
    photograph(1).save(tmp_path / "src" / "a.png")
    before = (tmp_path / "dst" / "a.jpg").read_bytes()
    assert run(tmp_path / "src", tmp_path / "dst").counts == {"converted": 1}
    assert (tmp_path / "dst" / "a.jpg").read_bytes() != before


def test_what_another_folder_did_is_not_done_here(tmp_path: Path) -> None:
    """Of one name, size and time, as files are that a camera numbers and a tool copies with their times."""
    for folder, colour in (("one", "red"), ("two", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (30, 20), colour).save(tmp_path / folder / "a.bmp")
        os.utime(tmp_path / folder / "a.bmp", (1, 1))
    run(tmp_path / "one", tmp_path / "both")
    (entry,) = run(tmp_path / "two", tmp_path / "both").entries
    assert (entry.state, entry.earlier) == ("failed", False)


def test_a_linked_folder_is_told_and_not_followed(source: Path, tmp_path: Path) -> None:
    (source / "deep" / "ring").symlink_to(source)
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "link").symlink_to(source)
    told = "a linked folder is not followed; name it by itself"
    report = run(source, tmp_path / "dst")
    assert by_source(report)["deep/ring"] == Entry("deep/ring", "", "failed", note=told)
    assert report.counts == {"converted": 4, "already fine": 1, "failed": 2}
    assert run(tmp_path / "only", tmp_path / "none").entries == [Entry("link", "", "failed", note=told)]
    assert run(tmp_path / "only" / "link", tmp_path / "by itself").counts["converted"] == 4
