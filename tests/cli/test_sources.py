import io
import sys
from pathlib import Path

import pytest

from onlooker.cli.sources import AHEAD, Item, Passed, Remote, annotated_path, expand, fetched, free_path, once
from onlooker.core.errors import StorageError
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.objects import StoredObject


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(*paths: str) -> list[str]:
    found = list(expand(paths))
    assert all(name == source for name, source in found)
    return [name for name, _ in found]


def test_a_folder_gives_its_pictures_sorted_and_then_those_of_its_folders(tmp_path: Path) -> None:
    touch(
        tmp_path, "f/b.png", "f/a.JPG", "f/z/1.webp", "f/m/2.heic", "f/m/10.tiff", "f/.x.png", "f/.y/a.png", "f/t.txt"
    )
    assert names("f") == ["f/a.JPG", "f/b.png", "f/m/10.tiff", "f/m/2.heic", "f/z/1.webp"]


def test_paths_keep_the_order_and_the_form_they_were_given_in(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.png", "b.png")
    assert names("b.png", "./f", "missing.jpg", str(tmp_path / "f")) == [
        "b.png",
        "./f/a.png",
        "missing.jpg",
        str(tmp_path / "f" / "a.png"),
    ]


def test_a_file_is_passed_on_whatever_its_ending(tmp_path: Path) -> None:
    touch(tmp_path, "photo.dat", ".hidden.png")
    assert names("photo.dat", ".hidden.png") == ["photo.dat", ".hidden.png"]


def test_a_folder_without_pictures_stands_for_itself(tmp_path: Path) -> None:
    touch(tmp_path, "f/readme.txt")
    assert names("f") == ["f"]


def test_linked_folders_are_told_in_a_line_and_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "f/a.png", "f/sub/b.png", "only/notes.txt")
    for link in ("f/ring", "f/sub/caf\udce9", "only/link"):
        (tmp_path / link).symlink_to(tmp_path / "f")
    (tmp_path / "f/.hidden").symlink_to(tmp_path / "f")
    assert names("f") == ["f/a.png", "f/sub/b.png"]
    told = "a linked folder is not followed; name it by itself"
    assert capsys.readouterr().err == f"onlooker: f/ring (and 1 more): {told}\n"
    assert names("only", "f/sub") == ["only", "f/sub/b.png"]
    assert capsys.readouterr().err == f"onlooker: only/link: {told}\nonlooker: f/sub/caf\\udce9: {told}\n"
    assert names("only/link") == ["only/link/a.png", "only/link/sub/b.png"]


def test_what_a_folder_holds_besides_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.jpg", "f/b.CR2", "f/noext", "f/sub/c.dng", "f/.hidden.txt", "f/.git/d.txt", "g/e.txt")
    passed = Passed()
    assert [name for name, _ in expand(["f", "g", "g/e.txt"], passed)] == ["f/a.jpg", "g", "g/e.txt"]
    assert (passed.others, passed.marked) == (4, 0)


def test_marked_pictures_are_left_out_unless_they_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.jpg", "f/a.jpg.annotated.jpg", "f/out/b.jpg", "f/out/sub/c.jpg.annotated.jpg", "f/out/n.txt")
    touch(tmp_path, "f/sub/out/d.jpg")
    found = "f/a.jpg", "f/sub/out/d.jpg"
    passed = Passed(tmp_path / "f" / "out")
    assert tuple(name for name, _ in expand(["f"], passed)) == found
    assert (passed.others, passed.marked) == (0, 3)
    assert [name for name, _ in expand(["f/out", "f/a.jpg.annotated.jpg"], Passed(Path("f/out")))] == [
        "f/out/b.jpg",
        "f/a.jpg.annotated.jpg",
    ]


def test_the_folder_of_marked_pictures_may_be_the_one_that_is_read(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.jpg", "f/a.jpg.annotated.jpg")
    passed = Passed(Path("f"))
    assert [name for name, _ in expand(["./f"], passed)] == ["./f/a.jpg"]
    assert passed.marked == 1


def test_a_picture_that_is_named_again_comes_once_and_standard_input_each_time() -> None:
    items: list[Item] = [("a/b.jpg", "a/b.jpg"), ("-", b"one"), ("./a/b.jpg", "./a/b.jpg"), ("-", b"two")]
    items += [("s3://shop/a.jpg", "s3://shop/a.jpg")] * 2
    assert once(items) == [items[0], items[1], items[3], items[4]]


def test_a_dash_is_the_bytes_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x89PNG\r\n")))
    assert list(expand(["-"])) == [("-", b"\x89PNG\r\n")]


@pytest.mark.parametrize(
    ("source", "roots", "expected"),
    [
        ("f/a.png", ["f"], "a.png.annotated.jpg"),
        ("f/sub/a.png", ["f"], "sub/a.png.annotated.jpg"),
        ("f/sub/a.png", ["f/sub", "f"], "a.png.annotated.jpg"),
        ("f/sub/a.png", ["f/sub/a.png"], "a.png.annotated.jpg"),
        ("f/sub/a.jpg", ["-", "f/"], "sub/a.jpg.annotated.jpg"),
        ("../other/a.jpg", ["../other/a.jpg"], "a.jpg.annotated.jpg"),
        ("-", ["-"], "stdin.annotated.jpg"),
        ("s3://shop/a/b/c.jpg", ["s3://shop/a"], "b/c.jpg.annotated.jpg"),
        ("s3://shop/a/b/c.jpg", ["f", "s3://shop/a/b/", "s3://shop"], "c.jpg.annotated.jpg"),
        ("s3://shop/a/b/c.jpg", ["s3://shop"], "a/b/c.jpg.annotated.jpg"),
        ("s3://shop/a/b/c.jpg", ["s3://shop/a/b/c.jpg"], "c.jpg.annotated.jpg"),
        ("s3://shop/a/../../..//./c.jpg", ["s3://shop"], "a/c.jpg.annotated.jpg"),
        ("s3://shop/..", ["s3://shop"], "picture.annotated.jpg"),
    ],
)
def test_an_annotated_picture_lies_where_its_source_lies_below_its_root(
    tmp_path: Path, source: str, roots: list[str], expected: str
) -> None:
    touch(tmp_path, "f/sub/a.png", "f/sub/a.jpg", "f/a.png")
    assert annotated_path(source, roots, Path("out")) == Path("out") / expected


def test_sources_that_would_share_an_annotated_picture_get_one_each() -> None:
    taken: dict[Path, str] = {}
    path = Path("out/x.png.annotated.jpg")
    answers = [free_path(path, source, taken) for source in ("a/x.png", "b/x.png", "a/x.png", "c/x.png")]
    assert [p.name for p in answers] == [
        "x.png.annotated.jpg",
        "x.png.2.annotated.jpg",
        "x.png.annotated.jpg",
        "x.png.3.annotated.jpg",
    ]


class Counted(FolderStore):
    """A store that counts what is fetched from it."""

    fetches = 0

    def get(self, key: str) -> StoredObject:
        self.fetches += 1
        if key == "refused":
            raise StorageError("no rights")
        return super().get(key)


def test_pictures_in_buckets_are_fetched_a_few_ahead_and_come_in_order(tmp_path: Path) -> None:
    store = Counted(tmp_path / "store")
    for n in range(30):
        store.put(f"{n}", f"{n}".encode())
    items: list[Item] = [(f"s3://shop/{n}", Remote(store, f"{n}")) for n in range(30)]
    items[3:3] = [("local.jpg", "local.jpg"), ("-", b"standard input"), ("s3://shop/gone", Remote(store, "gone"))]
    arriving = fetched(items)
    assert next(arriving) == ("s3://shop/0", b"0")
    assert store.fetches <= AHEAD + 1
    rest = list(arriving)
    assert rest[2:5] == [("local.jpg", "local.jpg"), ("-", b"standard input"), ("s3://shop/gone", "s3://shop/gone")]
    assert [source for _, source in rest[:2] + rest[5:]] == [f"{n}".encode() for n in range(1, 30)]
    assert store.fetches == 31


def test_a_bucket_that_fails_ends_it(tmp_path: Path) -> None:
    store = Counted(tmp_path / "store")
    store.put("a", b"a")
    arriving = fetched([("a", Remote(store, "a")), ("b", Remote(store, "refused")), ("a", Remote(store, "a"))])
    assert next(arriving) == ("a", b"a")
    with pytest.raises(StorageError, match="no rights"):
        next(arriving)
