"""Answering: once however often a task comes, nothing kept of what was deleted, no bystander blamed."""

import json
import os
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from onlooker.analyzer import Analysis
from onlooker.core.errors import StorageError
from onlooker.core.faces import Faces
from onlooker.jobs.answering import (
    KEPT_SIDE,
    SETTLED,
    Analyze,
    answer,
    give_up,
    key_in,
    lost_reason,
    shown,
    without_exif,
)
from onlooker.jobs.events import Task
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Jobs, answer_key, kept_key, picture_key, without_ids
from onlooker.jobs.objects import ObjectStore
from onlooker.jobs.queues import Message
from onlooker.jobs.sqlite import SqliteQueue
from onlooker.jobs.worker import TOLD, UNTOLD, Gate, Worker
from onlooker.media.images import Picture


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Reads:
    """Analyzes by script: every picture is 4 x 3 and has no face; counts how often it was asked."""

    def __init__(self, during: Callable[[], object] = lambda: None, error: str | None = None) -> None:
        self.asked: list[str] = []
        self.confidence: float | None = None
        self.during, self.error = during, error

    def __call__(self, data: bytes, name: str, confidence: float | None = None) -> Analysis:
        del data
        self.confidence = confidence
        self.asked.append(name)
        self.during()
        return Analysis(name, 4, 3, Faces.empty(), self.error)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path, clock: Clock) -> Jobs:
    return Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite", clock=clock))


def worker(jobs: Jobs, reads: Analyze) -> Worker:
    return Worker(jobs.store, jobs.queue, reads, gate=Gate(1), stop=threading.Event())


def jpeg(orientation: int = 1) -> bytes:
    """A picture 20 wide and 10 high, as stored, with EXIF."""
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    Image.new("RGB", (20, 10), (200, 10, 10)).save(file, "JPEG", exif=exif)
    return file.getvalue()


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


def settle(store: ObjectStore, key: str) -> None:
    """The object was written a while ago."""
    assert isinstance(store, FolderStore)
    path = store._path(key)
    long_ago = path.stat().st_mtime - SETTLED - 1
    os.utime(path, (long_ago, long_ago))


class Between(FolderStore):
    """Something else happens, once, when an object is there and before whoever put it goes on."""

    def __init__(self, folder: Path, key: str, happens: Callable[[], object]) -> None:
        super().__init__(folder)
        self.waits = {key: happens}

    def put(self, key: str, data: bytes, **options: Any) -> bool:
        put = super().put(key, data, **options)
        self.waits.pop(key, lambda: None)()
        return put


class Refuses(FolderStore):
    """Fails, once each, to store the objects that are named in ``refused``."""

    def __init__(self, folder: Path, refused: dict[str, Exception]) -> None:
        super().__init__(folder)
        self.refused = refused

    def put(self, key: str, data: bytes, **options: Any) -> bool:
        if (error := self.refused.pop(key, None)) is not None:
            raise error
        return super().put(key, data, **options)


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


def test_what_was_deleted_before_is_no_error(jobs: Jobs) -> None:
    reads = Reads()
    job = jobs.submit(b"p", "a", JobOptions()).id
    jobs.delete(job)
    worker(jobs, reads).one(jobs.queue.receive()[0])
    assert reads.asked == []
    assert jobs.queue.depth() == (0, 0)


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


def test_a_message_is_acknowledged_only_after_its_answer(jobs: Jobs, clock: Clock) -> None:
    job = jobs.submit(b"p", "a", JobOptions()).id

    def fails() -> None:
        raise StorageError("the store is down")

    message = jobs.queue.receive(lease=10)[0]
    with pytest.raises(StorageError):
        worker(jobs, Reads(fails)).one(message)
    clock.now += 11
    again = jobs.queue.receive(lease=10)[0]
    assert again.receives == 2
    worker(jobs, Reads()).one(again)
    found = jobs.find(job)
    assert found is not None
    assert found.status == "done"
    assert jobs.queue.depth() == (0, 0)


def test_a_picture_that_comes_after_its_answer_is_cleared_once_that_is_settled(jobs: Jobs, clock: Clock) -> None:
    job, reads = jobs.submit(b"p", "a", JobOptions()).id, Reads()
    assert answer(jobs.store, picture_key(job), reads) == "answered"
    first = jobs.find(job)
    # A request that came at the same time, by the same key, stores the picture once more.
    jobs.store.put(picture_key(job), b"p")
    busy = worker(jobs, reads)
    busy.one(jobs.queue.receive(lease=2)[0])
    # Whoever answered may not have looked yet whether the picture is still there.
    assert len(list(jobs.store.list("in/"))) == 1
    clock.now += SETTLED
    assert jobs.queue.receive(lease=2) == []
    clock.now += 2
    settle(jobs.store, answer_key(picture_key(job)))
    busy.one(jobs.queue.receive(lease=2)[0])
    assert list(jobs.store.list("in/")) == []
    assert jobs.queue.depth() == (0, 0)
    assert jobs.find(job) == first
    assert reads.asked == ["a"]


def test_waiting_for_an_answer_to_settle_ends_before_the_dead_letters(jobs: Jobs, clock: Clock) -> None:
    # The store's clock is ahead of ours, so that no answer ever looks settled.
    job = jobs.submit(b"p", "a", JobOptions()).id
    assert answer(jobs.store, picture_key(job), Reads()) == "answered"
    jobs.store.put(picture_key(job), b"p")
    busy, receives = worker(jobs, Reads()), list[int]()
    while found := jobs.queue.receive(lease=2):
        receives.append(found[0].receives)
        busy.one(found[0])
        clock.now += SETTLED + 2
    assert receives == [1, 2, 3]
    assert jobs.queue.depth() == (0, 0)
    assert jobs.queue.dead_letters is not None
    assert jobs.queue.dead_letters.depth() == (0, 0)
    answered = jobs.find(job)
    assert answered is not None
    assert answered.status == "done"


def test_a_picture_of_no_job_that_was_answered_just_now_is_done(jobs: Jobs) -> None:
    store = jobs.store
    store.url = "s3://shop"
    store.put("a.jpg", b"p")
    assert answer(store, "a.jpg", Reads()) == "answered"
    jobs.queue.send(json.dumps(event("shop", "a.jpg")))
    worker(jobs, Reads()).one(jobs.queue.receive()[0])
    assert jobs.queue.depth() == (0, 0)


def event(bucket: str, key: str) -> dict[str, Any]:
    """What S3 tells of a new object."""
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]}


def wear_out(jobs: Jobs, clock: Clock) -> None:
    """Every task that waits goes to the dead letters."""
    for _ in range(jobs.queue.max_receives):
        assert jobs.queue.receive(10, lease=10)
        clock.now += 11  # whoever had it is gone
    assert jobs.queue.receive(10, lease=10) == []


def test_a_picture_that_stops_every_worker_is_given_up_and_its_job_says_so(jobs: Jobs, clock: Clock) -> None:
    job = jobs.submit(b"p", "a", JobOptions()).id
    wear_out(jobs, clock)
    busy = worker(jobs, Reads())
    busy.bury()
    found = jobs.find(job)
    assert found is not None
    assert (found.status, found.analysis) == ("failed", None)
    assert found.error == lost_reason(jobs.queue.max_receives)
    assert list(jobs.store.list("in/")) == []
    assert jobs.queue.dead_letters is not None
    assert sum(jobs.queue.dead_letters.depth()) == 1
    busy.bury()
    assert jobs.find(job) == found


@pytest.mark.parametrize("error", [StorageError("the store is down"), RuntimeError("a fault of ours")])
def test_a_job_that_could_not_be_told_is_told_later(jobs: Jobs, clock: Clock, error: Exception) -> None:
    names = [jobs.submit(b"p", "a", JobOptions()).id for _ in range(3)]
    wear_out(jobs, clock)
    assert isinstance(jobs.store, FolderStore)
    store = Refuses(jobs.store.folder, {answer_key(picture_key(names[1])): error})
    busy = worker(Jobs(store, jobs.queue), Reads())

    def told() -> list[str]:
        return [found.status for name in names if (found := jobs.find(name)) is not None]

    with pytest.raises(type(error)):
        busy.bury()
    assert told() == ["failed", "queued", "failed"]
    clock.now += UNTOLD + 1
    busy.bury()
    assert told() == ["failed"] * 3
    # The letters are out of the way now, and stay.
    letters = jobs.queue.dead_letters
    assert letters is not None
    clock.now += UNTOLD + 1
    assert letters.receive(10) == []
    clock.now += TOLD
    assert len(letters.receive(10)) == 3


def test_a_dead_letter_that_is_no_task_stays_out_of_the_way(jobs: Jobs, clock: Clock) -> None:
    jobs.queue.send("good morning")
    wear_out(jobs, clock)
    worker(jobs, Reads()).bury()
    clock.now += UNTOLD + 1
    assert jobs.queue.dead_letters is not None
    assert jobs.queue.dead_letters.receive() == []
    assert jobs.queue.dead_letters.depth() == (0, 1)


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


def test_a_message_that_is_no_task_is_left_to_the_dead_letters(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    jobs.queue.send("good morning")
    worker(jobs, Reads()).one(jobs.queue.receive(lease=10)[0])
    assert sum(jobs.queue.depth()) == 1
    assert "no task" in caplog.text


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


def test_a_gate_lets_some_through_together_and_one_alone() -> None:
    gate = Gate(2)
    inside: list[int] = []
    most, alone_with = [0], [0]
    lock = threading.Lock()

    def visit(*, alone: bool) -> None:
        with gate.turn(alone=alone):
            with lock:
                inside.append(1)
                most[0] = max(most[0], len(inside))
                if alone:
                    alone_with[0] = max(alone_with[0], len(inside))
            threading.Event().wait(0.002)
            with lock:
                inside.pop()

    threads = [threading.Thread(target=visit, kwargs={"alone": n % 5 == 0}) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert most[0] == 2
    assert alone_with[0] == 1
    assert not gate.busy


def test_a_worker_keeps_its_lease_while_it_reads_and_ends_when_told(tmp_path: Path) -> None:
    jobs = Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite"))
    jobs.submit(b"p", "slow", JobOptions())
    stop, reading, go_on = threading.Event(), threading.Event(), threading.Event()

    def slowly() -> None:
        reading.set()
        go_on.wait(20)

    busy = Worker(jobs.store, jobs.queue, Reads(slowly), gate=Gate(1), stop=stop, lease=0.3)
    running = threading.Thread(target=busy.run)
    running.start()
    assert reading.wait(20)
    extended = [jobs.queue.receive(wait=0.35) for _ in range(3)]  # three times the lease: never handed out again
    stop.set()
    go_on.set()
    running.join(20)
    assert not running.is_alive()
    assert extended == [[], [], []]
    assert len(list(jobs.store.list("out/"))) == 1
    assert jobs.queue.depth() == (0, 0)


def test_a_picture_that_hangs_gives_its_worker_up(tmp_path: Path) -> None:
    jobs = Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite"))
    jobs.submit(b"p", "endless", JobOptions())
    stop, hung = threading.Event(), threading.Event()
    busy = Worker(
        jobs.store,
        jobs.queue,
        Reads(lambda: hung.wait(20)),
        gate=Gate(1),
        stop=stop,
        lease=0.2,
        patience=0.3,
        hung=hung.set,
    )
    running = threading.Thread(target=busy.run)
    running.start()
    assert hung.wait(20)
    stop.set()
    running.join(20)
    assert not running.is_alive()


class Faulty:
    """Analyzes as ``Reads``, but raises for the pictures named ``bad``, and its words hold the job's id."""

    def __init__(self, error: Callable[[], BaseException]) -> None:
        self.error = error

    def __call__(self, data: bytes, name: str, confidence: float | None = None) -> Analysis:
        if name == "bad":
            raise self.error()
        return Reads()(data, name, confidence)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def status(jobs: Jobs, job: str) -> str | None:
    found = jobs.find(job)
    return None if found is None else found.status


def test_a_fault_over_one_picture_ends_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("onlooker.jobs.worker.PAUSE", 0.01)
    jobs = Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite"))
    bad = jobs.submit(b"p", "bad", JobOptions()).id
    stop = threading.Event()
    reads = Faulty(lambda: RuntimeError(f"a fault over {bad}"))
    busy = Worker(jobs.store, jobs.queue, reads, gate=Gate(1), stop=stop, lease=0.1)
    running = threading.Thread(target=busy.run)
    running.start()
    try:
        until(lambda: "a fault over" in caplog.text)
        good = jobs.submit(b"p", "good", JobOptions()).id
        until(lambda: status(jobs, good) == "done")
        until(lambda: status(jobs, bad) == "failed")  # by way of the dead letters
    finally:
        stop.set()
        running.join(20)
    assert not running.is_alive()
    assert f"RuntimeError: a fault over {bad[:8]}..." in caplog.text
    assert bad not in caplog.text


def test_a_queue_that_fails_as_it_never_should_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trips(SqliteQueue):
        faults = 2

        def receive(self, limit: int = 1, *, wait: float = 0.0, lease: float = 60.0) -> list[Message]:
            if self.faults:
                self.faults -= 1
                raise RuntimeError("a fault of the queue")
            return super().receive(limit, wait=wait, lease=lease)

    monkeypatch.setattr("onlooker.jobs.worker.PAUSE", 0.01)
    jobs, stop = Jobs(FolderStore(tmp_path / "pictures"), Trips(tmp_path / "tasks.sqlite")), threading.Event()
    job = jobs.submit(b"p", "a", JobOptions()).id
    running = threading.Thread(target=Worker(jobs.store, jobs.queue, Reads(), gate=Gate(1), stop=stop).run)
    running.start()
    try:
        until(lambda: status(jobs, job) == "done")
    finally:
        stop.set()
        running.join(20)
    assert not running.is_alive()


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_what_is_to_end_a_worker_does(jobs: Jobs, end: type[BaseException]) -> None:
    jobs.submit(b"p", "bad", JobOptions())
    with pytest.raises(end):
        worker(jobs, Faulty(end))._work()
    assert jobs.queue.depth() == (0, 1)


def test_a_fault_in_keeping_a_lease_up_does_not_end_that(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    again = threading.Event()

    class Trips(SqliteQueue):
        asked = 0

        def extend(self, message: Message, lease: float) -> bool:
            self.asked += 1
            if self.asked == 1:
                raise RuntimeError("a fault of the queue")
            again.set()
            return super().extend(message, lease)

    jobs, stop = Jobs(FolderStore(tmp_path / "pictures"), Trips(tmp_path / "tasks.sqlite")), threading.Event()
    jobs.submit(b"p", "slow", JobOptions())
    reads = Reads(lambda: again.wait(20))
    running = threading.Thread(target=Worker(jobs.store, jobs.queue, reads, gate=Gate(1), stop=stop, lease=0.3).run)
    running.start()
    try:
        assert again.wait(20)
    finally:
        stop.set()
        again.set()
        running.join(20)
    assert not running.is_alive()
    assert "a fault of the queue" in caplog.text


def test_a_fault_in_tidying_up_does_not_end_that(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    again = threading.Event()

    class Trips(Worker):
        asked = 0

        def bury(self) -> None:
            self.asked += 1
            if self.asked == 1:
                raise RuntimeError("a fault of ours")
            again.set()

    jobs, stop = Jobs(FolderStore(tmp_path / "pictures"), SqliteQueue(tmp_path / "tasks.sqlite")), threading.Event()
    jobs.store.poll = 0.001
    running = threading.Thread(target=Trips(jobs.store, jobs.queue, Reads(), gate=Gate(1), stop=stop, lease=0.1).run)
    running.start()
    try:
        assert again.wait(20)
    finally:
        stop.set()
        running.join(20)
    assert not running.is_alive()
    assert "a fault of ours" in caplog.text
