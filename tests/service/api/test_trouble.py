"""Events of a job, and what is said where something is in the way."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from onlooker.core.errors import StorageError, StorageFull
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions
from tests.service.world import (
    NOBODY,
    PIXEL,
    Stream,
    World,
    form,
    make_world,
    problem,
    send_form,
    state,
    stored_job,
    submitted,
)

pytestmark = pytest.mark.anyio

# Events


async def test_events_follow_a_job_to_its_answer(world: World) -> None:
    job = await submitted(world)
    seen = []
    async for name, data in Stream(world.app, f"/v1/jobs/{job}/events").events():
        seen.append((name, data["status"]))
        if len(seen) == 1:
            await asyncio.to_thread(world.work, job)
    assert seen == [("job", "queued"), ("job", "done")]
    again = [event async for event in Stream(world.app, f"/v1/jobs/{job}/events").events()]
    assert again == [("job", await state(world, job))]


async def test_events_end_where_the_job_is_deleted(world: World) -> None:
    job = await submitted(world)
    seen = []
    async for name, data in Stream(world.app, f"/v1/jobs/{job}/events").events():
        seen.append(name)
        if len(seen) == 1:
            await world.client.delete(f"/v1/jobs/{job}")
        else:
            assert data == {"id": job}
    assert seen == ["job", "gone"]


async def test_events_end_where_the_store_fails(world: World) -> None:
    job = await submitted(world)
    seen = []
    async for name, data in Stream(world.app, f"/v1/jobs/{job}/events").events():
        seen.append((name, data.get("type")))
        world.store.put(f"out/{job}.json", b"{")
    assert seen == [("job", None), ("problem", "urn:onlooker:problem:storage")]


async def test_events_end_with_the_server(world: World) -> None:
    job = await submitted(world)
    stream = Stream(world.app, f"/v1/jobs/{job}/events")
    seen = []
    async for name, _ in stream.events():
        seen.append(name)
        world.site.stopping.set()
    assert seen == ["job"]
    await stream.task


async def test_events_stop_where_nobody_listens(world: World) -> None:
    job = await submitted(world)
    stream = Stream(world.app, f"/v1/jobs/{job}/events")
    async for _ in stream.events():
        break
    stream.leave()
    await asyncio.wait_for(stream.task, 20)


async def test_the_head_of_events_does_not_wait(world: World) -> None:
    job = await submitted(world)
    answer = await asyncio.wait_for(world.client.head(f"/v1/jobs/{job}/events"), 20)
    assert answer.headers["content-type"].startswith("text/event-stream")


# What is no JSON


NO_UTF8 = [
    b'{"name":"\xff"}',
    b'{"\xff":1}',
    b'{"image":"AAAA","\xff":1}',
    b'{"upload":"\xff"}',
    b'{"upload":1,"\xff":1}',
]
DEEP = [
    b'{"image":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    b'{"upload":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    b'{"a":' * 16_000,
    b"[" * 90_000,
]


@pytest.mark.parametrize("body", NO_UTF8 + DEEP, ids=lambda body: body[:20])
@pytest.mark.parametrize("address", ["/v1/uploads", "/v1/jobs", "/v1/analyze"])
async def test_text_that_is_no_utf_8_and_endless_nesting_are_a_clients_mistake(
    world: World, address: str, body: bytes
) -> None:
    answer = await world.client.post(address, content=body, headers={"content-type": "application/json"})
    said = problem(answer, 400, "bad-request")
    assert "JSON" in said
    assert "base64;" not in said
    assert world.files() == []


# Stores and queues that do not work


async def test_a_full_disk_is_said_and_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = await form(world)

    def full(*_: object, **__: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "hardlink_to", full)
    monkeypatch.setattr(Path, "replace", full)
    problem(await world.client.post("/v1/jobs", content=PIXEL), 507, "storage-full")
    problem(await world.client.post("/v1/jobs", content=PIXEL, headers={"idempotency-key": "k"}), 507, "storage-full")
    problem(await send_form(world, upload), 507, "storage-full")
    assert world.files() == []
    monkeypatch.undo()
    assert (await world.client.post("/v1/jobs", content=PIXEL)).status_code == 202


async def test_a_queue_that_does_not_work_is_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    (world.folder / "tasks.sqlite").write_bytes(b"no database" * 100)
    for name in ("tasks.sqlite-wal", "tasks.sqlite-shm"):
        (world.folder / name).unlink(missing_ok=True)
    refused = await world.client.post("/v1/jobs", content=PIXEL)
    said = problem(refused, 503, "storage")
    assert "does not work just now" in said
    assert str(world.folder) not in said
    assert "queue cannot be used" in caplog.text
    assert refused.headers["retry-after"] == "5"
    ready = await world.client.get("/readyz")
    assert ready.status_code == 503
    assert (ready.json()["store"], ready.json()["workers"]) == ("ok", "ok")
    assert ready.json()["queue"] == "does not work; the server's log has more"


class Down(FolderStore):
    """A store that is there and does not answer."""

    def head(self, key: str) -> Any:
        raise StorageError(f"{key}: the store cannot be reached; check the network")

    def put(self, key: str, data: bytes, **_: Any) -> bool:
        del data
        raise StorageFull(f"{key} cannot be stored: the disk is full; make room")


async def test_readiness_says_what_is_in_the_way(tmp_path: Path) -> None:
    world = make_world(tmp_path, store=Down(tmp_path / "pictures"))
    world.reader.ready = 0
    ready = await world.client.get("/readyz")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "5")
    told = ready.json()
    assert "no worker" in told["workers"]
    assert told["store"] == "does not work; the server's log has more"
    assert (told["queue"], told["status"]) == ("ok", "not ready")
    assert (await world.client.get("/healthz")).status_code == 200
    problem(await world.client.get(f"/v1/jobs/{NOBODY}"), 503, "storage")
    problem(await world.client.post("/v1/jobs", content=PIXEL), 507, "storage-full")
    # What needs no store is still answered.
    assert (await world.client.post("/v1/analyze", content=PIXEL)).status_code == 200


async def test_a_client_that_goes_away_leaves_nothing(world: World) -> None:
    messages: list[Any] = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError(f"nobody is there to hear {message}")

    scope = {"type": "http", "method": "POST", "path": "/v1/jobs", "raw_path": b"/v1/jobs", "query_string": b""}
    scope |= {
        "headers": [(b"content-length", b"1000")],
        "client": ("10.0.0.1", 1),
        "server": ("a", 80),
        "scheme": "http",
    }
    await world.app({**scope, "http_version": "1.1", "asgi": {"version": "3.0"}}, receive, send)
    assert world.files() == []
    assert world.site.jobs.queue.depth() == (0, 0)
    assert world.site.bodies._room == world.site.settings.limits.in_flight
    assert 'status="499"' in (await world.client.get("/metrics")).text


# Through the page, without scripts


async def test_the_page_without_scripts_shows_what_was_sent_as_text(world: World) -> None:
    name = '<script>alert(1)</script>"'
    answer = await world.client.post("/page", files={"file": (name, PIXEL)})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "No face was found" in answer.text


def test_a_stored_job_holds_no_bytes_of_its_picture(world: World) -> None:
    job = world.site.jobs.submit(PIXEL, "a.jpg", JobOptions())
    world.work(job.id)
    assert PIXEL.decode() not in json.dumps(stored_job(world, job.id))
