"""Clients that go away while their picture is read: others wait, so nothing more is done for them."""

import asyncio
import base64
import json
from typing import Any

import pytest

from onlooker.jobs.pool import Answer
from tests.service.world import PIXEL, World

pytestmark = pytest.mark.anyio

FORM = b"".join(
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="%d.jpg"\r\n\r\ndata\r\n' % number
    for number in (1, 2)
)
DETECT = json.dumps({"Image": {"Bytes": base64.b64encode(b"\xff\xd8\xff").decode()}}).encode()

CALLS = {
    "/v1/analyze": (PIXEL, {}),
    "/page": (FORM + b"--x--\r\n", {"content-type": "multipart/form-data; boundary=x"}),
    "/": (DETECT, {"x-amz-target": "RekognitionService.DetectFaces"}),
}


@pytest.mark.parametrize("path", CALLS)
async def test_a_picture_is_given_up_where_nobody_waits_for_it(world: World, path: str) -> None:
    begun, given_up = asyncio.Event(), asyncio.Event()

    async def endless(data: bytes, name: str) -> Answer:
        del data, name
        begun.set()
        try:
            await asyncio.Event().wait()
            raise AssertionError("it never comes")
        finally:
            given_up.set()

    world.reader.instead = endless
    body, headers = CALLS[path]
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(f"nobody is there to hear {message}")

    scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "asgi": {"version": "3.0"}, "scheme": "http"}
    scope |= {"method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"client": ("10.0.0.1", 1), "server": ("a", 80)}
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    await asyncio.wait_for(world.app({**scope, "headers": named}, receive, send), 20)
    assert given_up.is_set()
    assert len(world.reader.seen) == 1  # of a form's two
    assert world.site.bodies._room == world.site.settings.limits.in_flight
    counted = (await world.client.get("/metrics")).text
    assert f'onlooker_requests_total{{method="POST",route="{path}",status="499"}} 1.0' in counted
    assert "onlooker_pictures_total{" not in counted
