"""How often one client may call, and when it is told to come again."""

from pathlib import Path

import pytest

from onlooker.jobs.pool import Answer, Busy
from onlooker.service.security import Limiter
from tests.service.world import PIXEL, FakeClock, World, client_of, make_world, problem

pytestmark = pytest.mark.anyio


def test_a_bucket_fills_again() -> None:
    clock = FakeClock()
    limiter = Limiter(2, 3, clock)
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 0]
    assert limiter.take("a") == pytest.approx(0.5)
    assert limiter.take("b") == 0
    clock.now += 0.5
    assert limiter.take("a") == 0
    assert limiter.take("a") > 0
    clock.now += 1000
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 0]
    assert limiter.take("a") > 0


def test_a_rate_of_0_is_no_limit() -> None:
    limiter = Limiter(0, 1, FakeClock())
    assert [limiter.take("a", 100) for _ in range(5)] == [0] * 5


async def test_too_often_is_refused_with_when_to_come_again(tmp_path: Path) -> None:
    clock = FakeClock()
    world = make_world(tmp_path, limits={"rate": 0.5, "burst": 2}, clock=clock)
    for address in ("/v1/analyze", "/v1/jobs"):
        assert (await world.client.post(address, content=PIXEL)).status_code in (200, 202)
    for address in ("/v1/analyze", "/v1/jobs", "/v1/uploads", "/page"):
        refused = await world.client.post(address, content=PIXEL)
        problem(refused, 429, "too-many-requests")
        assert refused.headers["retry-after"] == "2"
    # Another client is not held up, and looking at a job costs nothing.
    assert (await client_of(world.app, "10.0.0.2").post("/v1/analyze", content=PIXEL)).status_code == 200
    problem(await world.client.get("/v1/jobs/" + "0" * 32), 404, "not-found")
    clock.now += 2
    assert (await world.client.post("/v1/analyze", content=PIXEL)).status_code == 200


@pytest.mark.parametrize("address", ["/v1/analyze", "/page"])
async def test_several_pictures_cost_as_many_and_pass_when_they_were_told_to_come_again(
    tmp_path: Path, address: str
) -> None:
    clock = FakeClock()
    world = make_world(tmp_path, limits={"rate": 1, "burst": 5}, clock=clock)
    three = [("file", (f"{n}.jpg", b"1")) for n in range(3)]
    assert (await world.client.post(address, files=three)).status_code == 200
    for after in (1, 3):
        refused = await world.client.post(address, files=three)
        problem(refused, 429, "too-many-requests")
        assert refused.headers["retry-after"] == str(after)
        clock.now += after
        assert (await world.client.post(address, files=three)).status_code == 200
    assert len(world.reader.seen) == 9


async def test_more_pictures_than_may_come_at_once_pass_where_none_came_before(tmp_path: Path) -> None:
    clock = FakeClock()
    world = make_world(tmp_path, limits={"rate": 1, "burst": 2}, clock=clock)
    three = [("file", (f"{n}.jpg", b"1")) for n in range(3)]
    for waited in (0, 3):
        clock.now += waited
        assert (await world.client.post("/v1/analyze", files=three)).status_code == 200
        refused = await world.client.post("/v1/analyze", files=three)
        assert refused.headers["retry-after"] == "3"


async def test_a_wait_is_announced_in_whole_seconds_after_which_it_is_over(tmp_path: Path) -> None:
    clock = FakeClock()
    world = make_world(tmp_path, limits={"rate": 0.8, "burst": 1}, clock=clock)
    assert (await world.client.post("/v1/analyze", content=PIXEL)).status_code == 200
    refused = await world.client.post("/v1/analyze", content=PIXEL)
    assert refused.headers["retry-after"] == "2"
    clock.now += 2
    assert (await world.client.post("/v1/analyze", content=PIXEL)).status_code == 200


async def test_too_many_at_once_are_refused_with_when_to_come_again(world: World) -> None:
    async def busy(data: bytes, name: str, *_: object) -> Answer:
        del data, name
        raise Busy(3)

    world.reader.instead = busy
    refused = await world.client.post("/v1/analyze", content=PIXEL)
    assert "try again in 3 s" in problem(refused, 503, "busy")
    assert refused.headers["retry-after"] == "3"
