"""A server without workers: pictures go through the queue and leave nothing behind."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from onlooker.core.errors import StorageError
from onlooker.jobs.answering import give_up, lost_reason
from onlooker.jobs.job import Job
from onlooker.jobs.pool import Busy, WorkerLost
from onlooker.service import readers
from onlooker.service.readers import ThroughQueue
from tests.service.world import PIXEL, World, no_faces

pytestmark = pytest.mark.anyio


async def meanwhile(world: World, do: Callable[[str], object]) -> None:
    """Do something with the job of the next task that comes."""
    while not (found := await asyncio.to_thread(world.site.jobs.queue.receive)):
        await asyncio.sleep(0.005)
    job = next(path.name.rstrip(".") for path in world.files() if path.parent.name == "in_")
    await asyncio.to_thread(do, job)
    world.site.jobs.queue.acknowledge(found[0])


@pytest.mark.parametrize("data", [PIXEL, b"bad"])
async def test_a_picture_is_answered_by_whoever_takes_its_task(world: World, data: bytes) -> None:
    reader = ThroughQueue(world.site.jobs, backlog=1)
    answer, _ = await asyncio.gather(reader.analyze(data, "a.jpg"), meanwhile(world, world.work))
    assert answer.analysis == no_faces(data, "a.jpg").to_dict()
    assert "queue" in answer.timings
    assert world.files() == []
    assert reader.held == 0


async def test_a_picture_that_was_given_up_stopped_its_worker(world: World) -> None:
    reader = ThroughQueue(world.site.jobs, backlog=1)
    lost = meanwhile(world, lambda job: give_up(world.store, f"in/{job}", lost_reason(4)))
    with pytest.raises(WorkerLost, match="4 times"):
        await asyncio.gather(reader.analyze(PIXEL, "a.jpg"), lost)
    assert world.files() == []


async def test_a_picture_that_is_deleted_meanwhile(world: World) -> None:
    reader = ThroughQueue(world.site.jobs, backlog=1)
    with pytest.raises(StorageError, match="deleted"):
        await asyncio.gather(reader.analyze(PIXEL, "a.jpg"), meanwhile(world, world.site.jobs.delete))


async def test_nobody_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "PATIENCE", 0.05)
    reader = ThroughQueue(world.site.jobs, backlog=1)
    with pytest.raises(Busy):
        await reader.analyze(PIXEL, "a.jpg")
    assert world.files() == []
    assert reader.held == 0


async def test_a_client_that_goes_while_its_picture_is_taken_in_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, begun, go_on, ended = world.site.jobs.submit, threading.Event(), threading.Event(), threading.Event()

    def slowly(*arguments: Any, **more: Any) -> Job:
        begun.set()
        assert go_on.wait(60)
        try:
            return submit(*arguments, **more)
        finally:
            ended.set()

    monkeypatch.setattr(world.site.jobs, "submit", slowly)
    reader = ThroughQueue(world.site.jobs, backlog=1)
    leaving = asyncio.create_task(reader.analyze(PIXEL, "a.jpg"))
    await asyncio.to_thread(begun.wait)
    leaving.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait({leaving})
    await asyncio.to_thread(ended.wait)
    assert leaving.cancelled()
    assert world.files() == []
    assert reader.held == 0


async def test_more_than_can_wait_are_refused(world: World) -> None:
    reader = ThroughQueue(world.site.jobs, backlog=1)
    first = asyncio.create_task(reader.analyze(PIXEL, "a.jpg"))
    await asyncio.sleep(0)
    assert reader.held == 1
    with pytest.raises(Busy):
        await reader.analyze(PIXEL, "b.jpg")
    await meanwhile(world, world.work)
    assert (await first).analysis["source"] == "a.jpg"
