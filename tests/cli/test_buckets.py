"""``onlooker analyze`` on buckets: pictures from ``s3://``, answers to ``s3://``."""

import json
from pathlib import Path
from typing import Any

import pytest

from onlooker.cli.output import open_output
from onlooker.core.errors import InputError, StorageError
from onlooker.jobs.objects import ObjectStore, open_store
from tests.cli.conftest import ALBUM, Run
from tests.cli.test_output import ANSWERS
from tests.jobs import servers
from tests.jobs.conftest import _bucket, amazon, bucket, seaweed  # noqa: F401 (fixtures)
from tests.jobs.servers import Server


@pytest.fixture
def shop(bucket: str, album: Path) -> ObjectStore:  # noqa: F811
    """A bucket that holds the album, hidden files and all, below ``tour/``."""
    store = open_store(f"s3://{bucket}")
    for path in sorted(album.rglob("*")):
        if path.is_file():
            store.put(f"tour/{path.as_posix()}", path.read_bytes())
    return store


REMOTE = [f"s3://pictures/tour/{name}" for name in ALBUM]


def sources(text: str) -> list[str]:
    return [json.loads(line)["source"] for line in text.splitlines()]


def without_source(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) | {"source": None} for line in text.splitlines()]


@pytest.mark.parametrize("address", ["s3://pictures/tour", "s3://pictures/tour/", "s3://pictures", "s3://pictures/"])
def test_all_pictures_below_a_prefix_are_answered_as_from_a_folder(
    run: Run, shop: ObjectStore, album: Path, address: str
) -> None:
    del shop
    found = run("analyze", address, "--format", "jsonl", "--aligned")
    assert found.code == 0
    # A bucket lists by key, a folder its files before those of its folders.
    assert sorted(sources(found.out)) == sorted(REMOTE)
    local = run("analyze", album, "--format", "jsonl", "--aligned")
    assert without_source(found.out) == without_source(local.out)


def test_a_key_is_a_picture_whatever_its_ending_and_a_prefix_is_a_folder(
    run: Run, shop: ObjectStore, portrait: Path
) -> None:
    shop.put("tour/photo", portrait.read_bytes())
    shop.put("tour2/other.jpg", portrait.read_bytes())
    arguments = ("s3://pictures/tour/photo", portrait, "s3://pictures/tour/album/sub")
    found = run("analyze", *arguments, "--format", "jsonl", "--aligned")
    assert found.code == 0
    assert sources(found.out) == ["s3://pictures/tour/photo", str(portrait), *REMOTE[3:]]
    assert "tour2" not in run("analyze", "s3://pictures/tour", "--format", "jsonl", "--aligned").out


def test_what_is_not_there_is_reported_in_its_place(run: Run, shop: ObjectStore, portrait: Path) -> None:
    shop.put("broken.jpg", b"dear diary")
    paths = ("s3://pictures/missing.jpg", portrait, "s3://pictures/broken.jpg", "s3://pictures/none/")
    found = run("analyze", *paths, "--format", "jsonl", "--aligned")
    assert found.code == 2
    pictures = [json.loads(line) for line in found.out.splitlines()]
    assert [p["source"] for p in pictures] == [str(path) for path in paths]
    errors = [p["error"] for p in pictures]
    assert (errors[0], errors[1], errors[3]) == ("no such file; check the path", None, "no such file; check the path")
    assert errors[2].startswith("not a picture in a known format")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("s3://not-there/a.jpg",), "s3://not-there: there is no such bucket; create it or name another"),
        (("s3://",), "s3://: names no bucket; write s3://bucket/prefix"),
        (
            ("p.jpg", "--output", "s3://not-there/o"),
            "s3://not-there: there is no such bucket; create it or name another",
        ),
        (("p.jpg", "--output", "s3://pictures"), "s3://pictures: names no object; write s3://bucket/key"),
        (("p.jpg", "--output", "s3://pictures/a/"), "s3://pictures/a/: names no object; write s3://bucket/key"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_one_sentence_before_any_work(
    run: Run, shop: ObjectStore, arguments: tuple[str, ...], why: str
) -> None:
    del shop
    found = run("analyze", *arguments, "--aligned", "--format", "jsonl")
    assert (found.code, found.out, found.err) == (2, "", f"onlooker: {why}\n")


def test_annotated_pictures_of_a_bucket_mirror_it(run: Run, shop: ObjectStore) -> None:
    del shop
    found = run("analyze", "s3://pictures/tour/album", "--annotate", "marked", "--aligned")
    assert found.code == 0
    marked = sorted(p.relative_to("marked").as_posix() for p in Path("marked").rglob("*") if p.is_file())
    assert marked == sorted(f"{name.removeprefix('album/')}.annotated.jpg" for name in ALBUM)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("jsonl", "application/x-ndjson"), ("csv", "text/csv; charset=utf-8"), ("table", "text/plain; charset=utf-8")],
)
def test_answers_to_a_bucket_are_what_a_file_would_hold(
    run: Run, shop: ObjectStore, album: Path, kind: str, content_type: str
) -> None:
    common = ("analyze", album, "--aligned", "--format", kind, "--output")
    assert run(*common, "file").code == 0
    found = run(*common, "s3://pictures/answers/today")
    assert (found.code, found.out) == (0, "")
    stored = shop.get("answers/today")
    assert stored.data == Path("file").read_bytes()
    assert stored.info.content_type == content_type


def test_answers_in_a_bucket_are_continued_where_they_end(run: Run, shop: ObjectStore, album: Path) -> None:
    arguments = ("analyze", album, "--aligned", "--format", "jsonl", "--output", "s3://pictures/out.jsonl")
    run(*arguments)
    lines = shop.get("out.jsonl").data.splitlines(keepends=True)
    kept = lines[0].replace(b"1.0", b"0.123")
    shop.put("out.jsonl", kept + lines[1][:30])
    again = run(*arguments)
    assert again.code == 0
    assert again.err.endswith("; 1 picture already in s3://pictures/out.jsonl; 1 other file left alone\n")
    whole = kept + b"".join(lines[1:])
    assert shop.get("out.jsonl").data == whole
    other = run(*arguments, "--confidence", "0.6")
    assert (other.code, other.err.partition(" (")[0]) == (
        2,
        "onlooker: s3://pictures/out.jsonl: holds other answers for album/Z.JPG",
    )
    assert shop.get("out.jsonl").data == whole


def test_pictures_of_a_bucket_are_asked_again_before_their_output_goes_on(run: Run, shop: ObjectStore) -> None:
    arguments = ("analyze", "s3://pictures/tour/album", "--aligned", "--output", "o.csv")
    run(*arguments)
    before = Path("o.csv").read_bytes()
    other = run(*arguments, "--confidence", "0.6")
    assert other.code == 2
    assert "o.csv: holds other answers for s3://pictures/tour/album/" in other.err
    assert Path("o.csv").read_bytes() == before
    for name in ALBUM:
        shop.delete(f"tour/{name}")
    assert "holds other answers" not in run(*arguments, "--confidence", "0.6").err


def test_another_object_is_refused_and_left_alone(run: Run, shop: ObjectStore, album: Path) -> None:
    shop.put("notes", b"dear diary")
    found = run("analyze", album, "--aligned", "--format", "csv", "--output", "s3://pictures/notes")
    assert found.code == 2
    assert found.err == (
        "onlooker: s3://pictures/notes: exists and is no csv output of `onlooker analyze`; name another --output file\n"
    )
    assert shop.get("notes").data == b"dear diary"


def test_what_was_done_is_stored_when_the_work_is_interrupted(shop: ObjectStore) -> None:
    def interrupted() -> None:
        with open_output("jsonl", "s3://pictures/out.jsonl") as (writer, _):
            writer.write(ANSWERS[0])
            writer.write(ANSWERS[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sources(shop.get("out.jsonl").data.decode()) == ["one.jpg", "three.jpg"]


def test_what_was_done_is_rescued_where_it_can_no_longer_be_stored(
    shop: ObjectStore,
    seaweed: Server,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del shop
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    amazon_s3 = servers.client("s3", seaweed)
    amazon_s3.create_bucket(Bucket="short-lived")

    def work() -> None:
        with open_output("jsonl", "s3://short-lived/out.jsonl") as (writer, _):
            writer.write(ANSWERS[0])
            amazon_s3.delete_bucket(Bucket="short-lived")

    with pytest.raises(StorageError, match=r"there is no such bucket; .*; what was done lies in (\S+)") as error:
        work()
    rescued = Path(str(error.value).rpartition(" ")[2])
    assert sources(rescued.read_text(encoding="utf-8")) == ["one.jpg"]
    assert isinstance(error.value, InputError)
