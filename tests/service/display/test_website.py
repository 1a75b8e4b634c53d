"""The website beside a screen: what people and programs are told where something is refused."""

from pathlib import Path

import httpx
import pytest

from onlooker.service.display.server import create_app
from tests.service.display.test_pages import make_studio
from tests.service.page.test_plain import PEOPLE, said
from tests.service.world import NOBODY, make_world, problem

pytestmark = pytest.mark.anyio


def client_of(
    folder: Path, host: str = "127.0.0.1", *, required: bool = False, website: bool = True
) -> httpx.AsyncClient:
    """A client of a screen's server with uploads on."""
    site = make_world(folder / "site", serve={"website": website}).site
    transport = httpx.ASGITransport(create_app(make_studio(folder, required=required), site), client=(host, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000")


async def test_refusals_are_pages_for_people(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    assert "mistyped" in said(await client.get("/nothing", headers=PEOPLE), 404)
    bookmark = await client.get("/page", headers=PEOPLE)
    assert "An answer is shown once" in said(bookmark, 405)
    assert bookmark.headers["allow"] == "DELETE, POST"
    sent = {"file": ("a.jpg", b"x")}
    large = await client.post("/page", files=sent, headers={**PEOPLE, "content-length": "100000000"})
    assert "make the picture smaller first" in said(large, 413)


async def test_who_may_not_see_the_screens_pages_is_told_by_what_he_may(tmp_path: Path) -> None:
    told = said(await client_of(tmp_path, "10.0.0.9").get("/operator", headers=PEOPLE), 403)
    assert "This page is for http://localhost on the screen's own machine" in told.replace("&#x27;", "'")
    locked = await client_of(tmp_path / "locked", required=True).get("/display", headers=PEOPLE)
    assert said(locked, 401) == "A key is needed Give a key as the password, with any name. To the start"
    assert locked.headers["www-authenticate"].startswith("Basic ")


async def test_programs_and_the_screens_own_page_are_answered_as_ever(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    for headers in ({}, {"accept": "*/*"}, {"accept": "application/json, text/html"}):
        problem(await client.get("/nothing", headers=headers), 404, "not-found")
        problem(await client.post("/display/next", content=b"{", headers=headers), 400, "bad-request")
    problem(await client.get(f"/v1/jobs/{NOBODY}", headers=PEOPLE), 404, "not-found")
    without = client_of(tmp_path / "without", website=False)
    problem(await without.get("/nothing", headers=PEOPLE), 404, "not-found")
