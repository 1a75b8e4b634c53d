"""The API, without a network: pictures answered at once, and jobs from their beginning to their end."""

import asyncio
import io
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from onlooker.analyzer import Analysis
from onlooker.core.errors import StorageError, StorageFull
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Ticket, picture_key
from onlooker.jobs.pool import Answer, WorkerLost
from onlooker.jobs.worker import give_up, lost_reason
from tests.service.world import PIXEL, Stream, World, client_of, make_world, no_faces, problem, stored_job

pytestmark = pytest.mark.anyio

NOBODY = "0" * 32


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


async def submitted(world: World, data: bytes = PIXEL, headers: dict[str, str] | None = None) -> str:
    answer = await world.client.post("/v1/jobs", content=data, headers=headers)
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["id"]
    return job


async def state(world: World, job: str) -> dict[str, Any]:
    answer = await world.client.get(f"/v1/jobs/{job}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# At once


async def test_a_picture_is_answered_at_once_and_nothing_is_stored(world: World) -> None:
    answer = await world.client.post("/v1/analyze?name=a.jpg", content=PIXEL)
    assert answer.json() == no_faces(PIXEL, "a.jpg").to_dict()
    assert answer.headers["server-timing"] == "decode;dur=1.0, detect;dur=2.0, estimate;dur=3.0"
    assert world.files() == []
    assert world.site.jobs.queue.depth() == (0, 0)


async def test_intervals_may_be_asked_for_by_their_confidence(world: World) -> None:
    asked = []
    for query in ("?confidence=0.8", ""):
        assert (await world.client.post(f"/v1/analyze{query}", content=PIXEL)).status_code == 200
        asked.append(world.reader.confidence)
    assert asked == [0.8, None]
    job = (await world.client.post("/v1/jobs?confidence=0.75", content=PIXEL)).json()["id"]
    form = (await world.client.post("/v1/uploads", json={"options": {"confidence": 0.6}})).json()
    assert Ticket.of(world.store.get(picture_key(job)).info).options.confidence == 0.75
    assert '"confidence":0.6' in form["fields"]["x-amz-meta-job"]


@pytest.mark.parametrize("confidence", ["0.4", "1", "much", "", "nan"])
async def test_a_confidence_that_is_none_is_refused(world: World, confidence: str) -> None:
    for route in ("/v1/analyze", "/v1/jobs"):
        problem(await world.client.post(f"{route}?confidence={confidence}", content=PIXEL), 400, "bad-request")
    if confidence == "0.4":
        sent = {"options": {"confidence": 0.4}}
        problem(await world.client.post("/v1/uploads", json=sent), 400, "bad-request")


async def test_what_cannot_be_read_is_said(world: World) -> None:
    assert problem(await world.client.post("/v1/analyze", content=b"bad"), 422, "unreadable-picture") == "not a picture"


async def test_of_several_pictures_the_bad_ones_say_so_in_their_place(world: World) -> None:
    files = [("file", ("a", PIXEL)), ("file", ("b", b"bad")), ("file", ("c", b""))]
    answer = await world.client.post("/v1/analyze", files=files)
    assert answer.status_code == 200
    assert [one["error"] for one in answer.json()] == [None, "not a picture", None]
    assert "decode;dur=3.0" in answer.headers["server-timing"]


async def test_a_picture_that_stops_its_worker_is_said(world: World) -> None:
    async def lost(data: bytes, name: str, *_: object) -> Answer:
        del data, name
        raise WorkerLost("the picture stopped the worker that read it; try it in another format")

    world.reader.instead = lost
    problem(await world.client.post("/v1/analyze", content=PIXEL), 500, "picture-stops-worker")


async def test_what_is_answered_is_counted(world: World) -> None:
    await world.client.post("/v1/analyze", content=PIXEL)
    await world.client.post("/v1/analyze", content=b"bad")
    await world.client.get("/nothing/secret-name")
    counted = (await world.client.get("/metrics")).text
    assert 'onlooker_pictures_total{outcome="read"} 1.0' in counted
    assert 'onlooker_pictures_total{outcome="unreadable"} 1.0' in counted
    assert 'onlooker_requests_total{method="POST",route="/v1/analyze",status="422"} 1.0' in counted
    assert "secret-name" not in counted


async def test_made_up_methods_do_not_fill_the_metrics(world: World) -> None:
    for number in range(3):
        await world.client.request(f"BREW{number}", "/healthz")
    assert "BREW" not in (await world.client.get("/metrics")).text


# Jobs


async def test_a_job_from_its_beginning_to_its_end(world: World) -> None:
    sent = await world.client.post("/v1/jobs?name=a.jpg", content=PIXEL)
    job = sent.json()
    assert sent.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["analysis"]) == ("queued", None)
    assert (await state(world, job["id"]))["status"] == "queued"
    assert world.site.jobs.queue.depth() == (1, 0)
    assert world.work(job["id"]) == "answered"
    done = await state(world, job["id"])
    assert done["status"] == "done"
    assert done["created"] == (await state(world, job["id"]))["created"]
    assert done["analysis"] == no_faces(PIXEL, "a.jpg").to_dict()
    assert done["picture"] is None
    assert done["timings"].keys() == {"queue", "decode", "detect", "estimate"}
    assert datetime.fromisoformat(done["expires"]) - datetime.fromisoformat(done["answered"]) == timedelta(hours=24)
    assert "digest" not in done
    # The picture is gone, the answer is not, until it is deleted.
    assert [path.parent.name for path in world.files()] == ["out_"]
    assert (await world.client.delete(f"/v1/jobs/{job['id']}")).status_code == 204
    assert world.files() == []
    for method in ("GET", "DELETE"):
        problem(await world.client.request(method, f"/v1/jobs/{job['id']}"), 404, "not-found")


async def test_a_job_whose_picture_cannot_be_read_has_failed(world: World) -> None:
    job = await submitted(world, b"bad")
    world.work(job)
    failed = await state(world, job)
    assert (failed["status"], failed["error"], failed["analysis"]["faces"]) == ("failed", "not a picture", [])


async def test_a_job_that_was_given_up_says_so(world: World) -> None:
    job = await submitted(world)
    assert give_up(world.store, f"in/{job}", lost_reason(4))
    failed = await state(world, job)
    assert failed["status"] == "failed"
    assert "stopped its worker 4 times" in failed["error"]
    assert failed["analysis"] is None


@pytest.mark.parametrize(
    "job", [NOBODY, "x", "A" * 32, "0" * 31, "0" * 33, "%2e%2e", "in%2f" + NOBODY, "%00", "ü", chr(0x660) * 32]
)
async def test_ids_that_are_none(world: World, job: str) -> None:
    for tail in ("", "/events", "/picture"):
        problem(await world.client.get(f"/v1/jobs/{job}{tail}"), 404, "not-found")
    problem(await world.client.delete(f"/v1/jobs/{job}"), 404, "not-found")


async def test_an_answer_that_is_damaged_is_said(world: World) -> None:
    job = await submitted(world)
    world.store.put(f"out/{job}.json", b"{")
    problem(await world.client.get(f"/v1/jobs/{job}"), 503, "storage")


async def test_a_job_that_is_deleted_while_it_waits_or_is_worked_on_leaves_nothing(world: World) -> None:
    job = await submitted(world)
    assert (await world.client.delete(f"/v1/jobs/{job}")).status_code == 204
    assert world.work(job) == "gone"

    second = (await world.client.post("/v1/jobs?keep=true", content=_jpeg())).json()["id"]

    def deleted_meanwhile(data: bytes, name: str, *_: object) -> Analysis:
        assert world.site.jobs.delete(second)
        return no_faces(data, name)

    assert world.work(second, deleted_meanwhile) == "gone"
    assert world.files() == []


# Repeating


async def test_the_same_key_and_picture_are_the_same_job(world: World) -> None:
    first = await submitted(world, headers={"idempotency-key": "k"})
    assert await submitted(world, headers={"idempotency-key": "k"}) == first
    assert await submitted(world, headers={"idempotency-key": "l"}) != first
    assert await submitted(world) != first
    world.work(first)
    again = await world.client.post("/v1/jobs", content=PIXEL, headers={"idempotency-key": "k"})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (202, first, "done")


async def test_the_same_key_with_another_picture_is_a_conflict(world: World) -> None:
    first = await submitted(world, headers={"idempotency-key": "k"})
    for _ in range(2):
        other = await world.client.post("/v1/jobs", content=b"other", headers={"idempotency-key": "k"})
        problem(other, 409, "idempotency-conflict")
        world.work(first)
    assert (await state(world, first))["status"] == "done"


async def test_many_at_once_with_one_key_are_one_job(world: World) -> None:
    clients = [client_of(world.app) for _ in range(12)]
    pictures = [PIXEL] * 8 + [b"other"] * 4
    headers = {"idempotency-key": "k"}
    calls = [
        client.post("/v1/jobs", content=data, headers=headers) for client, data in zip(clients, pictures, strict=True)
    ]
    answers = await asyncio.gather(*calls)
    taken = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(taken) == 1
    stored = world.store.get(f"in/{taken.pop()}").data
    for picture, answer in zip(pictures, answers, strict=True):
        assert answer.status_code == (202 if picture == stored else 409)
    assert len([path for path in world.files() if path.parent.name == "in_"]) == 1


async def test_two_keys_owners_do_not_meet(world: World) -> None:
    own = {"idempotency-key": "k"}
    jobs = set()
    for name in ("shop", "office"):
        _, plain = world.site.keys.add(name)
        jobs.add(await submitted(world, headers={**own, "x-api-key": plain}))
    jobs.add(await submitted(world, headers=own))
    assert len(jobs) == 3


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü"])
async def test_an_idempotency_key_that_is_none_is_refused(world: World, key: str) -> None:
    headers = {b"idempotency-key": key.encode("latin-1")}
    problem(await world.client.post("/v1/jobs", content=PIXEL, headers=headers), 400, "bad-request")
    assert world.files() == []


# Kept pictures


def _jpeg(orientation: int = 6, comment: str = "secret place") -> bytes:
    """A picture 40 wide and 30 high as stored, to be shown turned, with EXIF: red on the left, blue on the right."""
    image = Image.new("RGB", (40, 30), "red")
    image.paste("blue", (20, 0, 40, 30))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, comment
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, comment=comment)
    return file.getvalue()


async def test_a_kept_picture_is_upright_and_has_no_exif(world: World) -> None:
    job = (await world.client.post("/v1/jobs?keep=TRUE", content=_jpeg())).json()["id"]
    problem(await world.client.get(f"/v1/jobs/{job}/picture"), 404, "not-found")
    world.work(job)
    address = (await state(world, job))["picture"]
    kept = await world.client.get(address)
    assert kept.headers["content-type"] == "image/jpeg"
    assert b"secret" not in kept.content
    with Image.open(io.BytesIO(kept.content)) as image:
        assert image.size == (30, 40)
        assert not image.getexif()
        top = image.getpixel((15, 5))
    assert isinstance(top, tuple)
    assert top[0] > 200 > 60 > top[2]
    assert (await world.client.delete(f"/v1/jobs/{job}")).status_code == 204
    assert world.files() == []
    problem(await world.client.get(address), 404, "not-found")


@pytest.mark.parametrize("keep", ["1", "yes", "", "truefalse"])
async def test_keep_is_true_or_false(world: World, keep: str) -> None:
    problem(await world.client.post("/v1/jobs", params={"keep": keep}, content=PIXEL), 400, "bad-request")


async def test_a_picture_that_cannot_be_read_is_not_kept(world: World) -> None:
    job = (await world.client.post("/v1/jobs?keep=true", content=b"bad")).json()["id"]
    world.work(job)
    assert (await state(world, job))["picture"] is None
    assert [path.parent.name for path in world.files()] == ["out_"]


# Forms


async def form(world: World, **options: Any) -> dict[str, Any]:
    answer = await world.client.post("/v1/uploads", json={"name": "a.jpg", **options})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def send_form(
    world: World, upload: dict[str, Any], data: bytes = PIXEL, changed: dict[str, str] | None = None
) -> httpx.Response:
    fields = {**upload["fields"], **(changed or {})}
    return await client_of(world.app).post(upload["url"], data=fields, files={"file": ("a.jpg", data, "image/jpeg")})


async def test_a_picture_by_a_form(world: World) -> None:
    upload = await form(world, options={"keep": True})
    problem(await world.client.post("/v1/jobs", json={"upload": upload["id"]}), 404, "not-found")
    assert (await send_form(world, upload, _jpeg())).status_code == 204
    started = await world.client.post("/v1/jobs", json={"upload": upload["id"]})
    assert (started.status_code, started.json()["status"]) == (202, "queued")
    world.work(upload["id"])
    done = await state(world, upload["id"])
    assert (done["analysis"]["source"], done["picture"]) == ("a.jpg", f"/v1/jobs/{upload['id']}/picture")
    assert datetime.fromisoformat(upload["expires"]).tzinfo is not None


async def test_a_form_that_was_changed_is_refused(world: World) -> None:
    upload = await form(world)
    changes = [{"key": f"in/{NOBODY}"}, {"policy": "e30="}, {"signature": "0" * 64}, {"signature": "ü"}]
    for changed in [*changes, {"x-amz-meta-job": "{}"}, {"x-amz-meta-more": "1"}]:
        problem(await send_form(world, upload, changed=changed), 403, "forbidden")
    for missing in ("key", "policy", "signature", "x-amz-meta-job"):
        fields = {name: value for name, value in upload["fields"].items() if name != missing}
        problem(await send_form(world, {**upload, "fields": fields}), 403, "forbidden")
    assert world.files() == []
    assert (await send_form(world, upload)).status_code == 204


async def test_a_form_that_has_expired_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = await form(world)
    at = time.time() + 901
    monkeypatch.setattr(time, "time", lambda: at)
    assert "expired" in problem(await send_form(world, upload), 403, "forbidden")
    assert world.files() == []


async def test_a_form_s_file_is_there_and_of_bearable_size(tmp_path: Path) -> None:
    world = make_world(tmp_path, limits={"max_bytes": 1000})
    upload = await form(world)
    for size in (0, 1001):
        assert "1 to 1000" in problem(await send_form(world, upload, b"x" * size), 403, "forbidden")
    problem(await send_form(world, upload, b"x" * 200_000), 413, "too-large")
    boundary = {"content-type": "multipart/form-data; boundary=x"}
    without = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--x--\r\n'
    problem(await world.client.post("/v1/store", content=without, headers=boundary), 400, "bad-request")
    problem(await world.client.post("/v1/store", data=upload["fields"]), 415, "unsupported-media-type")
    assert world.files() == []


@pytest.mark.parametrize(
    "body",
    [
        '{"name": 1}',
        '{"options": {"keep": "yes"}}',
        '{"options": {"more": 1}}',
        '{"more": 1}',
        "[]",
        "{",
        '"x"',
        "\x00",
    ],
)
async def test_what_asks_for_no_form_is_refused(world: World, body: str) -> None:
    problem(await world.client.post("/v1/uploads", content=body), 400, "bad-request")


async def test_a_form_may_be_asked_for_with_nothing(world: World) -> None:
    assert (await world.client.post("/v1/uploads")).status_code == 201


@pytest.mark.parametrize("upload", ["x", "../" * 9, 1, None, "", "A" * 32, ["x"]])
async def test_an_upload_that_is_none(world: World, upload: object) -> None:
    problem(await world.client.post("/v1/jobs", json={"upload": upload}), 400, "bad-request")


async def test_an_object_is_got_by_a_signed_address_alone(world: World) -> None:
    world.store.put("some/file name.html", b"<script>", content_type="text/html")
    address = world.store.presign("some/file name.html", seconds=60)
    got = await world.client.get(address)
    assert (got.status_code, got.content) == (200, b"<script>")
    assert got.headers["content-disposition"] == "attachment"
    assert got.headers["content-security-policy"] == "sandbox"
    for wrong in (
        address[:-1],
        address.replace("file%20name", "other"),
        address.partition("?")[0],
        "/v1/store/a?until=x",
    ):
        problem(await world.client.get(wrong), 403, "forbidden")
    problem(await world.client.get(world.store.presign("none", seconds=60)), 404, "not-found")
    problem(await world.client.get(world.store.presign("some/file name.html", seconds=-5)), 403, "forbidden")


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
