"""Who may call, and what every answer says to browsers."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from onlooker.jobs.pool import Answer
from onlooker.service.app import create_app
from onlooker.service.security import PASS_SECONDS, KeyFile, Pass
from onlooker.settings import Serve
from tests.service.world import PIXEL, FakeClock, World, client_of, make_world, problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def locked(tmp_path: Path) -> World:
    return make_world(tmp_path, keys={"required": True})


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


# Keys at the door

CALLS = [
    ("POST", "/v1/analyze"),
    ("POST", "/v1/uploads"),
    ("POST", "/v1/jobs"),
    ("GET", "/v1/jobs/" + "0" * 32),
    ("DELETE", "/v1/jobs/" + "0" * 32),
    ("GET", f"/v1/jobs/{'0' * 32}/events"),
    ("GET", f"/v1/jobs/{'0' * 32}/picture"),
    ("POST", "/page"),
    ("DELETE", "/page"),
]


@pytest.mark.parametrize(("method", "address"), CALLS)
async def test_every_call_needs_a_key_where_keys_are_required(locked: World, method: str, address: str) -> None:
    for headers in ({}, bearer("olk_wrong"), {"x-api-key": "olk_wrong"}, bearer(""), {"authorization": "Basic eDp5"}):
        answer = await locked.client.request(method, address, content=PIXEL, headers=headers)
        assert "key" in problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert locked.reader.seen == []
    assert locked.files() == []


async def test_a_key_lets_in_by_either_header(locked: World) -> None:
    _, plain = locked.site.keys.add("shop")
    for headers in (bearer(plain), {"authorization": f"bearer  {plain} "}, {"x-api-key": plain}):
        assert (await locked.client.post("/v1/analyze", content=PIXEL, headers=headers)).status_code == 200


async def test_a_wrong_key_is_refused_even_where_none_is_needed(world: World) -> None:
    assert (await world.client.post("/v1/analyze", content=PIXEL)).status_code == 200
    problem(await world.client.post("/v1/analyze", content=PIXEL, headers=bearer("olk_x")), 401, "unauthorized")


async def test_keys_rotate_while_the_server_runs(locked: World, tmp_path: Path) -> None:
    elsewhere = KeyFile(tmp_path / "keys.json")
    old, first = elsewhere.add("shop")
    assert (await locked.client.post("/v1/analyze", content=PIXEL, headers=bearer(first))).status_code == 200
    _, second = elsewhere.add("shop")
    for plain in (first, second):
        assert (await locked.client.post("/v1/analyze", content=PIXEL, headers=bearer(plain))).status_code == 200
    elsewhere.revoke(old.id)
    problem(await locked.client.post("/v1/analyze", content=PIXEL, headers=bearer(first)), 401, "unauthorized")
    assert (await locked.client.post("/v1/analyze", content=PIXEL, headers=bearer(second))).status_code == 200


async def test_a_key_that_has_ended_is_refused(locked: World) -> None:
    _, plain = locked.site.keys.add("shop", expires=datetime.now(UTC) - timedelta(seconds=1))
    problem(await locked.client.post("/v1/analyze", content=PIXEL, headers=bearer(plain)), 401, "unauthorized")


async def test_what_watches_needs_no_key(locked: World) -> None:
    for address in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/", "/model"):
        assert (await locked.client.get(address)).status_code == 200


async def test_the_page_s_own_calls_carry_a_pass(locked: World) -> None:
    for address in ("/", "/docs"):
        client = client_of(locked.app)
        opened = await client.get(address)
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await client.post("/v1/analyze", content=PIXEL)).status_code == 200
        # The pass is the cookie, not the client.
        value = client.cookies["onlooker"]
        client.cookies.clear()
        problem(await client.post("/v1/analyze", content=PIXEL), 401, "unauthorized")
        headers = bearer(value)
        problem(await client.post("/v1/analyze", content=PIXEL, headers=headers), 401, "unauthorized")


@pytest.mark.parametrize("value", ["", ".", "1", "9999999999.", "9999999999.0" * 9, "x.y", "١٢٣.z"])
def test_a_pass_that_is_not_ours_does_not_hold(value: str) -> None:
    assert not Pass(b"secret").holds(value)


def test_a_pass_ends() -> None:
    clock = FakeClock()
    own = Pass(b"secret", clock)
    value = own.make()
    assert own.holds(value)
    assert not Pass(b"another", clock).holds(value)
    clock.now += PASS_SECONDS + 1
    assert not own.holds(value)


async def test_a_pass_is_renewed_by_calls_that_carry_it(locked: World) -> None:
    clock = FakeClock()
    client = client_of(create_app(replace(locked.site, passes=Pass(b"secret", clock))))
    await client.get("/")
    given = client.cookies["onlooker"]
    assert "set-cookie" not in (await client.post("/v1/analyze", content=PIXEL)).headers
    for _ in range(3):
        clock.now += PASS_SECONDS - 60
        answer = await client.post("/v1/analyze", content=PIXEL)
        assert answer.status_code == 200
        assert "httponly" in answer.headers["set-cookie"].lower()
    assert client.cookies["onlooker"] != given
    clock.now += PASS_SECONDS + 1
    ended = await client.post("/v1/analyze", content=PIXEL)
    problem(ended, 401, "unauthorized")
    assert "set-cookie" not in ended.headers


def test_a_pass_outlives_every_answer() -> None:
    longest = PASS_SECONDS / 3600 - 1
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"keep_hours": longest}, Serve)


async def test_without_the_website_no_pass_is_given(tmp_path: Path) -> None:
    world = make_world(tmp_path, keys={"required": True}, serve={"website": False})
    assert "set-cookie" not in (await world.client.get("/docs")).headers
    problem(await world.client.get("/"), 405 if world.site.settings.rekognition.enabled else 404, "method-not-allowed")


# What every answer carries


async def every_kind_of_answer(world: World) -> list[httpx.Response]:
    async def fault(data: bytes, name: str, *_: object) -> Answer:
        del data, name
        raise RuntimeError("a secret of ours")

    client = world.client
    answers = [
        await client.get(path)
        for path in ("/", "/docs", "/model", "/openapi.json", "/healthz", "/metrics", "/nothing", "/static/icon.svg")
    ]
    answers += [
        await client.get("/static/none"),
        await client.get("/samples/group.jpg"),
        await client.get("/favicon.ico"),
    ]
    answers += [await client.put("/v1/analyze"), await client.options("/"), await client.head("/healthz")]
    answers += [await client.post(path, content=PIXEL) for path in ("/v1/analyze", "/v1/jobs", "/page")]
    world.reader.instead = fault
    return [*answers, await client.post("/v1/analyze", content=PIXEL)]


async def test_every_answer_is_safe_in_a_browser(world: World) -> None:
    for answer in await every_kind_of_answer(world):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "cache-control" in answer.headers
        assert len(answer.headers["x-request-id"]) >= 8


async def test_a_fault_of_ours_is_one_sentence_and_in_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    answer = (await every_kind_of_answer(world))[-1]
    detail = problem(answer, 500, "internal")
    assert "secret" not in detail
    assert answer.headers["x-request-id"] in detail
    faults = [record for record in caplog.records if '"fault"' in record.message]
    assert [answer.headers["x-request-id"] in record.message for record in faults] == [True]


@pytest.mark.parametrize(
    ("given", "taken"),
    [("my-request.1", True), ("short", False), ("x" * 65, False), ("with space", False), ('"quoted"x', False)],
)
async def test_a_request_s_own_id_is_taken_up_where_it_is_one(world: World, given: str, taken: bool) -> None:
    answer = await world.client.get("/healthz", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is taken


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("GET", "/v1/analyze", "POST"),
        ("PUT", "/v1/jobs", "POST"),
        ("OPTIONS", "/v1/jobs/" + "0" * 32, "DELETE, GET, HEAD"),
        ("POST", "/v1/jobs/" + "0" * 32, "DELETE, GET, HEAD"),
        ("DELETE", "/", "GET, HEAD, POST"),
        ("PATCH", "/healthz", "GET, HEAD"),
        ("HEAD", "/v1/store", "POST"),
        ("BREW", "/docs", "GET, HEAD"),
        ("POST", "/static/icon.svg", "GET, HEAD"),
    ],
)
async def test_another_method_is_refused(world: World, method: str, address: str, allowed: str) -> None:
    answer = await world.client.request(method, address)
    assert answer.headers["allow"] == allowed
    if method == "HEAD":
        assert answer.status_code == 405
    else:
        assert allowed in problem(answer, 405, "method-not-allowed")


@pytest.mark.parametrize("address", ["/nothing", "/v1", "/v1/jobs/a/b/c", "/static/../app.py", "/static/%2e%2e/app.py"])
async def test_there_is_nothing_elsewhere(world: World, address: str) -> None:
    problem(await world.client.get(address), 404, "not-found")


# The log


async def test_the_log_tells_nothing_of_a_picture_or_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    _, plain = world.site.keys.add("shop")
    await world.client.get("/")
    cookie = world.client.cookies["onlooker"]
    headers = {**bearer(plain), "idempotency-key": "idem-secret-key"}
    sent = await world.client.post("/v1/jobs?name=anna.jpg", content=PIXEL, headers=headers)
    job = sent.json()["id"]
    await asyncio.to_thread(world.work, job)
    for address in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/events", f"/v1/jobs/{job}/picture", "/v1/jobs/" + job[::-1]):
        await world.client.get(address)
    await world.client.post("/v1/analyze?name=anna.jpg", content=PIXEL)
    await world.client.delete(f"/v1/jobs/{job}")
    # The client's own debugging log is not ours.
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("onlooker")]
    assert len(ours) >= 8
    for line in ours:
        assert json.loads(line)["event"] == "request"
        for secret in ("anna", job, job[::-1], plain, cookie, "idem-secret-key", PIXEL.decode()):
            assert secret not in line
    assert any('"client": "key shop"' in line for line in ours)
