"""Who may open what, and what the routes answer, within the test."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Counted
from onlooker.core.errors import StorageError
from onlooker.service.display.content import Content
from onlooker.service.display.gate import Gate
from onlooker.service.display.keeper import Camera
from onlooker.service.display.messages import Present, Task
from onlooker.service.display.operator import Operator
from onlooker.service.display.plays import today
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
    camera = Camera(Task("0"), screen.see)
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
    now = datetime.now(UTC)
    since, until = now - timedelta(hours=1), now + timedelta(hours=1)
    seen = []
    for number in range(1, 26):
        cell = ("female", "25-34") if number <= 12 else ("male", "65+")
        ledger.add_visits("s", [Counted(now, {cell: 1.0}, 5.0, 2.0, watched=number <= 9)])
        shown = today(ledger, "s", since, until, 10)
        seen.append((shown.visits, shown.watchers, shown.cells))
    assert {visits for visits, _, _ in seen} == {0, 10, 20}
    assert {watchers for _, watchers, _ in seen} == {0}
    assert seen[8] == (0, 0, [])
    assert seen[-1] == (20, 0, [("female", "25-34", 10), ("male", "65+", 10)])
    ledger.close()


def test_with_everything_off_no_camera_is_wanted(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, counting=False, targeting=False)
    assert not studio.screen.active
    assert studio.screen.camera_word() == {"active": False, "paused_until": None}
    studio.ledger.close()
