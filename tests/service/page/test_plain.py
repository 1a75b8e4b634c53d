"""What is there for a browser without scripts: the answer as a table, refusals as pages, and the page that is left."""

import re
from pathlib import Path

import httpx
import pytest

from onlooker.jobs.pool import Answer, Busy
from onlooker.models.cards import DEFAULT_MODEL, find_card
from onlooker.service import documents
from onlooker.service.problems import TYPES, Problem
from tests.service.page.site import CANNED
from tests.service.world import NOBODY, PIXEL, World, client_of, make_world, problem, state, submitted

pytestmark = pytest.mark.anyio

PEOPLE = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}


def said(answer: httpx.Response, status: int) -> str:
    """What a page says, once it is one."""
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    return words(answer.text)


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html.partition("<h1>")[2]).split())


# The answer


async def test_the_answer_is_a_table_and_nothing_is_kept(world: World) -> None:
    async def canned(data: bytes, name: str, *_: object) -> Answer:
        del data
        return Answer({**CANNED, "source": name}, {})

    world.reader.instead = canned
    sent = {"file": ("<b>.jpg", PIXEL)}
    told = said(await world.client.post("/page", files=sent, headers=PEOPLE), 200)
    assert "1 34 21 to 45 female, 99 % 2 61 50 to 72 male, 90 % blurred, dark, turned 3 1 0 to 3 undetermined" in told
    assert "&lt;b&gt;.jpg" in told
    assert "Neither the picture nor this answer is kept" in told
    assert world.files() == []


def test_whole_years_are_those_of_the_page_and_the_command_line() -> None:
    face = {**CANNED["faces"][0], "age": 84.5, "age_low": 72.5, "age_high": 98.4, "p_female": 0.825}
    assert "<td>85<td>73 to 98<td>female, 83 %" in documents.answer({**CANNED, "faces": [face]})


def test_the_models_page_shows_code_as_code() -> None:
    page = documents.model(find_card(DEFAULT_MODEL))
    assert "<code>onlooker train</code>" in page
    assert "`" not in page


# Refusals


@pytest.mark.parametrize("kind", TYPES)
def test_every_refusal_is_one_sentence_and_leads_back(kind: str) -> None:
    page = documents.refusal(Problem(kind, "<i>no</i>, not so"))
    assert "<i>" not in page
    assert re.search(r"<h1>[^<]+</h1><p>[A-Z&][^<]+\.</p><p><a href=\"/\">", page)


async def test_what_is_refused_without_scripts_is_said_in_a_page(tmp_path: Path) -> None:
    world = make_world(tmp_path, limits={"max_bytes": 1000, "rate": 1, "burst": 2})
    send = world.client.post
    large = {"file": ("a.jpg", b"x" * 200_000)}
    assert "make the picture smaller first." in said(await send("/page", files=large, headers=PEOPLE), 413)
    small = {"file": ("a.jpg", PIXEL)}
    for _ in range(2):
        assert "No face was found" in said(await send("/page", files=small, headers=PEOPLE), 200)
    late = await send("/page", files=small, headers=PEOPLE)
    assert "try again in" in said(late, 429)
    assert late.headers["retry-after"]


async def test_a_server_that_is_busy_or_at_fault_says_so_in_a_page(world: World) -> None:
    async def busy(data: bytes, name: str, *_: object) -> Answer:
        del data
        raise Busy(3) if name == "busy" else RuntimeError("a secret of ours")

    world.reader.instead = busy
    for name, status, told in (("busy", 503, "try again in 3 s"), ("a", 500, "the server's log has it")):
        answer = await world.client.post("/page", files={"file": (name, PIXEL)}, headers=PEOPLE)
        assert told in said(answer, status).replace("&#x27;", "'")
        assert "secret" not in answer.text


async def test_addresses_that_lead_nowhere_lead_people_back(world: World) -> None:
    assert "mistyped" in said(await world.client.get("/nothing", headers=PEOPLE), 404)
    assert "mistyped" in said(await world.client.get("/samples/none.jpg", headers=PEOPLE), 404)
    bookmark = await world.client.get("/page", headers=PEOPLE)
    assert "An answer is shown once" in said(bookmark, 405)
    assert bookmark.headers["allow"] == "DELETE, POST"


async def test_whoever_may_not_is_told_how_he_may(tmp_path: Path) -> None:
    locked = make_world(tmp_path, keys={"required": True})
    sent = {"file": ("a.jpg", PIXEL)}
    assert "with cookies allowed" in said(await locked.client.post("/page", files=sent, headers=PEOPLE), 401)


async def test_programs_are_answered_as_ever(world: World, tmp_path: Path) -> None:
    both = {"accept": "application/json, text/html"}
    for headers in ({}, {"accept": "*/*"}, {"accept": "application/problem+json"}, both):
        problem(await world.client.get("/nothing", headers=headers), 404, "not-found")
    problem(await world.client.get(f"/v1/jobs/{NOBODY}", headers=PEOPLE), 404, "not-found")
    problem(await world.client.get("/v1/nothing", headers=PEOPLE), 404, "not-found")
    alone = make_world(tmp_path / "alone", serve={"website": False})
    problem(await alone.client.get("/nothing", headers=PEOPLE), 404, "not-found")


# The page is left


async def test_all_that_a_page_sent_is_deleted_at_once(world: World) -> None:
    jobs = [await submitted(world) for _ in range(3)]
    world.work(jobs[0])
    stays = await submitted(world)
    left = await world.client.request("DELETE", "/page", content="\n".join([*jobs, NOBODY, "../in/x", "\xff", ""]))
    assert (left.status_code, left.content) == (204, b"")
    assert (await state(world, stays))["status"] == "queued"
    assert len(world.files()) == len([path for path in world.files() if stays in str(path)]) > 0


async def test_an_answer_that_cannot_be_deleted_keeps_no_other(world: World) -> None:
    bad, good = [await submitted(world) for _ in range(2)]
    world.store.put(f"out/{bad}.json", b"no answer", content_type="application/json")
    problem(await world.client.request("DELETE", "/page", content=f"{bad}\n{good}"), 503, "storage")
    problem(await world.client.get(f"/v1/jobs/{good}"), 404, "not-found")


async def test_a_page_that_is_left_sends_no_more_than_a_form_may(world: World) -> None:
    problem(await world.client.request("DELETE", "/page", content=b"0" * 200_000), 413, "too-large")
    elsewhere = client_of(world.app, "10.0.0.9")
    assert (await elsewhere.request("DELETE", "/page")).status_code == 204
