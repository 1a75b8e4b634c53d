"""Pictures that are sent to the store by a form, and got from it by a signed address."""

import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.service.world import NOBODY, World, form, make_world, photograph, problem, send_form, state

pytestmark = pytest.mark.anyio

# Forms


async def test_a_picture_by_a_form(world: World) -> None:
    upload = await form(world, options={"keep": True})
    problem(await world.client.post("/v1/jobs", json={"upload": upload["id"]}), 404, "not-found")
    assert (await send_form(world, upload, photograph())).status_code == 204
    started = await world.client.post("/v1/jobs", json={"upload": upload["id"]})
    assert (started.status_code, started.json()["status"]) == (202, "queued")
    world.work(upload["id"])
    done = await state(world, upload["id"])
    assert (done["analysis"]["source"], done["picture"]) == ("a.jpg", f"/v1/jobs/{upload['id']}/picture")
    assert datetime.fromisoformat(upload["expires"]).tzinfo is not None


async def test_a_form_whose_picture_was_answered_takes_no_other(world: World) -> None:
    upload = await form(world)
    for _ in range(2):  # until it is answered, whoever is not sure that it came may send it again
        assert (await send_form(world, upload)).status_code == 204
    assert (await world.client.post("/v1/jobs", json={"upload": upload["id"]})).status_code == 202
    assert world.work(upload["id"]) == "answered"
    assert "ask for a new form" in problem(await send_form(world, upload, b"another"), 403, "forbidden")
    assert [path.parent.name for path in world.files()] == ["out_"]


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
