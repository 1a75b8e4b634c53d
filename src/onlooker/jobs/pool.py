"""Worker processes, started, fed and replaced: what reads pictures may be killed by one, what serves people may not."""

import asyncio
import contextlib
import json
import logging
import math
import os
import struct
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from onlooker.core.errors import ConfigError, ModelError, OnlookerError
from onlooker.jobs.process import Task, frame

log = logging.getLogger(__name__)


class Busy(OnlookerError):
    """More pictures wait than can be answered soon; ``after`` is when to come again, in seconds."""

    def __init__(self, after: int) -> None:
        super().__init__(f"more pictures are waiting than can be answered soon; try again in {after} s")
        self.after = after


class WorkerLost(OnlookerError):
    """A picture that stopped its worker process, twice."""


class ReadingFault(OnlookerError):
    """A fault of ours in reading a picture, which the worker process survived."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker process answered: the analysis as it is printed, and the seconds of each step."""

    analysis: dict[str, Any]
    timings: dict[str, float]


class Tally(Protocol):
    """Counts a picture that was looked at: its faces, the seconds of each step, and whether it could not be read."""

    def __call__(self, faces: int, timings: Mapping[str, float], *, error: bool) -> None:
        """Count it."""
        ...


@dataclass(slots=True, eq=False)
class _Wanted:
    """A picture that waits for its answer: since when (on the loop's clock), and for how long until it was begun."""

    data: bytes
    name: str
    confidence: float | None
    answer: "asyncio.Future[Answer]"
    since: float
    waited: float = 0.0
    alone: bool = False


@dataclass(slots=True, eq=False)
class _Process:
    """A worker process that is ready, and what it was given."""

    running: asyncio.subprocess.Process
    given: dict[int, _Wanted] = field(default_factory=dict)


class Pool:
    """``processes`` worker processes of ``task.threads`` threads each.

    A picture is refused at once with ``Busy`` where it would wait for a thread for longer than ``wait`` seconds, by how
    long pictures took lately, or where ``backlog`` of them wait already; and then where it has waited for so long all
    the same. ``command`` runs a worker process, which is given its ``Task`` as a last argument. ``tally`` is told of
    every picture that came to a process as a task of the queue.
    """

    tally: Tally | None = None

    def __init__(
        self,
        task: Task,
        processes: int = 1,
        *,
        backlog: int = 64,
        wait: float = 2.0,
        command: Sequence[str] = (sys.executable, "-m", "onlooker.jobs.process"),
    ) -> None:
        self.task, self.processes, self.backlog, self.wait = task, processes, backlog, wait
        self._command = command
        self.model = ""
        self.restarts = 0
        self._ready: list[_Process] = []
        self._waiting: deque[_Wanted] = deque()
        self._keepers: list[asyncio.Task[None]] = []
        self._started: asyncio.Future[None] | None = None
        self._end = asyncio.Event()
        self._number = 0
        self._seconds = 0.1  # a picture takes, by running mean

    @property
    def ready(self) -> int:
        """How many processes are ready to answer."""
        return len(self._ready)

    @property
    def held(self) -> int:
        """How many pictures are worked on or wait."""
        return len(self._waiting) + sum(len(process.given) for process in self._ready)

    async def start(self) -> None:
        """Start the processes and wait until one is ready. Raises ``ModelError`` or ``ConfigError`` where none can."""
        if not self.processes:
            return
        self._started = asyncio.get_running_loop().create_future()
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self.processes)]
        try:
            await self._started
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Let the processes finish what they are at, and end."""
        self._end.set()
        for process in self._ready:
            if process.running.stdin:
                process.running.stdin.close()
        for wanted in self._waiting:
            if not wanted.answer.done():
                wanted.answer.set_exception(Busy(1))
        self._waiting.clear()
        if self._keepers:
            _, late = await asyncio.wait(self._keepers, timeout=self.task.patience)
            for keeper in late:
                keeper.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def analyze(self, data: bytes, name: str, confidence: float | None = None) -> Answer:
        """One picture's answer, with intervals of that ``confidence``. Raises ``Busy`` where too many wait or it has
        waited too long, ``WorkerLost`` where it stops its worker. Cancelled, it gives up its place among those that
        wait."""
        slots = max(1, self.processes * self.task.threads)
        before = self.held - slots + 1  # that have to be done before this one can begin
        expected = before / slots * self._seconds
        if self._end.is_set() or before > self.backlog or expected > self.wait:
            raise Busy(max(1, math.ceil(expected)))
        loop = asyncio.get_running_loop()
        wanted = _Wanted(data, name, confidence, loop.create_future(), loop.time())
        self._waiting.append(wanted)
        self._feed()
        late = loop.call_later(self.wait, self._late, wanted)
        try:
            return await wanted.answer
        finally:
            late.cancel()
            if wanted in self._waiting:
                self._waiting.remove(wanted)

    def _late(self, wanted: _Wanted) -> None:
        """Refuse a picture that still waits for its turn; one that was begun before, and comes again, has had it."""
        if wanted in self._waiting and not wanted.alone and not wanted.answer.done():
            wanted.answer.set_exception(Busy(max(1, math.ceil(self.wait))))

    def _feed(self) -> None:
        """Hand waiting pictures to processes with a free thread; a picture under suspicion gets one for itself."""
        while self._waiting:
            wanted = self._waiting[0]
            if wanted.answer.done():  # whoever wanted it has gone
                self._waiting.popleft()
                continue
            most = 1 if wanted.alone else self.task.threads
            free = [p for p in self._ready if len(p.given) < most and not any(w.alone for w in p.given.values())]
            if not free:
                return
            process = min(free, key=lambda p: len(p.given))
            self._waiting.popleft()
            self._number += 1
            process.given[self._number] = wanted
            wanted.waited = asyncio.get_running_loop().time() - wanted.since
            line = {"id": self._number, "name": wanted.name, "alone": wanted.alone, "confidence": wanted.confidence}
            assert process.running.stdin is not None
            process.running.stdin.write(frame(line, wanted.data))

    async def _keep(self) -> None:
        """Keep one process running; one that ends is replaced, later each time if it ends at once."""
        loop, pause = asyncio.get_running_loop(), 0.05
        while not self._end.is_set():
            begun = loop.time()
            running = await asyncio.create_subprocess_exec(
                *self._command,
                msgspec.json.encode(self.task).decode(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # Threads that share one heap give far more of it back (Linux; elsewhere it says nothing).
                env={"MALLOC_ARENA_MAX": "1", **os.environ},
            )
            try:
                await self._listen(_Process(running))
                code = await running.wait()
            except asyncio.CancelledError:
                running.kill()
                raise
            if self._end.is_set():
                return
            self.restarts += 1
            log.error(json.dumps({"event": "worker lost", "pid": running.pid, "code": code, "again_in": pause}))
            pause = 0.05 if loop.time() - begun > 10 else min(5.0, pause * 2)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), pause)

    async def _listen(self, process: _Process) -> None:
        """Read a process's frames until it ends; what it was given and did not answer is tried once more, alone."""
        assert process.running.stdout is not None
        read: Callable[[int], Any] = process.running.stdout.readexactly
        try:
            while True:
                (length,) = struct.unpack("<I", await read(4))
                self._heard(process, json.loads(await read(length)))
                self._feed()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if process in self._ready:
                self._ready.remove(process)
            for wanted in process.given.values():
                self._suspect(wanted)
            self._feed()

    def _suspect(self, wanted: _Wanted) -> None:
        if wanted.answer.done():
            return
        if wanted.alone:
            reason = "the picture stopped the worker that read it; try it in another format"
            wanted.answer.set_exception(WorkerLost(reason))
        elif self._end.is_set():
            wanted.answer.set_exception(Busy(1))
        else:
            wanted.alone = True
            self._waiting.appendleft(wanted)

    def _heard(self, process: _Process, line: dict[str, Any]) -> None:
        if line.get("ready"):
            self.model = line["model"]
            self._ready.append(process)
            if self._end.is_set() and process.running.stdin:
                process.running.stdin.close()
            if self._started and not self._started.done():
                self._started.set_result(None)
        elif "error" in line:
            kind = ModelError if line["code"] == ModelError.exit_code else ConfigError
            if self._started and not self._started.done():
                self._started.set_exception(kind(line["error"]))
            log.error("a worker cannot start: %s", line["error"])
        elif "task" in line:
            if self.tally:
                self.tally(line["faces"], line["timings"], error=line["unreadable"])
        else:
            wanted = process.given.pop(line["id"])
            if wanted.answer.done():
                return
            if "analysis" not in line:
                wanted.answer.set_exception(ReadingFault("a fault of ours in reading it; the server's log has it"))
                return
            spent = sum(seconds for step, seconds in line["timings"].items() if step != "queue")
            self._seconds += 0.05 * (spent - self._seconds)
            timings = {**line["timings"], "queue": wanted.waited + line["timings"]["queue"]}
            wanted.answer.set_result(Answer(line["analysis"], timings))
