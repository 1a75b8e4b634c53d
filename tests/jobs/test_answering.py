"""Is a picture answered once however often it is tried, and is nothing kept of what was deleted?"""

import json
import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

import pytest
from PIL import Image

from onlooker.analyzer import Analysis
from onlooker.core.errors import StorageError
from onlooker.core.faces import Faces
from onlooker.jobs.answering import KEPT_SIDE, answer, give_up, key_in, lost_reason, shown, without_exif
from onlooker.jobs.events import Task
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Jobs, answer_key, kept_key, picture_key, without_ids
from onlooker.jobs.objects import ObjectStore
from onlooker.media.images import Picture
from tests.jobs.scripted_jobs import Between, Reads, Refuses, jpeg, settle


def test_a_picture_is_answered_and_goes(jobs: Jobs) -> None:
    job = jobs.submit(b"p", "a.jpg", JobOptions()).id
    assert answer(jobs.store, picture_key(job), Reads()) == "answered"
    found = jobs.find(job)
    assert found is not None
    assert (found.status, found.error, found.picture) == ("done", None, None)
    assert found.analysis == Analysis("a.jpg", 4, 3, Faces.empty()).to_dict()
    assert found.answered is not None
    assert found.expires is not None
    assert found.created < found.answered < found.expires
    assert [info.key for info in jobs.store.list()] == [answer_key(picture_key(job))]


@pytest.mark.parametrize("confidence", [None, 0.8])
def test_a_job_asks_for_its_own_intervals(jobs: Jobs, confidence: float | None) -> None:
    job, reads = jobs.submit(b"p", "a.jpg", JobOptions(confidence=confidence)).id, Reads()
    assert answer(jobs.store, picture_key(job), reads) == "answered"
    assert reads.confidence == confidence


def test_a_picture_that_cannot_be_read_is_answered_by_its_sentence(jobs: Jobs) -> None:
    job = jobs.submit(b"p", "a.jpg", JobOptions(keep=True)).id
    assert answer(jobs.store, picture_key(job), Reads(error="no picture")) == "answered"
    found = jobs.find(job)
    assert found is not None
    assert (found.status, found.error) == ("failed", "no picture")
    assert list(jobs.store.list("in/")) == list(jobs.store.list("kept/")) == []


def test_a_task_that_comes_again_is_answered_once(jobs: Jobs) -> None:
    job, reads = jobs.submit(b"p", "a", JobOptions()).id, Reads()
    assert answer(jobs.store, picture_key(job), reads) == "answered"
    first = jobs.find(job)
    # The worker died after its answer was there, before the picture went.
    jobs.store.put(picture_key(job), b"p")
    settle(jobs.store, answer_key(picture_key(job)))
    assert answer(jobs.store, picture_key(job), reads) == "already"
    assert reads.asked == ["a"]
    assert jobs.find(job) == first
    assert list(jobs.store.list("in/")) == []


@pytest.mark.parametrize(
    "another",
    [
        lambda store, key: answer(store, key, Reads()),
        lambda store, key: give_up(store, key, "lost"),
    ],
)
def test_an_answer_outlives_another_that_finds_it_before_its_picture_is_cleared(
    jobs: Jobs, another: Callable[[ObjectStore, str], object]
) -> None:
    job = jobs.submit(b"p", "a", JobOptions()).id
    key, others = picture_key(job), list[object]()
    assert isinstance(jobs.store, FolderStore)
    store = Between(jobs.store.folder, answer_key(key), lambda: others.append(another(jobs.store, key)))
    assert answer(store, key, Reads()) == "answered"
    assert others in (["already"], [False])
    found = jobs.find(job)
    assert found is not None
    assert found.status == "done"
    assert list(store.list("in/")) == []


def test_of_two_who_answer_at_once_one_writes(jobs: Jobs) -> None:
    job = jobs.submit(b"p", "a", JobOptions()).id
    both = threading.Barrier(2, timeout=10)
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(answer(jobs.store, picture_key(job), Reads(both.wait))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already", "answered"]
    assert jobs.find(job) is not None


def test_what_is_deleted_while_it_is_looked_at_leaves_nothing(jobs: Jobs) -> None:
    job = jobs.submit(jpeg(), "a", JobOptions(keep=True)).id
    assert answer(jobs.store, picture_key(job), Reads(lambda: jobs.delete(job))) == "gone"
    assert list(jobs.store.list()) == []


def test_a_picture_that_is_kept_is_upright_and_has_no_exif(jobs: Jobs) -> None:
    job = jobs.submit(jpeg(orientation=6), "a", JobOptions(keep=True)).id
    answer(jobs.store, picture_key(job), Reads())
    found = jobs.find(job)
    assert found is not None
    assert found.picture == f"/v1/jobs/{job}/picture"
    kept = jobs.store.get(kept_key(job))
    assert kept.info.content_type == "image/jpeg"
    with Image.open(BytesIO(kept.data)) as image:
        assert image.size == (10, 20)
        assert dict(image.getexif()) == {}
    assert b"a camera" not in kept.data


def test_stripping_keeps_the_pixels() -> None:
    with Image.open(BytesIO(without_exif(jpeg()))) as image:
        assert image.size == (20, 10)
        pixel = image.convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert abs(pixel[0] - 200) < 8


def png(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), (200, 120, 90)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((66_000, 2), (KEPT_SIDE, 2)),
        ((2, 66_000), (2, KEPT_SIDE)),
        ((131_000, 1), (KEPT_SIDE, 1)),
        ((KEPT_SIDE, 1), (KEPT_SIDE, 1)),
    ],
)
def test_a_picture_that_is_longer_than_a_jpeg_may_be_is_kept_smaller(
    jobs: Jobs, size: tuple[int, int], kept: tuple[int, int]
) -> None:
    job = jobs.submit(png(*size), "wide.png", JobOptions(keep=True)).id
    assert answer(jobs.store, picture_key(job), Reads()) == "answered"
    with Image.open(BytesIO(jobs.store.get(kept_key(job)).data)) as image:
        assert (image.format, image.size) == ("JPEG", kept)


def test_what_was_analyzed_is_not_too_large_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit that a picture was analyzed by may be over the default one, which no picture of a test is.
    monkeypatch.setitem(cast("Any", Picture.open).__func__.__kwdefaults__, "max_pixels", 199)
    with Image.open(BytesIO(without_exif(jpeg()))) as image:
        assert image.size == (20, 10)


@pytest.mark.parametrize("error", [None, OSError("broken data stream"), ValueError("?"), MemoryError()])
def test_a_picture_that_cannot_be_kept_is_answered_without(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception | None
) -> None:
    def fails(_: bytes) -> bytes:
        assert error is not None
        raise error

    if error is not None:
        monkeypatch.setattr("onlooker.jobs.answering.without_exif", fails)
    job = jobs.submit(b"p" if error is None else jpeg(), "a", JobOptions(keep=True)).id
    assert answer(jobs.store, picture_key(job), Reads()) == "answered"
    found = jobs.find(job)
    assert found is not None
    assert (found.status, found.error, found.picture) == ("done", None, None)
    assert [info.key for info in jobs.store.list()] == [answer_key(picture_key(job))]
    assert f"job {job[:8]} cannot be kept" in caplog.text
    assert job not in caplog.text


def test_a_store_that_fails_to_keep_a_picture_is_tried_again(jobs: Jobs) -> None:
    job = jobs.submit(jpeg(), "a", JobOptions(keep=True)).id
    assert isinstance(jobs.store, FolderStore)
    store = Refuses(jobs.store.folder, {kept_key(job): StorageError("the disk is full")})
    with pytest.raises(StorageError, match="full"):
        answer(store, picture_key(job), Reads())
    assert answer(store, picture_key(job), Reads()) == "answered"
    assert store.head(kept_key(job)) is not None


def test_a_picture_of_no_job_is_answered_beside_it_and_stays(jobs: Jobs) -> None:
    jobs.store.put("shop/a.jpg", b"p")
    assert answer(jobs.store, "shop/a.jpg", Reads()) == "answered"
    assert answer(jobs.store, "shop/a.jpg", Reads()) == "already"
    record = json.loads(jobs.store.get("shop/a.jpg.json").data)
    assert record["status"] == "done"
    assert record["expires"] is None
    assert jobs.store.get("shop/a.jpg").data == b"p"


def test_what_a_lost_job_says_holds_whoever_is_to_blame() -> None:
    said = lost_reason(4)
    assert "stopped its worker 4 times, or could not be answered for another reason" in said
    assert "try it again, or in another format" in said


def test_a_dead_letter_does_not_undo_an_answer(jobs: Jobs) -> None:
    job = jobs.submit(b"p", "a", JobOptions()).id
    answer(jobs.store, picture_key(job), Reads())
    assert not give_up(jobs.store, picture_key(job), "lost")
    jobs.store.put(picture_key(job), b"p")
    assert not give_up(jobs.store, picture_key(job), "lost")
    found = jobs.find(job)
    assert found is not None
    assert found.status == "done"


def test_which_key_a_task_means() -> None:
    class Bucket:
        url = "s3://shop/faces"

    store: object = Bucket()
    job = "0" * 32

    def key(task: Task) -> str | None:
        return key_in(store, task)  # type: ignore[arg-type]

    assert key(Task(job=job)) == f"in/{job}"
    assert key(Task(job="../x")) is None
    assert key(Task(bucket="shop", key=f"faces/in/{job}")) == f"in/{job}"
    assert key(Task(bucket="other", key=f"faces/in/{job}")) is None
    assert key(Task(bucket="shop", key="elsewhere/a.jpg")) is None
    assert key(Task(bucket="shop", key="faces/a.jpg.json")) is None
    assert key(Task(bucket="shop", key="faces/kept/a.jpg")) is None


def test_a_log_does_not_hold_what_opens_an_answer() -> None:
    job = "0123456789abcdef" * 2
    assert shown(picture_key(job)) == "01234567"
    assert shown("shop/a.jpg") == "shop/a.jpg"
    assert without_ids(f"in/{job} cannot be read") == "in/01234567... cannot be read"
