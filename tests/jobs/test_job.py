"""A job's life: taken in, found, repeated, deleted, expired."""

import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onlooker.analyzer import Analysis
from onlooker.core.errors import ObjectMissing, StorageError
from onlooker.core.faces import Faces
from onlooker.jobs.answering import answer
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import (
    IdempotencyConflict,
    Job,
    JobOptions,
    Jobs,
    Stored,
    Ticket,
    answer_key,
    expire,
    is_job,
    job_of,
    kept_key,
    picture_key,
    to_json,
)
from onlooker.jobs.objects import ObjectInfo
from onlooker.jobs.sqlite import SqliteQueue
from tests.jobs.scripted_jobs import settle

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite"))


def test_a_picture_that_is_taken_in_waits_with_its_name_and_one_task(jobs: Jobs) -> None:
    job = jobs.submit(b"picture", "Ä & %.jpg", JobOptions(keep=True))
    stored = jobs.store.get(picture_key(job.id))
    assert stored.data == b"picture"
    ticket = Ticket.of(stored.info)
    assert (ticket.name, ticket.options, ticket.digest) == ("Ä & %.jpg", JobOptions(keep=True), None)
    assert jobs.find(job.id) == job
    assert [job.id in message.body for message in jobs.queue.receive(10)] == [True]


def test_no_task_is_sent_where_the_buckets_events_make_them(tmp_path: Path) -> None:
    jobs = Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite"), send=False)
    job = jobs.submit(b"picture", "a", JobOptions())
    assert jobs.start(job.id).status == "queued"
    assert jobs.queue.depth() == (0, 0)


def test_metadata_is_ascii_whatever_the_name(jobs: Jobs) -> None:
    job = jobs.submit(b"x", "写真\n😀", JobOptions())
    stored = jobs.store.head(picture_key(job.id))
    assert stored is not None
    assert all(value.isascii() and value.isprintable() for value in stored.metadata.values())


def test_a_picture_that_came_without_a_ticket_is_named_by_its_key() -> None:
    ticket = Ticket.of(ObjectInfo("shop/a.jpg", 3, NOW, "image/jpeg", {"job": "no json"}))
    assert (ticket.name, ticket.created, ticket.options) == ("a.jpg", NOW, JobOptions())


def test_a_repeated_request_is_the_same_job(jobs: Jobs) -> None:
    first = jobs.submit(b"picture", "a", JobOptions(), idempotency="k")
    assert jobs.submit(b"picture", "a", JobOptions(), idempotency="k") == first == jobs.find(first.id)
    assert jobs.submit(b"picture", "a", JobOptions(), idempotency="other").id != first.id
    with pytest.raises(IdempotencyConflict, match="another picture"):
        jobs.submit(b"something else", "a", JobOptions(), idempotency="k")
    assert jobs.store.get(picture_key(first.id)).data == b"picture"


@pytest.mark.parametrize("answered", [False, True])
def test_a_key_that_a_program_of_before_took_is_no_conflict(jobs: Jobs, answered: bool) -> None:
    """It had no options in its digest."""
    jobs = Jobs(jobs.store, jobs.queue, secret=b"the same")
    job = hmac.new(b"the same", b"k", hashlib.sha256).hexdigest()[:32]
    digest = hmac.new(b"the same", b"picture", hashlib.sha256).hexdigest()[:32]
    jobs.store.put(picture_key(job), b"picture", metadata=Ticket("a", NOW, JobOptions(), digest).metadata())
    if answered:
        assert work(jobs, job) == "answered"
    assert jobs.submit(b"picture", "a", JobOptions(), idempotency="k") == jobs.find(job)
    for picture, options in ((b"another", JobOptions()), (b"picture", JobOptions(confidence=0.8))):
        with pytest.raises(IdempotencyConflict):
            jobs.submit(picture, "a", options, idempotency="k")


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("options", [JobOptions(), JobOptions(keep=True, confidence=0.5), JobOptions(confidence=0.8)])
def test_a_key_that_is_used_with_other_options_is_a_conflict(jobs: Jobs, options: JobOptions, answered: bool) -> None:
    first = jobs.submit(b"picture", "a", JobOptions(keep=True), idempotency="k")
    if answered:
        assert work(jobs, first.id) == "answered"
    with pytest.raises(IdempotencyConflict, match="other options"):
        jobs.submit(b"picture", "a", options, idempotency="k")
    assert jobs.submit(b"picture", "a", JobOptions(keep=True), idempotency="k") == jobs.find(first.id)


def test_a_repeated_request_at_the_same_time_is_the_same_job(jobs: Jobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: jobs.submit(b"p", "a", JobOptions(), idempotency="k").id, range(16)))
    assert len(set(found)) == 1
    assert [info.key for info in jobs.store.list("in/")] == [picture_key(found[0])]


def work(jobs: Jobs, job: str, *, keep: timedelta = timedelta(hours=1)) -> str:
    """Answer a job's picture as a worker does."""

    def nobody(data: bytes, name: str, *_: object) -> Analysis:
        del data
        return Analysis(name, 4, 3, Faces.empty())

    return answer(jobs.store, picture_key(job), nobody, keep=keep)


@pytest.mark.parametrize("picture", [b"picture", b"another"])
def test_a_key_whose_answer_has_expired_is_free_though_the_answer_still_lies(jobs: Jobs, picture: bytes) -> None:
    first = jobs.submit(b"picture", "a", JobOptions(), idempotency="k").id
    assert work(jobs, first, keep=timedelta(seconds=-1)) == "answered"
    jobs.store.put(kept_key(first), b"kept")
    assert jobs.find(first) is None
    assert jobs.submit(picture, "a", JobOptions(), idempotency="k").id == first
    assert jobs.store.head(kept_key(first)) is None
    assert work(jobs, first) == "answered"
    found = jobs.find(first)
    assert found is not None
    assert found.status == "done"
    assert list(jobs.store.list("in/")) == []


class Overtaken(FolderStore):
    """A store at which somebody else is quicker: ``first`` happens right before the next object is put."""

    first: Callable[[], object] | None = None

    def put(self, key: str, data: bytes, **options: Any) -> bool:
        first, self.first = self.first, None
        if first is not None:
            first()
        return super().put(key, data, **options)


@pytest.fixture
def overtaken(tmp_path: Path) -> Overtaken:
    return Overtaken(tmp_path / "pictures")


def two_requests(overtaken: Overtaken, tmp_path: Path, picture: bytes) -> Jobs:
    """Jobs whose next request is overtaken by another one of key ``k``, which is taken in and answered."""
    jobs = Jobs(overtaken, SqliteQueue(tmp_path / "tasks.sqlite"))

    def first() -> None:
        assert work(jobs, jobs.submit(picture, "a", JobOptions(), idempotency="k").id) == "answered"
        jobs.queue.acknowledge(jobs.queue.receive()[0])

    overtaken.first = first
    return jobs


def test_a_request_that_is_overtaken_by_its_double_has_its_answer_and_leaves_no_picture(
    overtaken: Overtaken, tmp_path: Path
) -> None:
    jobs = two_requests(overtaken, tmp_path, b"picture")
    job = jobs.submit(b"picture", "a", JobOptions(), idempotency="k")
    assert job.status == "done"
    assert jobs.find(job.id) == job
    assert list(jobs.store.list("in/")) == []
    assert jobs.queue.depth() == (0, 0)


def test_a_request_that_is_overtaken_by_one_of_another_picture_leaves_no_picture(
    overtaken: Overtaken, tmp_path: Path
) -> None:
    jobs = two_requests(overtaken, tmp_path, b"another")
    with pytest.raises(IdempotencyConflict, match="another picture"):
        jobs.submit(b"picture", "a", JobOptions(), idempotency="k")
    assert list(jobs.store.list("in/")) == []
    assert [info.key[:4] for info in jobs.store.list()] == ["out/"]
    assert jobs.queue.depth() == (0, 0)


def test_a_repeated_request_leaves_the_picture_to_the_worker_that_is_at_it(
    overtaken: Overtaken, tmp_path: Path
) -> None:
    """A worker whose picture is gone right after it wrote the answer takes the job for deleted, and its answer goes."""
    jobs = Jobs(overtaken, SqliteQueue(tmp_path / "tasks.sqlite"))
    job = jobs.submit(b"picture", "a", JobOptions(), idempotency="k").id
    ticket = Ticket.of(overtaken.get(picture_key(job)).info)
    written = Stored(id=job, status="done", created=NOW, digest=ticket.digest)
    overtaken.first = lambda: FolderStore.put(overtaken, answer_key(picture_key(job)), msgspec.json.encode(written))
    assert jobs.submit(b"picture", "a", JobOptions(), idempotency="k").status == "done"
    assert overtaken.head(picture_key(job)) is not None


@pytest.mark.parametrize("damage", [b"{", b'{"id": "\xff"}'])
def test_an_answer_that_is_damaged_is_said(jobs: Jobs, damage: bytes) -> None:
    jobs.store.put(answer_key(picture_key("0" * 32)), damage)
    with pytest.raises(StorageError, match="is no answer"):
        jobs.find("0" * 32)


def test_ids_of_one_key_are_not_to_be_guessed_without_the_secret(jobs: Jobs) -> None:
    other = Jobs(jobs.store, jobs.queue, secret=b"other")
    same = Jobs(jobs.store, jobs.queue, secret=b"other")
    ids = [each.submit(b"p", "a", JobOptions(), idempotency="k").id for each in (jobs, other, same)]
    assert ids[0] != ids[1]
    assert ids[1] == ids[2]


def test_an_upload_starts_once_its_picture_has_come(jobs: Jobs) -> None:
    job, form = jobs.form("a.jpg", JobOptions(keep=True), max_bytes=10)
    with pytest.raises(ObjectMissing, match="send the form first"):
        jobs.start(job)
    assert isinstance(jobs.store, FolderStore)
    key, metadata = jobs.store.verify_form(form.fields, 3)
    jobs.store.put(key, b"abc", metadata=metadata)
    assert jobs.start(job).status == "queued"
    assert jobs.queue.depth() == (1, 0)
    waiting = jobs.store.head(picture_key(job))
    assert waiting is not None
    assert Ticket.of(waiting).options.keep


def test_a_picture_that_comes_by_a_form_after_its_answer_is_cleared_away(jobs: Jobs) -> None:
    """As a form of S3's may be sent again."""
    job, _ = jobs.form("a.jpg", JobOptions(), max_bytes=10)
    jobs.store.put(picture_key(job), b"abc")
    jobs.start(job)
    jobs.queue.acknowledge(jobs.queue.receive()[0])
    assert work(jobs, job) == "answered"
    assert jobs.start(job).status == "done"
    assert jobs.queue.depth() == (0, 0)  # nothing is left to do
    jobs.store.put(picture_key(job), b"another")
    assert jobs.start(job).status == "done"
    assert [job in message.body for message in jobs.queue.receive(10)] == [True]
    settle(jobs.store, answer_key(picture_key(job)))
    assert work(jobs, job) == "already"
    assert list(jobs.store.list("in/")) == []
    assert jobs.find(job) == jobs.start(job)


def test_deleting_takes_picture_answer_and_what_was_kept(jobs: Jobs) -> None:
    job = jobs.submit(b"p", "a", JobOptions()).id
    for key in (answer_key(picture_key(job)), kept_key(job)):
        jobs.store.put(key, b'{"id": "x", "status": "done", "created": "2026-11-24T12:00:00Z"}')
    assert jobs.delete(job)
    assert list(jobs.store.list()) == []
    assert jobs.find(job) is None
    assert not jobs.delete(job)


@pytest.mark.parametrize("name", ["", "x", "../secret", "A" * 32, "0" * 31, "0" * 33, "in/" + "0" * 32])
def test_only_our_own_ids_are_looked_up(jobs: Jobs, name: str) -> None:
    assert not is_job(name)
    assert jobs.find(name) is None
    assert not jobs.delete(name)


def test_keys_of_jobs_and_of_other_pictures() -> None:
    job = "0" * 32
    assert job_of(picture_key(job)) == job
    assert answer_key(picture_key(job)) == f"out/{job}.json"
    assert job_of("in/holiday.jpg") is None
    assert answer_key("in/holiday.jpg") == "in/holiday.jpg.json"
    assert answer_key("shop/a.jpg") == "shop/a.jpg.json"


def test_everything_expires(jobs: Jobs) -> None:
    jobs.submit(b"p", "a", JobOptions())
    jobs.store.put("out/a.json", b"{}")
    jobs.store.put("kept/a.jpg", b"j")
    jobs.store.put("other", b"stays")
    now = datetime.now(UTC)
    assert expire(jobs.store, now, keep=timedelta(hours=1)) == 0
    assert expire(jobs.store, now + timedelta(hours=2), keep=timedelta(hours=1)) == 3
    assert [info.key for info in jobs.store.list()] == ["other"]


def test_a_job_as_json() -> None:
    job = Job(id="0" * 32, status="queued", created=NOW)
    assert to_json(job) == {
        "id": "0" * 32,
        "status": "queued",
        "created": "2026-11-24T12:00:00Z",
        "answered": None,
        "expires": None,
        "error": None,
        "analysis": None,
        "picture": None,
        "timings": {},
    }


def test_an_answer_is_gone_at_its_hour_though_it_still_lies_there(jobs: Jobs) -> None:
    job = "0" * 32
    ended = datetime.now(UTC) - timedelta(seconds=1)
    record = {"id": job, "status": "done", "created": NOW, "answered": NOW, "expires": ended}
    jobs.store.put(answer_key(picture_key(job)), msgspec.json.encode(record))
    assert jobs.find(job) is None


def test_a_picture_whose_task_is_refused_does_not_stay(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(body: str, *, delay: float = 0.0) -> str:
        raise StorageError(f"the queue is down for {body} {delay}")

    monkeypatch.setattr(jobs.queue, "send", down)
    with pytest.raises(StorageError):
        jobs.submit(b"p", "a", JobOptions())
    assert list(jobs.store.list()) == []
    with pytest.raises(StorageError):
        jobs.submit(b"p", "a", JobOptions(), idempotency="k")
    assert len(list(jobs.store.list("in/"))) == 1
    monkeypatch.undo()
    assert jobs.submit(b"p", "a", JobOptions(), idempotency="k").status == "queued"
    assert jobs.queue.depth() == (1, 0)
