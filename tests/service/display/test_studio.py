"""What goes on between requests: visits and lessons to the ledger, whatever becomes of it."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onlooker.audience.forgetting import BATCH_LIFE
from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Learned
from onlooker.audience.visits import Visit
from onlooker.core.errors import StorageError
from onlooker.service.display import studio as module
from onlooker.service.display.hand import Hand
from onlooker.service.display.keeper import Camera
from onlooker.service.display.messages import Present, Task
from onlooker.service.display.screen import Clock
from onlooker.signage.learning import Learner
from tests.audience import people
from tests.service.display import scripted_camera
from tests.service.display.scripted_camera import face
from tests.service.display.stage import Camera as Script
from tests.service.display.test_pages import make_studio

AGES = [("female", "25-34"), ("male", "25-34")]


def visit(number: int) -> Visit:
    now = datetime.now(UTC)
    return Visit(f"{number}", now, now, 5.0, 3.0, 1, shares={AGES[0]: 0.75, AGES[1]: 0.25})


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def ended(running: "asyncio.Task[None]") -> None:
    """Cancel it; nothing that it began is left."""
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


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

    def expired(now: datetime, plays: timedelta | None) -> int:
        asked.append(now)
        return expire(now + BATCH_LIFE + timedelta(seconds=1), plays)

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


def test_how_people_are_treated_is_noted_at_the_start_and_when_the_campaign_changes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio(tmp_path, k=11, operator_picture=False)
    for every in ("FILES_EVERY", "COUNTED_EVERY", "TICK"):
        monkeypatch.setattr(module, every, 0.01)
    file = studio.screen.content.path
    first = file.read_text()
    note, failing = studio.ledger.note_settings, [StorageError("the ledger's disk is full; make room")]

    def noting(*arguments: Any) -> bool:
        if failing:
            raise failing.pop()
        return note(*arguments)

    monkeypatch.setattr(studio.ledger, "note_settings", noting)

    def entries() -> list[dict[str, Any]]:
        log = studio.ledger.audit()
        return [json.loads(entry.detail)["settings"] for entry in log if entry.kind == "configuration"]

    async def main() -> None:
        running = asyncio.create_task(studio.run())
        await until(lambda: len(entries()) == 1)  # in spite of the failure
        file.write_text(f"{first}\n[minors]\nthreshold = 0.2\n")
        await until(lambda: len(entries()) == 2)
        file.write_text(f"{first}\n[minors]\nthreshold = 0.2\n# nothing of it is of people\n")
        version = studio.screen.content._seen
        await until(lambda: studio.screen.content._seen != version)
        file.write_text(f'targeting = false\n{first}\n[minors]\npolicy = "allow"\nthreshold = 0.2\n')
        await until(lambda: len(entries()) == 3)
        await ended(running)

    asyncio.run(main())
    start, changed, last = entries()
    assert start == {
        "screen": "screen-1",
        "counting": True,
        "demographics": True,
        "targeting": True,
        "operator_picture": False,
        "k": 11,
        "campaign_targeting": True,
        "minors_policy": "exclude_from_targeting",
        "minors_threshold": 0.05,
        "minors_adult": 0.99,
    }
    assert changed == {**start, "minors_threshold": 0.2}
    assert last == {**changed, "campaign_targeting": False, "minors_policy": "allow"}
    studio.ledger.close()


def test_a_purge_of_a_screen_that_runs_does_not_make_its_k_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio(tmp_path, k=20)
    for every in ("COUNTED_EVERY", "TICK"):
        monkeypatch.setattr(module, every, 0.01)
    ledger, looked = studio.ledger, 0
    ledger.note_settings({"screen": "door", "k": 5})

    def purge_and_play() -> None:
        ledger.purge(datetime.now(UTC), screen="screen-1")
        ledger.add_plays([replace(people.play(1, faces=12), screen_id="screen-1")])

    async def main() -> None:
        nonlocal looked
        running = asyncio.create_task(studio.run())
        await until(lambda: "screen-1" in ledger.screens_k())
        await asyncio.to_thread(purge_and_play)
        await until(lambda: "screen-1" in ledger.screens_k())
        looked = len(ledger.audit())
        studio.screen.visits.append(visit(1))
        await until(lambda: counted(ledger))
        await ended(running)

    asyncio.run(main())
    assert ledger.screens_k() == {"door": 5, "screen-1": 20}
    assert [each.faces_present for each in ledger.plays()] == [None]  # that came between
    kinds = [entry.kind for entry in ledger.audit()]
    assert kinds == ["configuration", "configuration", "purge", "configuration"]
    assert looked == len(kinds)
    ledger.close()


def test_two_screens_of_one_name_do_not_fill_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for every in ("COUNTED_EVERY", "TICK"):
        monkeypatch.setattr(module, every, 0.01)
    one, other = make_studio(tmp_path, k=20), make_studio(tmp_path, k=10)

    async def main() -> None:
        running = [asyncio.create_task(each.run()) for each in (one, other)]
        for number in range(3):
            for each in (one, other):
                each.screen.visits.append(visit(number))
            await until(lambda: sum(counted(one.ledger).values()) > 2 * number + 1)  # noqa: B023 (called at once)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(main())
    assert [entry.kind for entry in one.ledger.audit()] == ["configuration"] * 2
    one.ledger.close()
    other.ledger.close()


# The camera, whatever becomes of the ledger ---------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["expire", "totals"])
def test_a_ledger_that_hangs_holds_up_neither_the_end_of_an_advert_for_adults_nor_the_campaigns_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    studio = make_studio(tmp_path)
    screen, asked, answers = studio.screen, threading.Event(), threading.Event()
    refreshed: list[bool] = []

    def hangs(*_: Any) -> tuple[float, float]:
        asked.set()
        answers.wait(60)
        return 0.0, 0.0

    monkeypatch.setattr(studio.ledger, call, hangs)
    monkeypatch.setattr(module, "FILES_EVERY", 0.0)
    monkeypatch.setattr(screen.content, "refresh", lambda: refreshed.append(asked.is_set()))

    async def main() -> None:
        pages: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(64)
        running = asyncio.create_task(studio.run())
        try:
            await until(lambda: asked.is_set() and studio.camera.running)
            screen.told.listeners.add(pages)
            # A word of a camera that is not there any more.
            screen.see(Present(0.0, 1280, 720, 20.0, [face("a", 82.0)]))
            assert screen.decide("play-0001", ends_in=0.0).decision.advert.id == "cider"
            kind, told = await asyncio.wait_for(pages.get(), 30)
            assert (kind, told["play"]) == ("stop", "play-0001")
            await until(lambda: True in refreshed)
            assert not answers.is_set()
            await ended(running)
        finally:
            answers.set()

    asyncio.run(main())
    studio.ledger.close()


def test_a_server_that_ends_does_not_wait_for_a_ledger_that_hangs_and_says_what_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    studio = make_studio(tmp_path)
    answers, asked = threading.Event(), threading.Event()

    def hangs(*_: Any, **__: Any) -> bool:
        asked.set()
        return answers.wait(60)

    monkeypatch.setattr(studio.ledger, "add_visits", hangs)
    monkeypatch.setattr(module, "LAST_WAIT", 0.05)

    async def main() -> None:
        async with asyncio.timeout(30):
            studio.screen.visits.append(visit(1))
            running = asyncio.create_task(studio.run())
            await until(asked.is_set)
            request = asyncio.create_task(studio.kept("ledger", list[int]))  # that of a page, in the queue behind it
            await asyncio.sleep(0)
            studio.stopping.set()
            assert await request is None
            await ended(running)
            studio.screen.visits.append(visit(2))
            await studio.end()
            assert not answers.is_set()

    asyncio.run(main())
    answers.set()
    assert "visits of the last moments may be missing" in caplog.text
    studio.ledger.close()


def test_a_process_ends_whatever_its_hand_is_at() -> None:
    code = "import time; from onlooker.service.display.hand import Hand; Hand('x').submit(time.sleep, 3600)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_hand_does_one_thing_after_another_and_gives_what_each_gave() -> None:
    hand = Hand("x")
    whole, broken, own = hand.submit(divmod, 7, 2), hand.submit(divmod, 7, 0), hand.submit(threading.current_thread)
    assert whole.result(30) == (3, 1)
    assert isinstance(broken.exception(30), ZeroDivisionError)
    thread = own.result(30)
    assert (thread.name, thread.daemon) == ("x", True)
    del hand
    thread.join(30)
    assert not thread.is_alive()


def test_what_goes_wrong_beside_the_ledger_ends_all_of_it_and_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio(tmp_path)

    def broken() -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(studio.screen.content, "refresh", broken)

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await studio.run()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    studio.ledger.close()


@pytest.mark.parametrize("how", ["crash", "freeze", "lost"])
def test_after_a_pause_in_which_the_camera_was_lost_it_looks_again_and_after_the_next_one(
    tmp_path: Path, how: str
) -> None:
    studio = make_studio(tmp_path)
    screen, time = studio.screen, 0.0
    start = datetime(2026, 3, 2, 10, tzinfo=UTC)
    screen.clock = Clock(lambda: start + timedelta(seconds=time), lambda: time)
    script = Script(tmp_path / "script.json")
    script.sees({"id": "a", "age": 30.0})
    command = (sys.executable, str(scripted_camera.__file__), str(script.script))
    studio.camera = camera = Camera(Task("0"), screen.see, silent=2.0, command=command)

    async def main() -> None:
        nonlocal time
        running = asyncio.create_task(studio.run())
        camera.start()
        try:
            await until(lambda: screen.seen)
            for befalls in (how, "nothing"):
                studio.pause()
                if befalls != "nothing":
                    script.sees(do=befalls)
                    await until(lambda: camera.restarts or "nothing came" in camera.text)
                assert (screen.seen, camera.state) == (None, "paused")
                script.sees({"id": "b", "age": 30.0})
                time += studio.settings.pause_minutes * 60
                await until(lambda: camera.sees and screen.seen and screen.seen.faces)
                assert not screen.paused
        finally:
            await camera.stop()
        await ended(running)

    asyncio.run(main())
    studio.ledger.close()


def test_the_camera_is_opened_and_closed_as_the_campaign_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio(tmp_path, counting=False)
    screen, file = studio.screen, studio.screen.content.path
    monkeypatch.setattr(module, "FILES_EVERY", 0.0)
    script = Script(tmp_path / "script.json")
    script.sees({"id": "a", "age": 82.0})
    command = (sys.executable, str(scripted_camera.__file__), str(script.script))
    studio.camera = camera = Camera(Task("0"), screen.see, command=command)
    chooses = file.read_text()

    def process() -> bool:
        return camera.pid is not None and Path(f"/proc/{camera.pid}").exists()

    async def main() -> None:
        told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(64)
        screen.told.listeners.add(told)
        running = asyncio.create_task(studio.run())
        for number in range(2):
            await until(lambda: screen.seen and screen.seen.faces)
            first = camera.pid
            assert process()
            assert screen.decide(f"play-{number:04}", ends_in=0.0).decision.advert.id == "cider"
            file.write_text(f"targeting = false\n{chooses}")
            await until(lambda: not camera.running)
            assert not Path(f"/proc/{first}").exists()
            assert (screen.people(), camera.state, screen.camera_word()["active"]) == ([], "off", False)
            file.write_text(chooses)
        await until(lambda: screen.seen and process())
        said = [told.get_nowait() for _ in range(told.qsize())]
        # An advert for adults ended with the sight of who is there.
        assert {data["play"] for kind, data in said if kind == "stop"} == {"play-0000", "play-0001"}
        assert [data["active"] for kind, data in said if kind == "camera"] == [True, False, True, False, True]
        studio.stopping.set()
        await camera.stop()
        await asyncio.sleep(2 * module.TICK)
        assert not camera.running  # the server ends: it is not opened again
        await ended(running)

    asyncio.run(main())
    studio.ledger.close()


# Today ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "zone", "midnight", "up_to"),
    [
        # Clocks go from 03:00 back to 02:00.
        (datetime(2026, 10, 25, 2, 15, tzinfo=UTC), "Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC), "03:00"),
        # From 01:00 back to 00:00: the day has two midnights.
        (datetime(2026, 11, 1, 6, 15, tzinfo=UTC), "America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC), "01:00"),
    ],
)
def test_today_is_whole_in_the_hour_that_autumn_repeats(
    tmp_path: Path, now: datetime, zone: str, midnight: datetime, up_to: str
) -> None:
    studio = make_studio(tmp_path, k=1)
    file = studio.screen.content.path
    file.write_text(f'timezone = "{zone}"\n{file.read_text()}')
    assert studio.screen.content.refresh()
    studio.screen.clock = Clock(lambda: now)
    moments = [midnight - timedelta(minutes=5), midnight, *(now - timedelta(minutes=n) for n in (80, 20, 10, 0))]
    studio.screen.visits.extend(replace(visit(n), arrived=at, departed=at) for n, at in enumerate(moments))
    asyncio.run(studio.count())
    assert studio.today is not None
    assert (studio.today.visits, studio.today.up_to) == (3, up_to)
    studio.ledger.close()
