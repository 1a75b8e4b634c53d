"""Pictures answered at once, and jobs from their beginning to their end."""

import asyncio
import io
from datetime import datetime, timedelta

import pytest
from PIL import Image

from onlooker.analyzer import Analysis
from onlooker.jobs.answering import give_up, lost_reason
from onlooker.jobs.job import Ticket, picture_key
from onlooker.jobs.pool import Answer, WorkerLost
from tests.service.world import NOBODY, PIXEL, World, client_of, no_faces, photograph, problem, state, submitted

pytestmark = pytest.mark.anyio

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

    second = (await world.client.post("/v1/jobs?keep=true", content=photograph())).json()["id"]

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


async def test_the_same_key_with_other_options_is_a_conflict(world: World) -> None:
    headers = {"idempotency-key": "k"}
    first = await world.client.post("/v1/jobs", content=PIXEL, headers=headers)
    again = await world.client.post("/v1/jobs", content=PIXEL, headers=headers)
    assert again.json() == first.json()
    other = await world.client.post("/v1/jobs?keep=true", content=PIXEL, headers=headers)
    assert "other options" in problem(other, 409, "idempotency-conflict")


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


async def test_a_kept_picture_is_upright_and_has_no_exif(world: World) -> None:
    job = (await world.client.post("/v1/jobs?keep=TRUE", content=photograph())).json()["id"]
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
