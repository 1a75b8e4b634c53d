"""Who reads a picture that is to be answered at once: the worker processes of this server, or whoever takes tasks."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request

from onlooker.core.errors import StorageError
from onlooker.jobs.job import Job, JobOptions, Jobs
from onlooker.jobs.pool import Answer, Busy, WorkerLost

PATIENCE = 30.0
"""Seconds that an answer through the queue is waited for."""

T = TypeVar("T")


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, for a request whose body was read. Where its client goes meanwhile the work is given up,
    and ``ClientDisconnect`` is raised: nobody would see the answer, and others wait."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        for each in (working, leaving):
            each.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Reader(Protocol):
    """Answers a picture at once."""

    @property
    def ready(self) -> int:
        """How many processes are ready; where others answer, 1."""
        ...

    @property
    def held(self) -> int:
        """How many pictures are worked on or wait."""
        ...

    async def analyze(self, data: bytes, name: str, confidence: float | None = None) -> Answer:
        """The answer, with intervals that hold that share of ages (the model's own where None).

        Raises ``Busy`` where it would take too long, ``WorkerLost`` for a picture that stops workers."""
        ...


class ThroughQueue:
    """For a server without workers of its own: the picture becomes a job, its answer is waited for, and both go."""

    def __init__(self, jobs: Jobs, *, backlog: int) -> None:
        self._jobs, self._backlog = jobs, backlog
        self.ready, self.held = 1, 0

    async def analyze(self, data: bytes, name: str, confidence: float | None = None) -> Answer:
        """See ``Reader``."""
        if self.held >= self._backlog:
            raise Busy(1)
        self.held += 1
        options = JobOptions(confidence=confidence)
        taking = asyncio.ensure_future(asyncio.to_thread(self._jobs.submit, data, name, options))
        try:
            job = await asyncio.shield(taking)  # once begun it ends, and whoever has gone meanwhile must know its id
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                await asyncio.sleep(self._jobs.store.poll)
                found = await asyncio.to_thread(self._jobs.find, job.id)
                if found is None:
                    raise StorageError("the picture was deleted before it was answered; send it again")
                if found.analysis is not None:
                    return Answer(found.analysis, found.timings)
                if found.status == "failed":
                    raise WorkerLost(found.error or "the picture was given up")
            raise Busy(30)
        finally:
            self.held -= 1
            await self._forget(taking)

    async def _forget(self, taking: "asyncio.Future[Job]") -> None:
        """Delete the job, if it was taken in."""
        await asyncio.wait({taking})
        if taking.exception() is None:
            await asyncio.to_thread(self._jobs.delete, taking.result().id)
