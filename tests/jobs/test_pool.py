"""The pool of worker processes: fed, bounded, replaced."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from onlooker.core.errors import ModelError
from onlooker.jobs.pool import Busy, Pool, ReadingFault, WorkerLost
from onlooker.jobs.process import Task

SCRIPT = Path(__file__).with_name("scripted_process.py")


@asynccontextmanager
async def pool(processes: int = 1, threads: int = 2, *, how: str = "well", **limits: float) -> AsyncIterator[Pool]:
    task = Task(threads=threads, patience=20)
    made = Pool(
        task,
        processes,
        command=(sys.executable, str(SCRIPT), how),
        backlog=int(limits.get("backlog", 64)),
        wait=limits.get("wait", 60.0),
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def test_each_picture_has_its_own_answer() -> None:
    async def run() -> None:
        async with pool(2, 2) as made:
            answers = await asyncio.gather(*(made.analyze(b"x", f"{n}.jpg") for n in range(20)))
            assert [answer.analysis["source"] for answer in answers] == [f"{n}.jpg" for n in range(20)]
            assert made.held == 0
            assert made.model == "scripted"

    asyncio.run(run())


def test_one_more_than_may_wait_is_refused_at_once() -> None:
    async def run() -> None:
        async with pool(1, 1, backlog=2) as made:
            first = [asyncio.create_task(made.analyze(b"sleep 0.3", "a")) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(Busy) as refused:
                await made.analyze(b"x", "b")
            assert refused.value.after >= 1
            assert [(await answer).analysis["source"] for answer in first] == ["a"] * 3
            assert (await made.analyze(b"x", "c")).analysis["source"] == "c"

    asyncio.run(run())


def test_who_would_wait_too_long_is_refused() -> None:
    async def run() -> None:
        async with pool(1, 1, wait=0.15) as made:  # pictures are taken to need 0.1 s until some were seen
            first, second = (asyncio.create_task(made.analyze(b"sleep 0.1", "a")) for _ in range(2))
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await made.analyze(b"x", "b")
            second.cancel()
            await first

    asyncio.run(run())


def test_who_has_waited_too_long_is_refused_though_less_was_expected() -> None:
    async def run() -> None:
        async with pool(1, 1, wait=0.15) as made:
            first = asyncio.create_task(made.analyze(b"sleep 0.6", "slower than any before"))
            await asyncio.sleep(0)
            with pytest.raises(Busy) as refused:
                await made.analyze(b"x", "b")
            assert refused.value.after == 1
            assert (await first).analysis["source"] == "slower than any before"
            assert (await made.analyze(b"x", "c")).analysis["source"] == "c"

    asyncio.run(run())


def test_who_has_begun_is_not_refused_for_waiting_to_be_tried_again() -> None:
    """Else a picture that stops its worker would be sent again, and stop the next."""

    async def run() -> None:
        async with pool(1, 1, wait=0.01) as made:
            with pytest.raises(WorkerLost):
                await made.analyze(b"die", "guilty")

    asyncio.run(run())


def test_the_wait_for_a_thread_is_among_a_picture_s_timings() -> None:
    async def run() -> None:
        async with pool(1, 1) as made:
            first, second = await asyncio.gather(made.analyze(b"sleep 0.1", "a"), made.analyze(b"x", "b"))
            assert 0 <= first.timings["queue"] < second.timings["queue"]

    asyncio.run(run())


def test_pictures_that_came_as_tasks_are_counted() -> None:
    counted = []

    def tally(faces: int, timings: Mapping[str, float], *, error: bool) -> None:
        counted.append((faces, timings, error))

    async def run() -> None:
        async with pool() as made:
            made.tally = tally
            await made.analyze(b"task", "what came over the pipe is counted by whoever sent it")

    asyncio.run(run())
    assert counted == [(2, {"detect": 0.5}, False)]


def test_a_picture_that_stops_its_worker_is_named_and_its_neighbour_answered() -> None:
    async def run() -> None:
        async with pool(1, 2) as made:
            beside = asyncio.create_task(made.analyze(b"sleep 0.3", "innocent"))
            await asyncio.sleep(0.05)
            with pytest.raises(WorkerLost, match="stopped the worker"):
                await made.analyze(b"die", "guilty")
            assert (await beside).analysis["source"] == "innocent"
            assert made.restarts == 2
            assert (await made.analyze(b"x", "after")).analysis["source"] == "after"

    asyncio.run(run())


def test_a_fault_in_a_worker_is_not_the_end_of_it() -> None:
    async def run() -> None:
        async with pool() as made:
            with pytest.raises(ReadingFault, match="fault of ours"):
                await made.analyze(b"fault", "a")
            assert made.restarts == 0
            assert (await made.analyze(b"x", "b")).analysis["source"] == "b"

    asyncio.run(run())


def test_a_client_that_went_away_is_not_waited_for() -> None:
    async def run() -> None:
        async with pool(1, 1) as made:
            busy = asyncio.create_task(made.analyze(b"sleep 0.2", "busy"))
            gone = asyncio.create_task(made.analyze(b"sleep 30", "gone"))
            await asyncio.sleep(0.05)
            gone.cancel()
            assert (await made.analyze(b"x", "next")).analysis["source"] == "next"
            await busy

    asyncio.run(run())


def test_a_client_that_went_away_gives_up_its_place_at_once() -> None:
    async def run() -> None:
        async with pool(1, 1, backlog=1) as made:
            busy = asyncio.create_task(made.analyze(b"sleep 0.3", "busy"))
            gone = asyncio.create_task(made.analyze(b"x", "gone"))
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await made.analyze(b"x", "no place")
            gone.cancel()
            await asyncio.wait({gone})
            assert made.held == 1
            assert (await made.analyze(b"x", "next")).analysis["source"] == "next"
            await busy

    asyncio.run(run())


def test_a_worker_that_cannot_start_says_why() -> None:
    async def run() -> None:
        with pytest.raises(ModelError, match="the model is missing"):
            async with pool(how="broken"):
                pass

    asyncio.run(run())


def test_the_end_lets_pictures_finish_and_takes_no_more() -> None:
    async def run() -> None:
        async with pool(1, 1) as made:
            last = asyncio.create_task(made.analyze(b"sleep 0.2", "last"))
            await asyncio.sleep(0.05)
            await made.stop()
            assert last.done()
            with pytest.raises(Busy):
                await made.analyze(b"x", "late")

    asyncio.run(run())
