"""Does every task end in an answer or in a job that says why not, whatever fails, and does no bystander bear it?"""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from onlooker.analyzer import Analysis
from onlooker.core.errors import StorageError
from onlooker.jobs.answering import SETTLED, Analyze, answer, lost_reason
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Jobs, answer_key, picture_key
from onlooker.jobs.queues import Message
from onlooker.jobs.sqlite import SqliteQueue
from onlooker.jobs.worker import TOLD, UNTOLD, Gate, Worker
from tests.jobs.scripted_jobs import Clock, Reads, Refuses, settle


def worker(jobs: Jobs, reads: Analyze) -> Worker:
    return Worker(jobs.store, jobs.queue, reads, gate=Gate(1), stop=threading.Event())


def test_what_was_deleted_before_is_no_error(jobs: Jobs) -> None:
    reads = Reads()
    job = jobs.submit(b"p", "a", JobOptions()).id
    jobs.delete(job)
    worker(jobs, reads).one(jobs.queue.receive()[0])
    assert reads.asked == []
    assert jobs.queue.depth() == (0, 0)


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


def test_an_old_dead_letter_is_not_told_to_a_new_job_of_the_same_key(jobs: Jobs, clock: Clock) -> None:
    job = jobs.submit(b"p", "a", JobOptions(), idempotency="k").id
    wear_out(jobs, clock)
    worker(jobs, Reads()).bury()
    jobs.delete(job)  # as if its answer had expired: the key is free
    assert jobs.submit(b"p", "a", JobOptions(), idempotency="k").id == job
    clock.now += UNTOLD + TOLD
    worker(jobs, Reads()).bury()
    found = jobs.find(job)
    assert found is not None
    assert found.status == "queued"
    wear_out(jobs, clock)
    worker(jobs, Reads()).bury()
    found = jobs.find(job)
    assert found is not None
    assert found.status == "failed"


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


def test_a_message_that_is_no_task_is_left_to_the_dead_letters(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    jobs.queue.send("good morning")
    worker(jobs, Reads()).one(jobs.queue.receive(lease=10)[0])
    assert sum(jobs.queue.depth()) == 1
    assert "no task" in caplog.text


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


def test_dead_letters_that_cannot_be_reached_keep_nothing_from_expiring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Deaf(SqliteQueue):
        @property
        def dead_letters(self) -> NoReturn:
            raise StorageError("the dead letters are out of reach")

    monkeypatch.setattr("onlooker.jobs.worker.EXPIRE_EVERY", 0.0)
    store, stop = FolderStore(tmp_path / "pictures"), threading.Event()
    store.poll = 0.001
    store.put("out/old.json", b"{}")
    deaf = Deaf(tmp_path / "tasks.sqlite")
    busy = Worker(store, deaf, Reads(), gate=Gate(1), stop=stop, lease=0.1, keep=timedelta(0))
    running = threading.Thread(target=busy.run)
    running.start()
    try:
        until(lambda: store.head("out/old.json") is None)
        until(lambda: "out of reach" in caplog.text)
    finally:
        stop.set()
        running.join(20)
    assert not running.is_alive()


def test_a_dead_letter_is_hidden_no_longer_than_sqs_hides_one() -> None:
    """Twelve hours from when it was received: asked for more, SQS refuses, and the letter comes back every minute."""
    assert UNTOLD + TOLD < 12 * 3600


def test_a_dead_letter_that_cannot_be_hidden_does_not_keep_the_sweep_from_ending(
    jobs: Jobs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.submit(b"p", "a", JobOptions())
    wear_out(jobs, clock)
    assert jobs.queue.dead_letters is not None
    monkeypatch.setattr(type(jobs.queue.dead_letters), "extend", lambda *_: False)
    with pytest.raises(StorageError, match="cannot be hidden"):
        worker(jobs, Reads()).bury()
