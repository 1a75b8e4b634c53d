"""What the operator is told of the page that plays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onlooker.service.display import operator
from onlooker.service.display.operator import Operator
from onlooker.service.display.screen import Clock
from onlooker.service.display.seat import Seat
from onlooker.service.display.studio import Studio
from tests.service.display.test_pages import Client, make_studio, run

ASKED = {"page": "page-0001", "play": "play-0001"}


def heard(studio: Studio) -> bool:
    """Whether the operator is told that the screen's page plays."""
    state = Operator(studio).state()
    assert state["page"]["heard"] or state["playing"] is state["ahead"] is None
    return bool(state["page"]["heard"])


def test_a_page_that_listens_is_there_however_long_its_slot_is_and_gone_soon_after_it_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator, "SILENT_PAGE", 0.0)  # the page has not asked for anything for long
    studio = make_studio(tmp_path)
    time, now = 0.0, datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    studio.seat = Seat(lambda: time)
    studio.screen.clock = Clock(lambda: now)

    async def work(client: Client) -> None:
        nonlocal time, now
        assert not heard(studio)
        assert Operator(studio).state()["page"]["since"] is None
        with studio.seat.listening("page-0001"):
            assert (await client().post("/display/next", json=ASKED)).status_code == 200
            assert heard(studio)
            assert Operator(studio).state()["playing"]["advert"] in ("red", "green")
        studio.page.heard = None
        assert heard(studio)  # it may only be loading anew
        time, now = 720.0, now + timedelta(minutes=12)
        assert not heard(studio)
        assert Operator(studio).state()["page"]["since"] == "09:00"
        time, now = 86_400.0, datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
        assert Operator(studio).state()["page"]["since"] == "2026-03-02 09:00"
        with studio.seat.listening("page-0001"):
            assert heard(studio)

    run(studio, work)


def test_a_page_that_cannot_listen_is_there_for_a_while_after_it_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio(tmp_path)

    async def work(client: Client) -> None:
        assert (await client().post("/display/next", json=ASKED)).status_code == 200
        assert heard(studio)
        with studio.seat.listening("page-0001"):
            pass
        assert (await client().post("/display/next", json={**ASKED, "play": "play-0002"})).status_code == 200
        assert heard(studio)
        monkeypatch.setattr(operator, "SILENT_PAGE", 0.0)
        assert not heard(studio)

    run(studio, work)


def test_the_seat_tells_whether_its_holder_is_there() -> None:
    seat = Seat()
    told = [seat.present]
    with seat.listening("first"):
        told.append(seat.present)  # as after a restart of the server: it plays, and need not ask for an hour
        assert seat.claim("first")
        told.append(seat.present)
        with seat.listening("second"):
            assert seat.claim("second", take=True)
            told.append(seat.present)
        told.append(seat.present)  # the one that listens only waits
    assert told == [False, True, True, True, False]
