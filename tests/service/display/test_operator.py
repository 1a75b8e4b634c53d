"""What the operator is told of the page that plays."""

from pathlib import Path

import pytest

from onlooker.service.display import operator
from onlooker.service.display.operator import Operator
from onlooker.service.display.seat import Seat
from onlooker.service.display.studio import Studio
from tests.service.display.test_pages import Client, make_studio, run


def heard(studio: Studio) -> bool:
    """Whether the operator is told that the screen's page plays."""
    return bool(Operator(studio).state()["page"]["heard"])


def test_a_page_that_listens_is_there_however_long_its_slot_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "SILENT_PAGE", 0.0)  # the page has not asked for anything for long
    studio = make_studio(tmp_path)

    async def work(client: Client) -> None:
        assert not heard(studio)
        with studio.seat.listening("page-0001"):
            asked = {"page": "page-0001", "play": "play-0001"}
            assert (await client().post("/display/next", json=asked)).status_code == 200
            assert heard(studio)
        assert not heard(studio)

    run(studio, work)


def test_a_page_that_cannot_listen_is_there_for_a_while_after_it_asked(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)

    async def work(client: Client) -> None:
        assert (await client().post("/display/plays", json={"plays": []})).status_code == 200
        assert heard(studio)

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
