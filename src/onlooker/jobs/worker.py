"""Taking tasks from a queue and answering them, whatever happens on the way.

A picture that stops its worker comes back ``max_receives`` times, from the second time on with nothing else beside it,
so that no bystander is blamed.
"""

import contextlib
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from onlooker.core.errors import InputError, StorageError
from onlooker.jobs.answering import SETTLED, Analyze, answer, give_up, key_in, lost_reason, shown
from onlooker.jobs.events import tasks_of
from onlooker.jobs.job import KEEP, expire, job_of, without_ids
from onlooker.jobs.objects import ObjectStore
from onlooker.jobs.queues import Message, Queue

log = logging.getLogger(__name__)

EXPIRE_EVERY = 600.0
"""Seconds between two searches of the store for what has expired."""

UNTOLD, TOLD = 60.0, 12 * 3600.0 - 120.0
"""Seconds that a dead letter is hidden while its jobs are told, and once they were. The first is short: a letter whose
jobs could not be told comes again, to this worker or to another. Both together stay within the twelve hours that SQS
hides a message for, from when it was received."""

PAUSE = 0.5
"""Seconds to wait after a failure before the next task is taken."""


class Gate:
    """Lets ``slots`` threads through at once, or one alone."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._slots = slots
        self._changed = threading.Condition()
        self._alone_waits = 0
        self.turns = 0

    @property
    def busy(self) -> bool:
        """Whether anyone has a slot now."""
        return self._free < self._slots

    @contextlib.contextmanager
    def turn(self, *, alone: bool = False) -> Iterator[None]:
        """Wait for a slot, or for all of them. Who wants all is not overtaken for ever."""
        need = self._slots if alone else 1
        with self._changed:
            self._alone_waits += alone
            self._changed.wait_for(lambda: self._free >= need and (alone or not self._alone_waits))
            self._alone_waits -= alone
            self._free -= need
            self.turns += 1
        try:
            yield
        finally:
            with self._changed:
                self._free += need
                self._changed.notify_all()


class Worker:
    """Takes tasks from a queue and answers them, on ``gate``'s slots, until ``stop`` is set.

    lease    seconds that a task is hidden from others; extended while it is worked on
    patience seconds after which a picture is taken to hang: ``hung`` is called, which is to end this process
    """

    def __init__(
        self,
        store: ObjectStore,
        queue: Queue,
        analyze: Analyze,
        *,
        gate: Gate,
        stop: threading.Event,
        threads: int = 1,
        lease: float = 30.0,
        patience: float = 60.0,
        hung: Callable[[], None] = lambda: None,
        keep: timedelta = KEEP,
    ) -> None:
        self.store, self.queue, self.analyze = store, queue, analyze
        self._gate, self._stop, self._threads = gate, stop, threads
        self._lease, self._patience, self._hung, self._keep = lease, patience, hung, keep
        self._over = threading.Event()
        self._held: dict[str, tuple[Message, float | None]] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        """Work until ``stop`` is set and what was begun is done."""
        jobs = [threading.Thread(target=self._work, name=f"worker-{n}") for n in range(self._threads)]
        others = [threading.Thread(target=target, daemon=True) for target in (self._beat, self._sweep)]
        for thread in (*jobs, *others):
            thread.start()
        for thread in jobs:
            thread.join()
        self._over.set()

    def one(self, message: Message) -> None:
        """Answer one message's pictures and acknowledge it. Where the store fails it is left to come again, and so it
        is where somebody's answer is too fresh for its picture to be cleared away."""
        try:
            tasks = tasks_of(message.body)
        except InputError as error:
            log.error("a message that is no task is left to the dead letters (%s)", error)
            return
        uncleared = False
        for task in tasks:
            key = key_in(self.store, task)
            if key is None:
                log.warning("a task that means no picture of this store is passed over")
                continue
            began = time.monotonic()
            outcome = answer(self.store, key, self.analyze, keep=self._keep)
            record = {"event": "task", "job": shown(key), "outcome": outcome, "receives": message.receives}
            log.info(json.dumps({**record, "seconds": round(time.monotonic() - began, 4)}))
            uncleared |= outcome == "already" and job_of(key) is not None and self.store.head(key) is not None
        # Two tries are left in reserve: a task whose job is answered is not to end among the dead letters.
        if uncleared and message.receives < self.queue.max_receives - 1:
            self.queue.extend(message, SETTLED + 1)
        else:
            self.queue.acknowledge(message)

    def bury(self) -> None:
        """Let the jobs of dead letters say so. The letters stay, for whoever runs this to look at. Raises what went
        wrong first (``StorageError`` where the store fails), after the other letters had their turn."""
        letters = self.queue.dead_letters
        while letters is not None and (dead := letters.receive(10, lease=UNTOLD)):
            errors: list[Exception] = []
            for message in dead:
                try:
                    self._tell(message)
                    if not letters.extend(message, TOLD):
                        raise StorageError("a dead letter that was told of cannot be hidden; it comes again")
                except Exception as error:
                    errors.append(error)
            if errors:
                raise errors[0]

    def _tell(self, message: Message) -> None:
        """Give the pictures of a dead letter up."""
        try:
            tasks = tasks_of(message.body)
        except InputError:
            return  # no task, so nobody waits for it
        for task in tasks:
            if (key := key_in(self.store, task)) is not None:
                reason = lost_reason(self.queue.max_receives)
                given_up = give_up(self.store, key, reason, keep=self._keep, since=task.since)
                log.error(json.dumps({"event": "dead", "job": shown(key), "told": given_up}))

    def _work(self) -> None:
        pause = PAUSE
        while not self._stop.is_set():
            try:
                for message in self.queue.receive(1, wait=1.0, lease=self._lease):
                    self._keeping(message)
                pause = PAUSE
            except StorageError as error:
                log.error("%s; trying again in %.0f s", without_ids(str(error)), pause)
                self._stop.wait(pause)
                pause = min(30.0, 2 * pause)
            except Exception:
                # Nobody replaces this thread. The task is left to come again, and then to the dead letters; others
                # may be fine, so the pause does not grow.
                _log_fault("a fault in answering a task")
                self._stop.wait(PAUSE)

    def _keeping(self, message: Message) -> None:
        """One message under a lease that is kept up."""
        with self._lock:
            self._held[message.receipt] = (message, None)
        try:
            with self._gate.turn(alone=message.receives > 1):
                with self._lock:
                    self._held[message.receipt] = (message, time.monotonic())
                self.one(message)
        finally:
            with self._lock:
                del self._held[message.receipt]

    def _beat(self) -> None:
        """Extend every lease in time, and notice what hangs."""
        while not self._over.wait(self._lease / 3):
            with self._lock:
                held = list(self._held.values())
            for message, since in held:
                try:
                    if since is not None and time.monotonic() - since > self._patience:
                        log.error("a picture has taken over %.0f s; this worker is given up", self._patience)
                        self._hung()
                    with contextlib.suppress(StorageError):
                        self.queue.extend(message, self._lease)
                except Exception:
                    _log_fault("a fault in keeping a lease up")

    def _sweep(self) -> None:
        every, expired = max(self._lease / 6, 20 * self.store.poll), 0.0
        while not self._over.wait(every):
            with _tidying():
                self.bury()
            with _tidying():
                if time.monotonic() - expired > EXPIRE_EVERY:
                    expired = time.monotonic()
                    expire(self.store, datetime.now(UTC), keep=self._keep)


@contextlib.contextmanager
def _tidying() -> Iterator[None]:
    """Log what goes wrong, so that what comes after it has its turn: where the dead letters cannot be reached, pictures
    and answers still go at their time."""
    try:
        yield
    except StorageError as error:
        log.error("%s", without_ids(str(error)))
    except Exception:
        _log_fault("a fault in tidying up")


def _log_fault(what: str) -> None:
    """Log the exception at hand and where it came from. Its own words may hold a job's id, so not as it is."""
    log.error("%s\n%s", what, without_ids(traceback.format_exc()))
