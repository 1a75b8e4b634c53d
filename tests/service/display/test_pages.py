"""Who may open what, and what the routes answer, within the test."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Counted
from onlooker.core.errors import StorageError
from onlooker.service.display.content import Content
from onlooker.service.display.gate import Gate
from onlooker.service.display.keeper import Camera
from onlooker.service.display.messages import Present, Task
from onlooker.service.display.operator import Operator
from onlooker.service.display.plays import Reported, today
from onlooker.service.display.screen import Screen
from onlooker.service.display.server import create_app
from onlooker.service.display.studio import Studio
from onlooker.service.security import KeyFile
from onlooker.settings import Display
from tests.service.display.scripted_camera import face
from tests.service.display.stage import campaign
from tests.service.world import problem

Client = Callable[..., httpx.AsyncClient]


def make_studio(folder: Path, *, required: bool = False, more: str = "", **settings: Any) -> Studio:
    screen = Screen(Content(campaign(folder / "campaign", more)), Display(**settings))
    ledger = Ledger(str(folder / "ledger.sqlite"))
    gate = Gate(KeyFile(folder / "keys.json"), required=required)
    camera = Camera(Task("0"), screen.see, command=(sys.executable, "-c", "import sys; sys.stdin.read()"))
    return Studio(screen.settings, screen, camera, ledger, gate, "http://localhost:8000", folder / "paused")


def run(studio: Studio, work: Callable[[Client], Awaitable[None]]) -> None:
    app = create_app(studio)

    def client(host: str = "127.0.0.1", name: str = "localhost:8000", **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=(host, 1))
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return httpx.AsyncClient(transport=transport, base_url=f"http://{name}", headers=named)

    async def main() -> None:
        await work(client)

    asyncio.run(main())
    studio.ledger.close()


def play(id: str, advert: str = "red", **more: Any) -> dict[str, Any]:  # noqa: A002
    at = datetime.now(UTC)
    ended = (at + timedelta(seconds=2)).isoformat()
    whole = {"id": id, "advert": advert, "campaign": "colours", "started_at": at.isoformat(), "ended_at": ended}
    return {**whole, "planned_ms": 2000, "shown_ms": 2000, **more}


OWN = ["/display", "/display/campaign", "/operator", "/operator/events", "/operator/picture"]


def test_the_screens_own_pages_are_for_its_own_machine(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        for path in OWN:
            answer = await client("192.168.0.7").get(path)
            assert "onlooker keys add" in problem(answer, 403, "forbidden")
            # A foreign name that leads to this machine is refused as well.
            problem(await client(name="evil.example").get(path), 403, "forbidden")
            problem(await client(sec_fetch_site="cross-site").get(path), 403, "forbidden")
        for path in ("/display", "/display/campaign", "/operator"):
            assert (await client().get(path)).status_code == 200
        for path in ("/notice", "/notice/qr.svg", "/display/media/0/x/default.svg"):
            assert (await client("192.168.0.7", "10.0.0.1:8000").get(path)).status_code == 200

    run(make_studio(tmp_path), work)


def test_a_key_lets_in_from_elsewhere_and_where_keys_are_required_here_too(tmp_path: Path) -> None:
    _, key = KeyFile(tmp_path / "keys.json").add("shop")

    async def work(client: Client) -> None:
        answer = await client("192.168.0.7").get("/operator")
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert (await client("192.168.0.7").get("/operator", auth=("any", key))).status_code == 200
        for way in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
            assert (await client("192.168.0.7").get("/operator", headers=way)).status_code == 200
        for bad in (("any", "wrong"), ("any", "")):
            problem(await client("192.168.0.7").get("/operator", auth=bad), 401, "unauthorized")
        headers = {"Authorization": "Basic %%%"}
        problem(await client("192.168.0.7").get("/operator", headers=headers), 401, "unauthorized")

    run(make_studio(tmp_path), work)

    async def required(client: Client) -> None:
        problem(await client().get("/operator"), 401, "unauthorized")
        assert (await client().get("/operator", auth=("any", key))).status_code == 200

    run(make_studio(tmp_path, required=True), required)


def test_nothing_comes_from_elsewhere_and_a_page_among_the_adverts_is_in_a_sandbox(tmp_path: Path) -> None:
    foreign = '[[advert]]\nid = "far"\nurl = "https://shop.example/advert?x=1"\n'
    studio = make_studio(tmp_path, more=foreign)
    manifest = studio.screen.content.manifest()
    page = next(advert for advert in manifest["adverts"] if advert["id"] == "page")

    async def work(client: Client) -> None:
        policy = (await client().get("/display")).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-src 'self' https://shop.example;" in policy
        assert "unsafe" not in policy
        assert "shop.example" not in (await client().get("/operator")).headers["content-security-policy"]
        policy = (await client().get(page["url"])).headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts; default-src 'none'")
        assert "allow-same-origin" not in policy
        problem(await client().get("/display/media/0/x/colours.toml"), 404, "not-found")

    run(studio, work)


def test_plays_are_kept_once_however_often_they_come(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)

    async def work(client: Client) -> None:
        for _ in range(3):
            answer = await client().post("/display/plays", json={"plays": [play("one-00001"), play("two-00002")]})
            assert answer.json() == {"acknowledged": ["one-00001", "two-00002"]}
        assert [each.play_id for each in studio.ledger.plays()] == ["one-00001", "two-00002"]
        wrong: list[Any] = [{"plays": [{**play("one-00001"), "face": 1}]}, {"plays": [play("../x")]}, []]
        for bad in wrong:
            problem(await client().post("/display/plays", json=bad), 400, "bad-request")
        answer = await client().post("/display/plays", content=b" " * 1_000_001)
        problem(answer, 413, "too-large")

    run(studio, work)


def test_of_a_play_before_one_person_the_ledger_keeps_that_it_played_and_no_more(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    why = "is for adults only, and somebody in front is not surely one (more than 99.0% asked)"

    async def work(client: Client) -> None:
        studio.screen.decide("one-00001", ends_in=0.0)
        for at in (0.0, 0.2):
            studio.screen.see(Present(at, 1280, 720, 30.0, [face("a", 30)]))
        [seen] = studio.screen.reported([msgspec.convert(play("one-00001"), Reported)])
        assert seen.faces_present == 1  # it was there to be written
        told = {"plays": [play("one-00001", shown_ms=700, reason=why)]}
        assert (await client().post("/display/plays", json=told)).status_code == 200
        [kept] = studio.ledger.plays()
        assert (kept.creative_id, kept.actual_ms, kept.complete, kept.reason) == ("red", 700, False, "stopped")
        assert (kept.faces_present, kept.watchers, kept.dwell_s, kept.attention_s) == (None, None, None, None)

    run(studio, work)


def test_one_page_plays_and_another_is_refused_until_somebody_has_it_take_over(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    studio.screen.told.listeners.add(told)

    async def claim(client: Client, page: str, **how: bool) -> bool:
        answer = await client().post("/display/seat", json={"page": page, **how})
        return bool(answer.json()["yours"])

    async def work(client: Client) -> None:
        with studio.seat.listening("page-0001"), studio.seat.listening("page-0002"):
            assert await claim(client, "page-0001")
            assert not await claim(client, "page-0002")
            asked = {"page": "page-0002", "play": "play-0001"}
            assert "another page plays" in problem(await client().post("/display/next", json=asked), 403, "forbidden")
            assert Operator(studio).state()["errors"][0]["name"] == "screen's page"
            assert await claim(client, "page-0002", take=True)
            assert (await client().post("/display/next", json=asked)).status_code == 200
            assert not await claim(client, "page-0001", waits=True)
            # Plays of the page that had to stop are kept all the same.
            answer = await client().post("/display/plays", json={"plays": [play("one-00001")]})
            assert answer.json() == {"acknowledged": ["one-00001"]}
        assert [told.get_nowait() for _ in range(2)] == [("seat", "page-0001"), ("seat", "page-0002")]

    run(studio, work)


def test_a_ledger_that_fails_acknowledges_nothing_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = make_studio(tmp_path)

    def broken(*_: Any) -> None:
        raise StorageError("the ledger's disk is full; make room")

    async def work(client: Client) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(studio.ledger, "add_plays", broken)
            answer = await client().post("/display/plays", json={"plays": [play("one-00001")]})
            problem(answer, 503, "storage")
            errors = Operator(studio).state()["errors"]
            assert {"name": "ledger", "text": "the ledger's disk is full; make room"} in errors
        assert (await client().post("/display/plays", json={"plays": [play("one-00001")]})).status_code == 200
        assert Operator(studio).state()["errors"] == []

    run(studio, work)


def test_anybody_may_object_and_a_pause_outlives_the_server(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pause_minutes=5)

    async def work(client: Client) -> None:
        answer = await client("192.168.0.7", "10.0.0.1:8000").post("/notice/pause")
        assert (answer.status_code, answer.headers["location"]) == (303, "/notice")
        assert studio.screen.paused
        text = (await client("192.168.0.7").get("/notice")).text
        assert f"Nobody is looked at until {studio.paused_until}." in text
        problem(await client(sec_fetch_site="cross-site").post("/notice/pause"), 403, "forbidden")

    run(studio, work)
    # The file holds a time and nothing else.
    datetime.fromisoformat((tmp_path / "paused").read_text())

    async def again(_: Client) -> None:
        await after.begin()
        assert after.screen.paused
        assert after.camera.state == "paused"

    after = make_studio(tmp_path, pause_minutes=5)
    run(after, again)


def test_the_picture_can_be_switched_off(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        answer = await client().get("/operator/picture")
        assert "operator_picture" in problem(answer, 403, "forbidden")
        assert 'data-picture="off"' in (await client().get("/operator")).text

    run(make_studio(tmp_path, operator_picture=False), work)


def test_the_operator_is_told_why_and_who_was_left_out(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)

    async def work(_: Client) -> None:
        studio.screen.see(Present(0.0, 1280, 720, 30.0, [face("abcdefgh", 30, 0.9)]))
        studio.screen.decide("play-0001", ends_in=0.0)
        with studio.seat.listening("page-0001"):
            state = Operator(studio).state()
        assert state["playing"]["advert"] == "young"
        assert "suits whoever is in front" in state["playing"]["why"]
        assert set(state["playing"]["scores"]) == {"red", "green", "young"}
        assert "is for people aged 60" in state["playing"]["left_out"]["old"]
        [person] = studio.screen.people()
        assert (person["age"], person["low"], person["high"], person["gender"]) == (30, 25, 35, "female")
        assert person["id"] == "abcd"
        assert all(0 <= edge <= 1 for edge in person["box"])

    run(studio, work)


def test_counts_of_today_are_rounded_down_to_whole_groups(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path / "ledger.sqlite"))
    now = datetime(2026, 11, 2, 12, 30, tzinfo=UTC)
    since, later = now.replace(hour=0, minute=0), now + timedelta(hours=1)
    seen = []
    for number in range(1, 26):
        cell = ("female", "25-34") if number <= 12 else ("male", "65+")
        ledger.add_visits("s", [Counted(now, {cell: 1.0}, 5.0, 2.0, watched=number <= 9)])
        shown = today(ledger, "s", since, later, 10)
        seen.append((shown.visits, shown.watchers, shown.cells))
    assert {visits for visits, _, _ in seen} == {0, 10, 20}
    assert {watchers for _, watchers, _ in seen} == {0}
    assert seen[8] == (0, 0, [])
    assert seen[-1] == (20, 0, [("female", "25-34", 10), ("male", "65+", 10)])
    ledger.close()


def test_counts_of_today_move_with_whole_hours_and_not_when_the_tenth_comes(tmp_path: Path) -> None:
    """Beside an export of five minutes the moment would tell a number that is hidden there."""
    ledger = Ledger(str(tmp_path / "ledger.sqlite"))
    midnight = datetime(2026, 11, 2, tzinfo=ZoneInfo("Asia/Kolkata"))  # hours begin at half past, by UTC
    seen = []
    for minute in range(0, 200, 5):
        now = midnight + timedelta(minutes=minute)
        seen.append(today(ledger, "s", midnight, now, 10))
        ledger.add_visits("s", [Counted(now, {("female", "25-34"): 1.0}, 5.0, 2.0, watched=True)] * 3)
    assert [(shown.up_to, shown.visits) for shown in seen] == [
        *[("00:00", 0)] * 15,
        *[("01:00", 30)] * 12,
        *[("02:00", 70)] * 12,
        ("03:00", 100),
    ]
    ledger.close()


def test_with_everything_off_no_camera_is_wanted(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, counting=False, targeting=False)
    assert not studio.screen.active
    assert studio.screen.camera_word() == {"active": False, "paused_until": None}
    studio.screen.see(Present(0.0, 1280, 720, 20.0, [face("a", 30)]))  # what was on its way
    assert studio.screen.people() == []
    studio.ledger.close()
