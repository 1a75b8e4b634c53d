"""What clients send: every form of a picture, and everything that is none."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onlooker.service import bodies
from onlooker.service.bodies import clean_name
from tests.service.world import PIXEL, World, client_of, make_world, problem

pytestmark = pytest.mark.anyio


async def test_bytes_are_a_picture_whatever_curl_calls_them(world: World) -> None:
    for kind in (
        "image/jpeg",
        "IMAGE/PNG; q=1",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        None,
        "",
        " ;",
    ):
        headers = {} if kind is None else {"content-type": kind}
        answer = await world.client.post("/v1/analyze?name=a.jpg", content=PIXEL, headers=headers)
        assert answer.status_code == 200, answer.text
    assert world.reader.seen == [(PIXEL, "a.jpg")] * 7


async def test_a_form_s_files_are_pictures_in_order(world: World) -> None:
    files = [("file", ("a.jpg", b"1", "image/jpeg")), ("more", ("sub/b.jpg", b"22", "text/plain"))]
    answer = await world.client.post("/v1/analyze", files=files, data={"other": "x"})
    assert [one["source"] for one in answer.json()] == ["a.jpg", "b.jpg"]
    assert world.reader.seen == [(b"1", "a.jpg"), (b"22", "b.jpg")]


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,"])
async def test_json_holds_a_picture_in_base64_or_as_a_data_url(world: World, prefix: str) -> None:
    body = {"image": prefix + base64.b64encode(PIXEL).decode(), "name": "a.jpg"}
    assert (await world.client.post("/v1/analyze", json=body)).status_code == 200
    assert world.reader.seen == [(PIXEL, "a.jpg")]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"image": 1}', b'{"image": "aGk=", "extra": 1}', b'{"image": ""}',
     b'{"image": "no base64!"}', b'{"image": "data:image/png;base64"}', b'{"image": "aGk"}', b'"\xff"',
     b'{"image": "\\ud800"}', b'{"name": "a.jpg"}', b"[" * 100_000],
)  # fmt: skip
@pytest.mark.parametrize("address", ["/v1/analyze", "/v1/jobs"])
async def test_json_that_holds_no_picture_is_refused(world: World, address: str, body: bytes) -> None:
    answer = await world.client.post(address, content=body, headers={"content-type": "application/json"})
    assert len(problem(answer, 400, "bad-request")) < 400
    assert world.reader.seen == []
    assert world.files() == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"whatever"),
        ("multipart/form-data; boundary=", b"whatever"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no boundary at all"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n\r\ndata\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data\r\n\r\ndata\r\n--x--\r\n'),
        ("multipart/form-data; boundary=x",
         b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext\r\n--x--\r\n'),
        ("multipart/form-data; boundary=x; charset=nonsense", b"--x\r\n\x00\r\n"),
        ("multipart/form-data; boundary=x",
         b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"t" * 200_000 + b"\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x",
         b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 1001 + b"--x--\r\n"),
    ],
)  # fmt: skip
async def test_a_form_that_is_none_is_refused(world: World, kind: str, body: bytes) -> None:
    answer = await world.client.post("/v1/analyze", content=body, headers={"content-type": kind})
    problem(answer, 400, "bad-request")
    assert world.reader.seen == []


@given(
    body=st.binary(max_size=300), head=st.sampled_from([b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data; "])
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_form_is_a_fault(tmp_path: Path, head: bytes, body: bytes) -> None:
    world = make_world(tmp_path)
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = asyncio.run(world.client.post("/v1/analyze", content=head + body, headers=headers))
    assert answer.status_code in (200, 400, 422)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/pdf", "video/mp4", "application/xml", "nonsense", "a/b; \xff"]
)
@pytest.mark.parametrize("address", ["/v1/analyze", "/v1/jobs"])
async def test_another_content_type_is_refused(world: World, address: str, kind: str) -> None:
    headers = {b"content-type": kind.encode("latin-1")}
    answer = await world.client.post(address, content=PIXEL, headers=headers)
    assert "send a picture's bytes" in problem(answer, 415, "unsupported-media-type")
    assert world.files() == []


@pytest.mark.parametrize("address", ["/v1/analyze", "/v1/jobs"])
async def test_nothing_is_no_picture(world: World, address: str) -> None:
    problem(await world.client.post(address, content=b""), 400, "bad-request")
    assert world.files() == []


async def test_more_bytes_than_announced_or_allowed_are_too_many(tmp_path: Path) -> None:
    world = make_world(tmp_path, limits={"max_bytes": 1000})
    for address in ("/v1/analyze", "/v1/jobs"):
        over = b"x" * (1000 + bodies.OVERHEAD + 1)
        assert "0 MB" in problem(await world.client.post(address, content=over), 413, "too-large")
        problem(await world.client.post(address, content=_chunks(over)), 413, "too-large")
        # Within the room that a form may add, but not as a picture.
        problem(await world.client.post(address, content=b"x" * 1001), 413, "too-large")
        assert (await world.client.post(address, content=b"x" * 1000)).status_code in (200, 202)


async def test_too_many_pictures_in_one_request(tmp_path: Path) -> None:
    world = make_world(tmp_path, limits={"max_pictures": 2})
    three = [("file", (f"{n}.jpg", b"1")) for n in range(3)]
    assert "at most 2" in problem(await world.client.post("/v1/analyze", files=three), 413, "too-large")
    assert (await world.client.post("/v1/analyze", files=three[:2])).status_code == 200
    assert "at most 1" in problem(await world.client.post("/v1/jobs", files=three[:2]), 413, "too-large")


async def test_a_client_that_stops_sending_is_told_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.05)

    async def one_byte_and_no_more() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    for address in ("/v1/analyze", "/v1/jobs", "/v1/uploads", "/v1/store"):
        answer = await world.client.post(address, content=one_byte_and_no_more())
        assert "send the request again" in problem(answer, 408, "timeout")
        assert answer.headers["connection"] == "close"
    assert world.files() == []
    assert (await world.client.post("/v1/analyze", content=PIXEL)).status_code == 200


async def test_a_body_that_trickles_for_ever_ends_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.005)

    problem(await world.client.post("/v1/analyze", content=trickle()), 408, "timeout")


class Slow:
    """A body whose first bytes have come, and whose last come when they are let."""

    def __init__(self, size: int) -> None:
        self.size, self.last = size, asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x" * self.size
        await self.last.wait()
        yield b"x"


ROOM = 150_000


async def begun(world: World, body: Slow, headers: dict[str, str] | None = None) -> "asyncio.Task[httpx.Response]":
    """A request that is on its way, once the first bytes of its body are taken in."""
    before = world.site.bodies._room
    call = asyncio.create_task(client_of(world.app).post("/v1/analyze", content=body, headers=headers))
    while world.site.bodies._room == before and not call.done():
        await asyncio.sleep(0.001)
    return call


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_waits_for_no_room_it_is_refused(tmp_path: Path, announced: bool) -> None:
    world = make_world(tmp_path, limits={"max_bytes": ROOM, "in_flight": ROOM})
    slow = Slow(ROOM - 10)
    first = await begun(world, slow)
    refused = await client_of(world.app).post("/v1/analyze", content=PIXEL if announced else _chunks(PIXEL))
    problem(refused, 503, "busy")
    assert refused.headers["retry-after"] == "1"
    slow.last.set()
    assert (await first).status_code == 200
    assert (await world.client.post("/v1/analyze", content=_chunks(PIXEL))).status_code == 200
    assert world.site.bodies._room == ROOM


@pytest.mark.parametrize("announced", [{}, {"content-length": "140000"}])
async def test_a_body_takes_room_for_what_has_come_of_it_alone(tmp_path: Path, announced: dict[str, str]) -> None:
    world = make_world(tmp_path, limits={"max_bytes": ROOM, "in_flight": ROOM})
    bodies = [Slow(1) for _ in range(10)]
    calls = [await begun(world, body, announced) for body in bodies]
    assert (await world.client.post("/v1/analyze", content=b"x" * (ROOM - 10))).status_code == 200
    for body in bodies:
        body.last.set()
    assert [(await call).status_code for call in calls] == [200] * 10
    assert world.site.bodies._room == ROOM


async def test_of_bodies_that_need_more_room_than_there_is_some_pass(tmp_path: Path) -> None:
    world = make_world(tmp_path, limits={"max_bytes": ROOM, "in_flight": ROOM})
    both = await asyncio.gather(
        *(client_of(world.app).post("/v1/analyze", content=_chunks(b"x" * (ROOM - 1))) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in both) == [200, 503]
    assert world.site.bodies._room == ROOM


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1.5", "²", "abc"])
async def test_a_length_that_is_none_does_no_harm(world: World, length: str) -> None:
    request = world.client.build_request("POST", "/v1/analyze", content=PIXEL)
    request.headers["content-length"] = length
    assert (await world.client.send(request)).status_code in (200, 413)


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        (None, "picture"),
        ("", "picture"),
        ("  ", "picture"),
        ("a.jpg", "a.jpg"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.jpg", "a.jpg"),
        ("../..", ".."),
        ("a\r\nSet-Cookie: b\x00.jpg", "aSet-Cookie: b.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("Jürgen 李.jpg", "Jürgen 李.jpg"),
        ("x" * 1000, "x" * 200),
    ],
)
def test_names_are_cleaned(given_name: str | None, shown: str) -> None:
    assert clean_name(given_name) == shown


@given(st.text(max_size=400))
def test_a_cleaned_name_can_be_carried_and_shown(name: str) -> None:
    cleaned = clean_name(name)
    assert 1 <= len(cleaned) <= 200
    assert len(cleaned.encode()) <= 500
    assert cleaned.isprintable()
    assert "/" not in cleaned


async def test_names_come_back_as_they_were_sent(world: World) -> None:
    for name in ("Jürgen 李.jpg", "a b.jpg", '<img src="x">.jpg', "😀" * 200):
        sent = await world.client.post("/v1/jobs", params={"name": name}, content=PIXEL)
        job = sent.json()["id"]
        assert world.work(job) == "answered"
        told = (await world.client.get(f"/v1/jobs/{job}")).json()["analysis"]["source"]
        assert told == clean_name(name)


async def test_a_picture_called_upload_is_a_picture(world: World) -> None:
    body = json.dumps({"name": "upload", "image": base64.b64encode(PIXEL).decode()})
    answer = await world.client.post("/v1/jobs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 202, answer.text


async def _chunks(data: bytes, size: int = 4000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def test_httpx_sends_no_length_with_chunks() -> None:
    """Else the tests above would not test what they say."""
    request = httpx.Request("POST", "http://a", content=_chunks(b"x"))
    assert "content-length" not in request.headers
