"""What goes on between requests: visits and lessons to the ledger, whatever becomes of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onlooker.audience.ledger import BATCH_LIFE, Ledger
from onlooker.audience.records import Learned
from onlooker.audience.visits import Visit
from onlooker.core.errors import StorageError
from onlooker.signage.learning import Learner
from tests.service.display.test_pages import make_studio

AGES = [("female", "25-34"), ("male", "25-34")]


def visit(number: int) -> Visit:
    now = datetime.now(UTC)
    return Visit(f"{number}", now, now, 5.0, 3.0, 1, shares={AGES[0]: 0.75, AGES[1]: 0.25})


def counted(ledger: Ledger) -> dict[Any, float]:
    now = datetime.now(UTC)
    return ledger.cells("screen-1", now - timedelta(days=1), now + timedelta(days=1))


def test_an_answer_of_the_ledger_that_is_lost_makes_nobody_count_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio(tmp_path)
    add = studio.ledger.add_visits

    def lost(*arguments: Any, **more: Any) -> bool:
        add(*arguments, **more)
        raise StorageError("the connection broke before the answer came")

    async def main() -> None:
        studio.screen.visits.append(visit(1))
        with monkeypatch.context() as patch:
            patch.setattr(studio.ledger, "add_visits", lost)
            await studio.count()
            studio.screen.visits.append(visit(2))
            await studio.count()
        await studio.count()
        await studio.count()

    asyncio.run(main())
    assert counted(studio.ledger) == {AGES[0]: 1.5, AGES[1]: 0.5}
    studio.ledger.close()


def test_what_was_learned_outlives_the_server_and_not_a_purge(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    lesson = Learner().observe("young", "female 18-34", attention_s=3.0, present_s=4.0)

    async def learn() -> None:
        studio.screen.lessons = lesson
        await studio.count()

    asyncio.run(learn())
    assert studio.screen.lessons == Learner()
    assert studio.ledger.learned("screen-1") == [Learned("young", "female 18-34", 0.75, 0.25)]
    after = make_studio(tmp_path)
    asyncio.run(after.begin())
    assert after.screen.learner == lesson
    studio.ledger.purge(datetime.now(UTC), everything=True)
    asyncio.run(learn())
    assert studio.screen.learner == lesson  # and not twice as much
    studio.ledger.close()
    after.ledger.close()


def test_lessons_wait_for_a_ledger_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = make_studio(tmp_path)
    lesson = Learner().observe("young", "female 18-34", attention_s=3.0, present_s=4.0)

    def broken(*_: Any) -> None:
        raise StorageError("the ledger's disk is full; make room")

    async def main() -> None:
        studio.screen.lessons = lesson
        with monkeypatch.context() as patch:
            patch.setattr(studio.ledger, "learn", broken)
            await studio.count()
        assert studio.screen.lessons == lesson
        await studio.count()

    asyncio.run(main())
    assert studio.ledger.learned("screen-1") == lesson.records()
    studio.ledger.close()


def test_what_is_old_leaves_the_ledger_as_soon_as_the_screen_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio(tmp_path)
    asked: list[datetime] = []
    expire = studio.ledger.expire

    def expired(now: datetime) -> int:
        asked.append(now)
        return expire(now + BATCH_LIFE + timedelta(seconds=1))

    monkeypatch.setattr(studio.ledger, "expire", expired)
    studio.ledger.add_visits("screen-1", [], batch="old")

    async def main() -> None:
        running = asyncio.create_task(studio.run())
        async with asyncio.timeout(20):
            while studio.today is None:
                await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(main())
    assert len(asked) == 1
    assert studio.ledger.add_visits("screen-1", [], batch="old")  # its name is forgotten
    studio.ledger.close()
